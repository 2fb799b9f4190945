"""The tiny model in the files that llama.cpp reads: one for the language model, one for what looks at pictures.

Keys and names of tensors as llama.cpp's `tools/mtmd/clip.cpp` and `src/llama-arch.cpp` of November 2026 read them.
"""

import json
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from processing.tests.tiny_model import EDGE, PATCH, SPECIAL

# llama-server hands over the texts in one piece, with a mark where a picture stood. As with the other template, the
# words are left out and the pictures stay.
CHAT_TEMPLATE = (
    "<s>{% for message in messages %}{% for piece in message.content.split('<__media')[1:] %}"
    "<__media{{ piece.split('>')[0] }}>{% endfor %}{% endfor %}Alt text: "
)
NORMAL, CONTROL = 1, 3  # kinds of tokens
_VISION = {
    "self_attn.q_proj": "attn_q",
    "self_attn.k_proj": "attn_k",
    "self_attn.v_proj": "attn_v",
    "self_attn.out_proj": "attn_out",
    "layer_norm1": "ln1",
    "layer_norm2": "ln2",
    "mlp.fc1": "ffn_up",
    "mlp.fc2": "ffn_down",
}
_LANGUAGE = {
    "self_attn.q_proj": "attn_q",
    "self_attn.k_proj": "attn_k",
    "self_attn.v_proj": "attn_v",
    "self_attn.o_proj": "attn_output",
    "mlp.gate_proj": "ffn_gate",
    "mlp.up_proj": "ffn_up",
    "mlp.down_proj": "ffn_down",
    "input_layernorm": "attn_norm",
    "post_attention_layernorm": "ffn_norm",
}


def write_gguf(model: Path, folder: Path) -> tuple[Path, Path]:
    """Write both files; returns the language model's and the one for pictures."""
    from safetensors.numpy import load_file

    weights = load_file(model / "model.safetensors")
    config = json.loads((model / "config.json").read_text(encoding="utf-8"))
    words, eyes = folder / "tiny.gguf", folder / "tiny-mmproj.gguf"
    _write_language(words, model, config["text_config"], weights)
    _write_vision(eyes, config["vision_config"], weights)
    return words, eyes


def _write_language(path: Path, model: Path, config: dict[str, Any], weights: dict[str, npt.NDArray[Any]]) -> None:
    import gguf

    out = gguf.GGUFWriter(path, "llama")
    heads = config["num_attention_heads"]
    out.add_name("tiny")
    out.add_context_length(config["max_position_embeddings"])
    out.add_embedding_length(config["hidden_size"])
    out.add_block_count(config["num_hidden_layers"])
    out.add_feed_forward_length(config["intermediate_size"])
    out.add_head_count(heads)
    out.add_head_count_kv(config["num_key_value_heads"])
    out.add_layer_norm_rms_eps(config["rms_norm_eps"])
    out.add_rope_dimension_count(config["hidden_size"] // heads)
    out.add_vocab_size(config["vocab_size"])
    _add_vocabulary(out, model)
    prefix = _prefix_of(weights, "embed_tokens.weight")
    out.add_tensor("token_embd.weight", weights[f"{prefix}embed_tokens.weight"])
    out.add_tensor("output_norm.weight", weights[f"{prefix}norm.weight"])
    head = _prefix_of(weights, "lm_head.weight")
    out.add_tensor("output.weight", weights[f"{head}lm_head.weight"])
    for layer in range(config["num_hidden_layers"]):
        for theirs, ours in _LANGUAGE.items():
            tensor = weights[f"{prefix}layers.{layer}.{theirs}.weight"]
            if ours in {"attn_q", "attn_k"}:
                tensor = _interleaved(tensor, heads)
            out.add_tensor(f"blk.{layer}.{ours}.weight", tensor)
    _finish(out)


def _add_vocabulary(out: Any, model: Path) -> None:
    tokenizer = json.loads((model / "tokenizer.json").read_text(encoding="utf-8"))
    ids: dict[str, int] = tokenizer["model"]["vocab"]
    tokens = sorted(ids, key=lambda token: ids[token])
    out.add_tokenizer_model("gpt2")
    out.add_tokenizer_pre("gpt-2")
    out.add_token_list(tokens)
    out.add_token_types([CONTROL if token in SPECIAL else NORMAL for token in tokens])
    out.add_token_merges([" ".join(pair) for pair in tokenizer["model"]["merges"]])
    out.add_pad_token_id(ids["<pad>"])
    out.add_bos_token_id(ids["<s>"])
    out.add_eos_token_id(ids["</s>"])
    out.add_add_bos_token(False)  # the template begins with it
    out.add_chat_template(CHAT_TEMPLATE)


def _interleaved(tensor: npt.NDArray[Any], heads: int) -> npt.NDArray[Any]:
    """llama.cpp turns neighbouring numbers, `transformers` those half a head apart."""
    size, width = tensor.shape
    return np.ascontiguousarray(tensor.reshape(heads, 2, size // heads // 2, width).swapaxes(1, 2).reshape(size, width))


def _write_vision(path: Path, config: dict[str, Any], weights: dict[str, npt.NDArray[Any]]) -> None:
    import gguf
    from transformers.image_utils import OPENAI_CLIP_MEAN, OPENAI_CLIP_STD

    out = gguf.GGUFWriter(path, "clip")
    layers = config["num_hidden_layers"]
    out.add_bool("clip.has_vision_encoder", True)
    out.add_bool("clip.has_llava_projector", True)
    out.add_string("clip.projector_type", "mlp")
    out.add_bool("clip.use_gelu", False)  # CLIP's is the quick one
    out.add_uint32("clip.vision.image_size", EDGE)
    out.add_uint32("clip.vision.patch_size", PATCH)
    out.add_uint32("clip.vision.embedding_length", config["hidden_size"])
    out.add_uint32("clip.vision.feed_forward_length", config["intermediate_size"])
    out.add_uint32("clip.vision.projection_dim", config["projection_dim"])
    out.add_uint32("clip.vision.attention.head_count", config["num_attention_heads"])
    out.add_float32("clip.vision.attention.layer_norm_epsilon", config["layer_norm_eps"])
    out.add_uint32("clip.vision.block_count", layers)
    out.add_array("clip.vision.feature_layer", [layers])  # without it the last layer but one is taken
    out.add_array("clip.vision.image_mean", list(OPENAI_CLIP_MEAN))
    out.add_array("clip.vision.image_std", list(OPENAI_CLIP_STD))
    prefix = _prefix_of(weights, "embeddings.class_embedding")
    out.add_tensor("v.class_embd", weights[f"{prefix}embeddings.class_embedding"])
    out.add_tensor("v.patch_embd.weight", weights[f"{prefix}embeddings.patch_embedding.weight"])
    out.add_tensor("v.position_embd.weight", weights[f"{prefix}embeddings.position_embedding.weight"])
    for part in ("weight", "bias"):
        out.add_tensor(f"v.pre_ln.{part}", weights[f"{prefix}pre_layrnorm.{part}"])
        for layer in range(layers):
            for theirs, ours in _VISION.items():
                out.add_tensor(
                    f"v.blk.{layer}.{ours}.{part}", weights[f"{prefix}encoder.layers.{layer}.{theirs}.{part}"]
                )
        projector = _prefix_of(weights, f"linear_1.{part}")
        out.add_tensor(f"mm.0.{part}", weights[f"{projector}linear_1.{part}"])
        out.add_tensor(f"mm.2.{part}", weights[f"{projector}linear_2.{part}"])
    _finish(out)


def _prefix_of(weights: dict[str, npt.NDArray[Any]], ending: str) -> str:
    """What stands before the one name that ends so: it differs between versions of `transformers`."""
    (name,) = (name for name in weights if name.endswith(ending))
    return name.removesuffix(ending)


def _finish(out: Any) -> None:
    out.write_header_to_file()
    out.write_kv_data_to_file()
    out.write_tensors_to_file()
    out.close()
