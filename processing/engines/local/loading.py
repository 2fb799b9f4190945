"""A model in this process: loaded once, asked by one thread at a time.

torch and transformers are imported when a model is loaded, and not before: that takes seconds and 400 MB, and a process
that is to fork must not have done it.
"""

import io
import os
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from PIL import Image

from processing.engines.base import EngineMisconfigured, EngineRefused, EngineUnavailable

MAX_NEW_TOKENS = 512  # some 2,000 characters of English, more than any server takes
TILED_EDGE = 1024  # pixels: prepared pictures are no larger, and enlarging them makes four times the work of them

_NEEDED = ("torch", "transformers", "accelerate")
_HOW = ".venv/bin/pip install -r requirements-local.txt (scripts/run --with-model does it for you)"

_models: dict[Path, "LocalModel"] = {}
_loading = threading.Lock()
_loaded_in = 0  # the process that imported torch; 0 if none did


@dataclass(frozen=True)
class Said:
    """What a model said of a picture."""

    text: str
    tokens_in: int
    tokens_out: int
    confidence: float | None  # mean log-probability of its tokens


@dataclass
class LocalModel:
    """Weights and processor on a device."""

    model: Any
    processor: Any
    device: str
    takes_several: bool  # pictures in one question
    turn: threading.Lock = field(default_factory=threading.Lock)

    def ask(self, prompt: str, pictures: Sequence[bytes], *, temperature: float, seconds: float) -> Said:
        """Ask about some JPEGs; `seconds` limits both the wait for one's turn and the answer.

        Raises EngineUnavailable (busy, too slow, out of memory) and EngineRefused (no end, or a picture that this
        model cannot take).
        """
        if not self.turn.acquire(timeout=seconds):
            raise EngineUnavailable(f"The model was busy with other pictures for {seconds:.0f} seconds.")
        try:
            return self._generate(self._inputs(prompt, pictures), temperature, seconds)
        except (RuntimeError, MemoryError, ValueError, IndexError) as error:
            raise _explain(error) from error
        finally:
            self.turn.release()

    def _inputs(self, prompt: str, pictures: Sequence[bytes]) -> Any:
        images = [Image.open(io.BytesIO(picture)).convert("RGB") for picture in pictures]
        content: list[dict[str, Any]] = [
            *({"type": "image", "image": image} for image in images),
            {"type": "text", "text": prompt},
        ]
        try:
            return _templated(self.processor, content).to(self.device, self.model.dtype)
        except (ValueError, TypeError, IndexError) as error:
            raise EngineRefused(f"The model's own preparation does not take this picture: {_line(error)}") from error

    def _generate(self, inputs: Any, temperature: float, seconds: float) -> Said:
        import torch

        chance = {"do_sample": True, "temperature": temperature} if temperature > 0 else {"do_sample": False}
        with torch.inference_mode():
            out = self.model.generate(
                **inputs,
                **chance,
                max_new_tokens=MAX_NEW_TOKENS,
                max_time=seconds,
                return_dict_in_generate=True,
                output_scores=True,
            )
            scores = self.model.compute_transition_scores(out.sequences, out.scores, normalize_logits=True)
        before = inputs["input_ids"].shape[1]
        new = out.sequences[0, before:].tolist()
        self._require_end(new, seconds)
        return Said(
            text=self.processor.batch_decode(out.sequences[:, before:], skip_special_tokens=True)[0],
            tokens_in=before,
            tokens_out=len(new),
            confidence=float(scores[0].float().mean()) if new else None,
        )

    def _require_end(self, tokens: Sequence[int], seconds: float) -> None:
        """Half a sentence is no description. Raises EngineRefused or EngineUnavailable if the answer was cut."""
        ends = self.model.generation_config.eos_token_id
        if tokens and tokens[-1] in (ends if isinstance(ends, list) else [ends]):
            return
        if len(tokens) >= MAX_NEW_TOKENS:
            raise EngineRefused(f"The model did not come to an end within {MAX_NEW_TOKENS} tokens.")
        raise EngineUnavailable(f"The model did not come to an end within {seconds:.0f} seconds.")


def local_model(folder: Path) -> LocalModel:
    """The model in `folder`, loaded if this process has not done so yet.

    Raises EngineMisconfigured if it cannot be loaded, by this process or at all.
    """
    with _loading:
        require_packages()
        _require_own_process()
        if folder not in _models:
            _models[folder] = _load(folder)
        return _models[folder]


def require_packages() -> None:
    """Raises EngineMisconfigured, which says how to install what is missing."""
    missing = [name for name in _NEEDED if find_spec(name) is None]
    if missing:
        raise EngineMisconfigured(
            f"The engine “transformers” needs Python packages that are not installed: {', '.join(missing)}. "
            f"Install them: {_HOW}"
        )


def _require_own_process() -> None:
    """torch's threads and a graphics card do not survive a fork: a child hangs instead of failing."""
    global _loaded_in  # noqa: PLW0603  (one import per process is what it counts)
    if _loaded_in not in (0, os.getpid()):
        raise EngineMisconfigured(
            "This process was forked after the model had been loaded, so it cannot be used here. Start the worker with "
            "--pool=threads or --pool=solo."
        )
    _loaded_in = os.getpid()


def _load(folder: Path) -> LocalModel:
    os.environ["HF_HUB_OFFLINE"] = "1"  # everything lies in the folder; nothing is asked of the network
    os.environ["HF_HUB_DISABLE_TELEMETRY"] = "1"
    import torch
    from safetensors import SafetensorError
    from transformers import AutoModelForImageTextToText, AutoProcessor
    from transformers.utils import logging

    logging.disable_progress_bar()
    logging.set_verbosity_error()
    local: dict[str, Any] = {"local_files_only": True, "trust_remote_code": False}
    device = "cuda" if torch.cuda.is_available() else "cpu"
    try:
        processor = AutoProcessor.from_pretrained(folder, **local)
        model = AutoModelForImageTextToText.from_pretrained(
            folder, dtype=_number_format(torch, device), use_safetensors=True, **local
        )
        model = model.to(device).eval()
    except (OSError, ValueError, TypeError, KeyError, ImportError, AttributeError, SafetensorError) as error:
        raise EngineMisconfigured(f"The model in {folder} cannot be loaded: {_line(error)}") from error
    except (RuntimeError, MemoryError) as error:
        if _is_out_of_memory(error):
            raise EngineMisconfigured(
                "There is not enough memory for this model. Choose a smaller one with TRANSFORMERS_MODEL."
            ) from error
        raise EngineMisconfigured(f"The model in {folder} cannot be loaded: {_line(error)}") from error
    if getattr(processor, "chat_template", None) is None:
        raise EngineMisconfigured(f"The model in {folder} cannot be asked in words: it has no chat template.")
    _work_less(processor)
    return LocalModel(model, processor, device, _takes_several(processor))


def _number_format(torch: Any, device: str) -> Any:
    """bfloat16 where the machine calculates in it, for half the memory and most of the speed."""
    if device == "cuda":
        return torch.bfloat16 if torch.cuda.is_bf16_supported(including_emulation=False) else torch.float16
    can = torch.cpu.get_capabilities()
    return torch.bfloat16 if can.get("amx_bf16") or can.get("avx512_bf16") else torch.float32


def _work_less(processor: Any) -> None:
    """Idefics and its like cut a picture into tiles, after enlarging it to 2048 pixels: seventeen tiles for nothing."""
    images = processor.image_processor
    size = getattr(images, "size", None) or {}
    if getattr(images, "do_image_splitting", False) and size["longest_edge"] > TILED_EDGE:
        images.size = {"longest_edge": TILED_EDGE}


def _takes_several(processor: Any) -> bool:
    picture = Image.new("RGB", (64, 64), "white")
    try:
        _templated(processor, [*[{"type": "image", "image": picture}] * 2, {"type": "text", "text": "x"}])
    except (ValueError, TypeError, IndexError, RuntimeError):
        return False
    return True


def _templated(processor: Any, content: list[dict[str, Any]]) -> Any:
    return processor.apply_chat_template(
        [{"role": "user", "content": content}],
        add_generation_prompt=True,
        tokenize=True,
        return_dict=True,
        return_tensors="pt",
    )


def _is_out_of_memory(error: BaseException) -> bool:
    if isinstance(error, MemoryError):
        return True
    return "out of memory" in str(error).lower() or "can't allocate memory" in str(error)


def _explain(error: Exception) -> EngineRefused | EngineUnavailable:
    if not _is_out_of_memory(error):
        return EngineRefused(f"The model failed on this picture: {_line(error)}")
    import torch

    if torch.cuda.is_available():
        torch.cuda.empty_cache()
    return EngineUnavailable("The machine ran out of memory while the model looked at the picture.")


def _line(error: BaseException) -> str:
    return " ".join(str(error).split())[:300] or type(error).__name__


_forget: Callable[[], None] = _models.clear  # for tests that want to see a model loaded
