"""The small model's text encoder: a CLIP of the host whose weights are set, not trained.

A word of a small vocabulary is a random vector, a place in the sentence a few sines; a transformer
layer adds nothing, and the last normalisation changes almost nothing. Words that it does not know
are left out of the sentence, so that any prompt is as short as what is known of it, and the context
is as long in training as it is for the host's nodes: `tokens` tokens, of which every padding token
is the same vector but for its place.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from functools import lru_cache
from types import SimpleNamespace
from typing import Any

import comfy.sd
import comfy.sd1_clip
import torch
import torch.nn.functional as F

TOKENS = 20
"""Enough for three things that move two ways each, and the camera."""
WIDTH = 64
KEYS = ("token_ids", "rows", "neutral", "places")
PLACE_CHANNELS = 16
PLACE_SCALE = 0.5
HOST_TOKENS = 49408
END = 49407
"""The token that ends a sentence and fills what is left of it, in CLIP's table."""

SMALL_TALK = frozenset(["a", "an", "and", "is", "it", "its", "of", "the", "to", "with"])
"""Words that are left out where they are in the vocabulary too: they take room and say little."""


def construct_text(
    words: Iterable[str], width: int = WIDTH, seed: int = 0, tokens: int = TOKENS
) -> dict[str, torch.Tensor]:
    """The tensors of a text encoder that knows some words.

    Args:
        words: the vocabulary; punctuation and words such as "the" in it are left out.
        width: of the context.
        seed: of the words' vectors.
        tokens: how long the context is, with the first and the last token.

    Returns:
        float16 (`token_ids` int32): `token_ids` [K] in CLIP's table, `rows` [K, width] their
        vectors, `neutral` [width] that of every other token, `places` [tokens, width].

    Raises:
        ValueError: for no words, or a width or length that leaves no room.
    """
    if width < 2 * PLACE_CHANNELS or width % 4 or tokens < 3:
        raise ValueError(
            f"a text encoder needs a width that is a multiple of 4, at least {2 * PLACE_CHANNELS}, "
            f"and 3 tokens or more, not {width} and {tokens}"
        )
    ids = sorted({token for word in _kept(words) for token in _tokens_of(word)})
    if not ids:
        raise ValueError("there are no words to make a text encoder of")
    generator = torch.Generator().manual_seed(seed)
    vectors = torch.zeros(len(ids) + 1, width)
    vectors[:, :-PLACE_CHANNELS] = torch.randn(
        len(ids) + 1, width - PLACE_CHANNELS, generator=generator
    )
    # With mean 0 and variance 1, the encoder's last normalisation leaves them nearly as they are.
    vectors[:, :-PLACE_CHANNELS] -= vectors[:, :-PLACE_CHANNELS].mean(dim=1, keepdim=True)
    vectors /= vectors.std(dim=1, keepdim=True, correction=0)
    places = torch.zeros(tokens, width)
    places[:, -PLACE_CHANNELS:] = PLACE_SCALE * _sines(tokens, PLACE_CHANNELS)
    return {
        "token_ids": torch.tensor(ids, dtype=torch.int32),
        "rows": vectors[:-1].half(),
        "neutral": vectors[-1].half(),
        "places": places.half(),
    }


def encode_captions(tensors: Mapping[str, torch.Tensor], captions: list[str]) -> torch.Tensor:
    """The contexts [B, tokens, width] of captions, float32: what the host's nodes make of them.

    Words beyond the length are left out; the host would append a second context instead.
    """
    check_text(tensors, "the text encoder")
    tokens = len(tensors["places"])
    known = tuple(tensors["token_ids"].tolist())
    table = torch.cat([tensors["rows"], tensors["neutral"][None]]).float()
    slots = torch.full((len(captions), tokens), len(known))
    for caption, row in zip(captions, slots, strict=True):
        found = _slots_of(caption, known)[: tokens - 2]
        row[1 : 1 + len(found)] = torch.tensor(found, dtype=torch.long)
    return F.layer_norm(table[slots] + tensors["places"].float(), (table.shape[1],))


def load_small_text(
    tensors: Mapping[str, torch.Tensor], source: str = "the text encoder"
) -> comfy.sd.CLIP:
    """A native CLIP of `construct_text`'s tensors.

    Raises:
        ValueError: for tensors that are not such ones.
    """
    check_text(tensors, source)
    tokens, width = tensors["places"].shape
    known = frozenset(tensors["token_ids"].tolist())

    class Tokenizer(comfy.sd1_clip.SDTokenizer):
        def __init__(self, **kwargs: Any) -> None:
            super().__init__(max_length=tokens, embedding_size=width, **kwargs)
            self.tokenizer: Any = KnownWords(self.tokenizer, known)

    class TextModel(comfy.sd1_clip.SDClipModel):
        def __init__(self, **kwargs: Any) -> None:
            config = _host_config(tokens, width)
            super().__init__(max_length=tokens, textmodel_json_config=config, **kwargs)

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
    """Raises ValueError unless the tensors are those of `construct_text`."""
    shapes = {name: tuple(tensor.shape) for name, tensor in tensors.items()}
    known, tokens = ((shapes.get(name) or (0,))[0] for name in ("token_ids", "places"))
    (width,) = (shapes.get("neutral") or (0,))[:1]
    wanted = {
        "token_ids": (known,),
        "rows": (known, width),
        "neutral": (width,),
        "places": (tokens, width),
    }
    if shapes != wanted or known < 1 or width < 1 or tokens < 3:
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


@lru_cache(maxsize=1)
def _tokenizer() -> Any:
    return comfy.sd1_clip.SDTokenizer().tokenizer


@lru_cache(maxsize=4096)
def _tokens_of(text: str) -> tuple[int, ...]:
    return tuple(_tokenizer()(text)["input_ids"][1:-1])


@lru_cache(maxsize=4)
def _slots(known: tuple[int, ...]) -> dict[int, int]:
    return {token: slot for slot, token in enumerate(known)}


def _slots_of(caption: str, known: tuple[int, ...]) -> list[int]:
    slots = _slots(known)
    return [slots[token] for token in _tokens_of(caption) if token in slots]


def _kept(words: Iterable[str]) -> list[str]:
    lower = (word.strip().lower() for word in words)
    return [word for word in lower if re.search(r"\w", word) and word not in SMALL_TALK]


def _sines(tokens: int, channels: int) -> torch.Tensor:
    """[tokens, channels] sines and cosines, from one turn over the whole to one in three tokens."""
    turns = torch.logspace(0, 1, channels // 2, base=max(1.0, tokens / 3))
    angles = 2 * torch.pi * torch.arange(tokens)[:, None] / tokens * turns
    return torch.cat([angles.sin(), angles.cos()], dim=1)


def _host_config(tokens: int, width: int) -> dict[str, Any]:
    """The host's configuration of a CLIP text model with one layer."""
    return {
        "hidden_size": width,
        "num_hidden_layers": 1,
        "num_attention_heads": 4,
        "intermediate_size": width,
        "hidden_act": "quick_gelu",
        "max_position_embeddings": tokens,
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
