"""The tensors of a file under their released names, whatever wraps them or stands before them."""

from __future__ import annotations

from collections.abc import Mapping

import torch

from ..networks.temporal import MAX_TOKENS, positions

PREFIXES = ("module.", "_orig_mod.", "unet.", "controlnet.", "vae.", "model.diffusion_model.")
DEEPEST = 4
"""How many mappings a file may put around its weights."""
WIDEST = 1 << 14
"""Channels of a table of positions, which is computed to compare them."""
VAE_ATTENTION = {"query": "to_q", "key": "to_k", "value": "to_v", "proj_attn": "to_out.0"}


def canonical(tensors: Mapping[str, object], source: str) -> dict[str, torch.Tensor]:
    """Undoes the variations of the released files: wrapping, prefixes, old names, `.pe` buffers.

    Raises:
        ValueError: where there is no tensor in it, several sets of them, or positions that are not
            the usual sinusoid.
    """
    named = _weights(_unwrapped(tensors, source))
    if not named:
        raise ValueError(f"{source} holds no tensors")
    while True:
        prefix = next((p for p in PREFIXES if all(name.startswith(p) for name in named)), None)
        if prefix is None:
            break
        named = {name[len(prefix) :]: tensor for name, tensor in named.items()}
    for name in [name for name in named if name.endswith(".pe")]:
        _check_positions(name, named.pop(name), source)
    return {_modern(name): tensor for name, tensor in named.items()}


def _unwrapped(
    tensors: Mapping[str, object], source: str, depth: int = 0, seen: set[int] | None = None
) -> Mapping[str, object]:
    """The mapping with the weights, which some files put into others, beside a step or an epoch."""
    if "state_dict" in tensors:
        inner = tensors["state_dict"]
        if not isinstance(inner, Mapping):
            raise ValueError(f"{source}: its 'state_dict' is a {type(inner).__name__}, not a dict")
        return inner
    if depth > DEEPEST or _weights(tensors):
        return tensors
    # A file may name one mapping in many places, and in itself.
    seen = set() if seen is None else seen
    nested = {}
    for name, value in tensors.items():
        if isinstance(value, Mapping) and id(value) not in seen:
            seen.add(id(value))
            nested[str(name)] = value
    inside = {name: _unwrapped(value, source, depth + 1, seen) for name, value in nested.items()}
    holding = {name: value for name, value in inside.items() if _weights(value)}
    if len(holding) > 1:
        raise ValueError(
            f"{source} holds several sets of weights ({', '.join(holding)}); save the one that is "
            "wanted as a file of its own"
        )
    return next(iter(holding.values())) if holding else tensors


def _weights(tensors: Mapping[str, object]) -> dict[str, torch.Tensor]:
    """The tensors that may be weights: not a lone number such as `epoch` or `global_step`."""
    return {
        str(name): value
        for name, value in tensors.items()
        if isinstance(value, torch.Tensor)
        and value.ndim > 0
        and (value.numel() > 1 or value.is_floating_point())
    }


def _modern(name: str) -> str:
    """The VAE's attention under its newer names."""
    parts = name.split(".")
    if len(parts) > 2 and "attentions" in parts and parts[-2] in VAE_ATTENTION:
        parts[-2] = VAE_ATTENTION[parts[-2]]
    return ".".join(parts)


def _check_positions(name: str, table: torch.Tensor, source: str) -> None:
    """Positions are computed, not read; a file with other ones cannot be used."""
    if not table.is_floating_point():
        return  # `checkpoint_of` says what is wrong with the whole file
    fits = table.ndim == 3 and table.shape[-1] <= WIDEST
    tokens = min(table.shape[-2], MAX_TOKENS) if fits else 0
    # bfloat16 keeps 8 bits, so a sinusoid that went through it is off by 2^-9.
    if not tokens or not torch.allclose(
        table[0, :tokens].float(), positions(table.shape[-1])[:tokens], rtol=0, atol=5e-3
    ):
        raise ValueError(
            f"{source}: {name} {list(table.shape)} is not the table of sinusoidal positions that "
            "AnimateDiff and Motion-I2V use"
        )
