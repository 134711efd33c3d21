"""The vectors of the small model's words, which are made rather than trained, and their contexts.

`models.host.small_text` makes a CLIP of the host of them, which gives the same contexts.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from functools import lru_cache
from typing import Any

import comfy.sd1_clip
import torch
import torch.nn.functional as F

from ...models.host.small_text import check_text
from .seeds import torch_of

TOKENS = 20
"""Enough for three things that move two ways each, and the camera."""
WIDTH = 64
PLACE_CHANNELS = 16
PLACE_SCALE = 0.5

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
    generator = torch_of(seed)
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
    slot_of = {token: slot for slot, token in enumerate(tensors["token_ids"].tolist())}
    table = torch.cat([tensors["rows"], tensors["neutral"][None]]).float()
    slots = torch.full((len(captions), tokens), len(slot_of))
    for caption, row in zip(captions, slots, strict=True):
        known = (slot_of[token] for token in _tokens_of(caption) if token in slot_of)
        found = list(known)[: tokens - 2]
        row[1 : 1 + len(found)] = torch.tensor(found, dtype=torch.long)
    return F.layer_norm(table[slots] + tensors["places"].float(), (table.shape[1],))


@lru_cache(maxsize=1)
def _tokenizer() -> Any:
    return comfy.sd1_clip.SDTokenizer().tokenizer


@lru_cache(maxsize=4096)
def _tokens_of(text: str) -> tuple[int, ...]:
    return tuple(_tokenizer()(text)["input_ids"][1:-1])


def _kept(words: Iterable[str]) -> list[str]:
    lower = (word.strip().lower() for word in words)
    return [word for word in lower if re.search(r"\w", word) and word not in SMALL_TALK]


def _sines(tokens: int, channels: int) -> torch.Tensor:
    """[tokens, channels] sines and cosines, from one turn over the whole to one in three tokens."""
    turns = torch.logspace(0, 1, channels // 2, base=max(1.0, tokens / 3))
    angles = 2 * torch.pi * torch.arange(tokens)[:, None] / tokens * turns
    return torch.cat([angles.sin(), angles.cos()], dim=1)
