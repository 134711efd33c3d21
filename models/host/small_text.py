"""The small model's text encoder: a CLIP of the host whose weights are set, not trained.

A word of a small vocabulary is a random vector, a place in the sentence a few sines; a transformer
layer adds nothing, and the last normalisation changes almost nothing. Words that it does not know
are left out of the sentence, so that any prompt is as short as what is known of it, and the context
is as long in training as it is for the host's nodes: `tokens` tokens, of which every padding token
is the same vector but for its place.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any

import comfy.sd
import comfy.sd1_clip
import torch

KEYS = ("token_ids", "rows", "neutral", "places")
HOST_TOKENS = 49408
LARGEST = 4096
"""Numbers of a word's vector, and tokens of a sentence."""
END = 49407
"""The token that ends a sentence and fills what is left of it, in CLIP's table."""


@dataclass(frozen=True)
class TextShape:
    """A text encoder's longest text, in tokens, and the width of its vectors."""

    tokens: int
    width: int


def load_small_text(
    tensors: Mapping[str, torch.Tensor], source: str = "the text encoder"
) -> comfy.sd.CLIP:
    """A native CLIP of the tensors that `training.data.text_vectors` makes.

    Raises:
        ValueError: for tensors that are not such ones.
    """
    check_text(tensors, source)
    shape = TextShape(*tensors["places"].shape)
    known = frozenset(tensors["token_ids"].tolist())

    class Tokenizer(comfy.sd1_clip.SDTokenizer):
        def __init__(self, **kwargs: Any) -> None:
            super().__init__(max_length=shape.tokens, embedding_size=shape.width, **kwargs)
            self.tokenizer: Any = KnownWords(self.tokenizer, known)

    class TextModel(comfy.sd1_clip.SDClipModel):
        def __init__(self, **kwargs: Any) -> None:
            config = _host_config(shape)
            super().__init__(max_length=shape.tokens, textmodel_json_config=config, **kwargs)

    class SmallTokenizer(comfy.sd1_clip.SD1Tokenizer):
        def __init__(self, **kwargs: Any) -> None:
            super().__init__(tokenizer=Tokenizer, **kwargs)

    class SmallClipModel(comfy.sd1_clip.SD1ClipModel):
        def __init__(self, **kwargs: Any) -> None:
            super().__init__(clip_model=TextModel, **kwargs)

    target = SimpleNamespace(params={}, clip=SmallClipModel, tokenizer=SmallTokenizer)
    weights = _host_tensors(tensors)
    parameters = sum(tensor.numel() for tensor in weights.values())
    clip = comfy.sd.CLIP(target, parameters=parameters)
    left_out = clip.load_sd(weights)
    if left_out.missing_keys or left_out.unexpected_keys:
        raise ValueError(
            f"this version of ComfyUI has another CLIP text model ({left_out}); update the pack"
        )
    return clip


def check_text(tensors: Mapping[str, torch.Tensor], source: str) -> None:
    """Raises ValueError unless the tensors are those of a text encoder."""
    shapes = {name: tuple(tensor.shape) for name, tensor in tensors.items()}
    known, tokens = ((shapes.get(name) or (0,))[0] for name in ("token_ids", "places"))
    (width,) = (shapes.get("neutral") or (0,))[:1]
    wanted = {
        "token_ids": (known,),
        "rows": (known, width),
        "neutral": (width,),
        "places": (tokens, width),
    }
    fit = known >= 1 and 1 <= width <= LARGEST and 3 <= tokens <= LARGEST
    if shapes != wanted or not fit:
        found = ", ".join(f"{name} {list(shape)}" for name, shape in sorted(shapes.items())[:4])
        raise ValueError(f"{source} is not a text encoder of the small model: it holds {found}")
    ids = tensors["token_ids"]
    if ids.is_floating_point() or int(ids.min()) < 0 or int(ids.max()) >= HOST_TOKENS:
        raise ValueError(f"{source}: its token_ids are not numbers of CLIP's tokens")
    if not all(bool(torch.isfinite(tensors[name]).all()) for name in KEYS[1:]):
        raise ValueError(f"{source} holds NaN or infinite values; get the file again")


class KnownWords:
    """CLIP's tokenizer without what is not known."""

    def __init__(self, tokenizer: Any, known: frozenset[int]) -> None:
        self.tokenizer = tokenizer
        self.known = known

    def __call__(self, text: str) -> dict[str, list[int]]:
        start, *tokens, end = self.tokenizer(text)["input_ids"]
        return {"input_ids": [start, *(token for token in tokens if token in self.known), end]}


def _host_config(shape: TextShape) -> dict[str, Any]:
    """The host's configuration of a CLIP text model with one layer."""
    return {
        "hidden_size": shape.width,
        "num_hidden_layers": 1,
        "num_attention_heads": 4,
        "intermediate_size": shape.width,
        "hidden_act": "quick_gelu",
        "max_position_embeddings": shape.tokens,
        "eos_token_id": END,
    }


def _host_tensors(tensors: Mapping[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """The weights under the host's names; the layer's own are zero, so that it adds nothing."""
    width = tensors["neutral"].shape[0]
    table = tensors["neutral"].repeat(HOST_TOKENS, 1)
    table[tensors["token_ids"].long()] = tensors["rows"]
    model = "text_model"
    out = {
        f"{model}.embeddings.token_embedding.weight": table,
        f"{model}.embeddings.position_embedding.weight": tensors["places"],
        "text_projection.weight": torch.eye(width),
    }
    layer = f"{model}.encoder.layers.0"
    squares = [f"{layer}.self_attn.{name}_proj" for name in ("q", "k", "v", "out")]
    for name in (*squares, f"{layer}.mlp.fc1", f"{layer}.mlp.fc2"):
        out[f"{name}.weight"] = torch.zeros(width, width)
        out[f"{name}.bias"] = torch.zeros(width)
    norms = (f"{layer}.layer_norm1", f"{layer}.layer_norm2", f"{model}.final_layer_norm")
    for name in norms:
        out[f"{name}.weight"] = torch.ones(width)
        out[f"{name}.bias"] = torch.zeros(width)
    return out
