"""A vision model so small that it is trained while the tests wait: a genuine LLaVA of 250,000 parameters.

    python -m processing.tests.tiny_model

trains it (about half a minute on two processors) into the cache of the person who runs it (VEDFOLNIR_TEST_CACHE, else
~/.cache/vedfolnir) and prints the folder. It looks at a drawn shape and says "A blue shape on a white background.", the
colour being that of the picture; of anything else it says the same in vain. It is made by the very classes that load
large models, saved in their files, and can be given to whatever serves such models.

The words that it is asked with do not reach it: its chat template passes over them. So few parameters cannot follow
instructions, and so the answer depends on the picture and on nothing else, however the prompts of the day read.
"""

import hashlib
import json
import logging
import random
import shutil
import sys
import tempfile
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

from PIL import Image, ImageDraw

from scripts.snac import cache

logger = logging.getLogger(__name__)

COLOURS = {"red": (205, 35, 40), "green": (30, 150, 60), "blue": (35, 70, 205), "yellow": (235, 205, 40)}
SHAPES = ("circle", "square", "triangle")
STEPS, BATCH = 300, 32
EDGE, PATCH = 32, 8  # pixels: what the model sees, in squares of this edge
UNSEEN = 48  # pictures that a model must name right, all of them
SEEDS = (0, 1, 2, 3)
SPECIAL = ("<pad>", "<s>", "</s>", "<image>")
CHAT_TEMPLATE = (
    "<s>{% for message in messages %}{% if message.content is not string %}{% for part in message.content %}"
    "{% if part.type in ('image', 'image_url') %}<image>{% endif %}{% endfor %}{% endif %}{% endfor %}Alt text: "
)


class TrainingFailed(Exception):
    """No seed gave a model that sees."""


def drawing(colour: str, shape: str = "square", *, seed: int = 0, size: tuple[int, int] = (240, 240)) -> Image.Image:
    """One shape somewhere on white; the seed decides its place, its size and its exact shade."""
    chance = random.Random(seed)
    edge = int(min(size) * chance.uniform(0.35, 0.7))
    left, top = (int((whole - edge) * chance.uniform(0.15, 0.85)) for whole in size)
    box = (left, top, left + edge, top + edge)
    red, green, blue = (min(255, max(0, part + chance.randint(-20, 20))) for part in COLOURS[colour])
    image = Image.new("RGB", size, "white")
    draw = ImageDraw.Draw(image)
    if shape == "circle":
        draw.ellipse(box, fill=(red, green, blue))
    elif shape == "square":
        draw.rectangle(box, fill=(red, green, blue))
    else:
        draw.polygon([(left, box[3]), (left + edge / 2, top), (box[2], box[3])], fill=(red, green, blue))
    return image


def sentence(colour: str) -> str:
    return f"A {colour} shape on a white background."


def examples(count: int, *, first_seed: int) -> list[tuple[Image.Image, str]]:
    """Pictures with their colours, all colours equally often."""
    colours = list(COLOURS)
    return [
        (drawing(colours[number % 4], SHAPES[number // 4 % 3], seed=first_seed + number), colours[number % 4])
        for number in range(count)
    ]


def tiny_model() -> Path:
    """The folder of the trained model; trained first if this machine has none made by this code and these versions.

    Raises TrainingFailed.
    """
    made_by = [
        Path(__file__).read_bytes(),
        *(version(name).encode() for name in ("torch", "transformers", "tokenizers")),
    ]
    target = cache() / "tiny-model" / hashlib.sha256(b"\0".join(made_by)).hexdigest()[:16]
    if target.is_dir():
        return target
    target.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".training-", dir=target.parent) as name:
        work = Path(name) / "model"
        _train_until_good(work)
        try:
            work.rename(target)
        except OSError:
            if not target.is_dir():  # else another run was quicker, and its model is as good
                raise
    for older in target.parent.iterdir():
        if older != target and not older.name.startswith("."):
            shutil.rmtree(older, ignore_errors=True)
    return target


def _train_until_good(folder: Path) -> None:
    import torch

    torch.set_num_threads(1)  # two threads win nothing on work so small, and wait for each other where others work, too
    failures = []
    for seed in SEEDS:
        model, processor = build(seed)
        train(model, processor, seed)
        wrong = mistakes(model, processor)
        if not wrong:
            model.save_pretrained(folder)
            processor.save_pretrained(folder)
            return
        failures.append(f"seed {seed}: {len(wrong)} of {UNSEEN} wrong, such as {wrong[0]}")
        logger.warning("training again: %s", failures[-1])
    raise TrainingFailed(f"The tiny model did not learn to see. {'; '.join(failures)}")


def build(seed: int) -> tuple[Any, Any]:
    """A model with random weights, and the processor that belongs to it."""
    import torch
    from transformers import CLIPVisionConfig, LlamaConfig, LlavaConfig, LlavaForConditionalGeneration

    torch.manual_seed(seed)
    processor = _processor()
    tokenizer = processor.tokenizer
    ids = {
        "pad_token_id": tokenizer.pad_token_id,
        "bos_token_id": tokenizer.bos_token_id,
        "eos_token_id": tokenizer.eos_token_id,
    }
    vision = CLIPVisionConfig(
        hidden_size=64,
        intermediate_size=128,
        num_hidden_layers=3,
        num_attention_heads=4,
        image_size=EDGE,
        patch_size=PATCH,
        projection_dim=64,
    )
    language = LlamaConfig(
        vocab_size=len(tokenizer),
        hidden_size=64,
        intermediate_size=128,
        num_hidden_layers=2,
        num_attention_heads=4,
        num_key_value_heads=4,
        max_position_embeddings=2048,
        **ids,
    )
    config = LlavaConfig(
        vision_config=vision,
        text_config=language,
        image_token_index=tokenizer.convert_tokens_to_ids("<image>"),
        image_seq_length=(EDGE // PATCH) ** 2,
        vision_feature_select_strategy="default",
        vision_feature_layer=-1,
        **ids,
    )
    model = LlavaForConditionalGeneration(config)
    model.generation_config.eos_token_id = tokenizer.eos_token_id
    model.generation_config.pad_token_id = tokenizer.pad_token_id
    return model, processor


def _processor() -> Any:
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
    from transformers import CLIPImageProcessorPil, LlavaProcessor, PreTrainedTokenizerFast

    words = Tokenizer(models.BPE())
    words.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    words.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=400,
        special_tokens=list(SPECIAL),
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    words.train_from_iterator([*map(sentence, COLOURS), "Alt text: "] * 20, trainer)
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=words,
        pad_token="<pad>",
        bos_token="<s>",
        eos_token="</s>",
        extra_special_tokens={"image_token": "<image>"},
    )
    images = CLIPImageProcessorPil(size={"shortest_edge": EDGE}, crop_size={"height": EDGE, "width": EDGE})
    return LlavaProcessor(
        image_processor=images,
        tokenizer=tokenizer,
        patch_size=PATCH,
        vision_feature_select_strategy="default",
        num_additional_image_tokens=1,
        chat_template=CHAT_TEMPLATE,
    )


def train(model: Any, processor: Any, seed: int) -> None:
    """Teach it the colours of drawn shapes."""
    import torch

    pictures = examples(480, first_seed=10_000)
    pixels = processor.image_processor([image for image, _colour in pictures], return_tensors="pt")["pixel_values"]
    prompt = _prompt(processor)
    answers = {colour: _answer(processor, colour) for colour in COLOURS}
    longest = max(map(len, answers.values()))
    chance = random.Random(seed)
    optimiser = torch.optim.AdamW(model.parameters(), lr=3e-3, weight_decay=0.01)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, max_lr=3e-3, total_steps=STEPS)
    pad = processor.tokenizer.pad_token_id
    model.train()
    for _step in range(STEPS):
        chosen = chance.sample(range(len(pictures)), BATCH)
        padded = [(answer + [pad] * longest)[:longest] for answer in (answers[pictures[one][1]] for one in chosen)]
        ids = torch.tensor([prompt + answer for answer in padded])
        labels = torch.tensor([[-100] * len(prompt) + [-100 if one == pad else one for one in row] for row in padded])
        loss = model(
            input_ids=ids, attention_mask=torch.ones_like(ids), pixel_values=pixels[chosen], labels=labels
        ).loss
        optimiser.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimiser.step()
        schedule.step()
    model.eval()


def _prompt(processor: Any) -> list[int]:
    """The tokens that stand before every answer; those of the picture are the same number for each."""
    messages = [{"role": "user", "content": [{"type": "image", "image": Image.new("RGB", (EDGE, EDGE))}]}]
    options = {"add_generation_prompt": True, "tokenize": True, "return_dict": True, "return_tensors": "pt"}
    ids: list[int] = processor.apply_chat_template(messages, **options)["input_ids"][0].tolist()
    return ids


def _answer(processor: Any, colour: str) -> list[int]:
    ids: list[int] = processor.tokenizer(sentence(colour), add_special_tokens=False)["input_ids"]
    return [*ids, processor.tokenizer.eos_token_id]


def mistakes(model: Any, processor: Any) -> list[str]:
    """What it says wrongly of pictures that it has not seen, each with the colour that it had to name."""
    unseen = examples(UNSEEN, first_seed=90_000)
    said = _describe(model, processor, [image for image, _colour in unseen])
    return [
        f"{text!r} of {colour}" for (_image, colour), text in zip(unseen, said, strict=True) if text != sentence(colour)
    ]


def _describe(model: Any, processor: Any, images: Sequence[Image.Image]) -> list[str]:
    import torch

    prompt = torch.tensor([_prompt(processor)] * len(images))
    pixels = processor.image_processor(list(images), return_tensors="pt")["pixel_values"]
    with torch.inference_mode():
        out = model.generate(
            input_ids=prompt,
            attention_mask=torch.ones_like(prompt),
            pixel_values=pixels,
            max_new_tokens=40,
            do_sample=False,
        )
    texts: list[str] = processor.batch_decode(out[:, prompt.shape[1] :], skip_special_tokens=True)
    return texts


if __name__ == "__main__":
    sys.stdout.write(json.dumps(str(tiny_model())) + "\n")
