"""What a conditioning holds a frame each, cut to the frames of a window; parts of the picture."""

from __future__ import annotations

import copy
from typing import Any

import comfy.conds
import torch

POSITION = "motion_i2v_position"
"""Key of a conditioning's tensor of latent coordinates, which the host crops along with x."""

Conds = list[list[dict[str, Any]] | None]


def sliced(conds: Conds, frames: list[int], total: int) -> Conds:
    """Conditionings (positive, negative) for some frames of a clip.

    Prompts, masks and control hints that are given a frame each are cut; all others stay.

    Args:
        frames: which frames.
        total: how many the clip has.
    """
    return [None if cond is None else [_one(c, frames, total) for c in cond] for cond in conds]


def check_counts(conds: Conds, frames: int, kind: str = "frames") -> None:
    """That what is given a frame each is there for every frame.

    The host would repeat or cut it, and pair control pictures and prompts with wrong frames.

    Args:
        frames: how many are sampled.
        kind: what they are called.

    Raises:
        ValueError: for another number than one, or one a frame.
    """
    for cond in (entry for entries in conds for entry in entries or []):
        prompts = getattr(cond["model_conds"].get("c_crossattn"), "cond", None)
        _check_count("prompts", prompts, frames, kind)
        _check_count("prompt masks", cond.get("mask"), frames, kind)
        control = cond.get("control")
        while control is not None:
            if not cuts_itself(control):
                _check_count("control pictures", control.cond_hint_original, frames, kind)
            control = control.previous_controlnet


def _check_count(what: str, value: Any, frames: int, kind: str) -> None:
    if isinstance(value, torch.Tensor) and value.ndim > 0 and value.shape[0] not in (1, frames):
        raise ValueError(
            f"{value.shape[0]} {what}, but the clip has {frames} {kind}: give 1 or {frames}"
        )


def cuts_itself(control: Any) -> bool:
    """Whether a control takes its window out of its hint, and checks its length, by itself."""
    return getattr(control, "knows_windows", False)


def with_positions(conds: Conds, height: int, width: int) -> Conds:
    """The conditionings with the latent's coordinates, where one of them is for a part only."""
    if not any("area" in c for cond in conds for c in cond or []):
        return conds
    rows, columns = torch.meshgrid(
        torch.arange(height, dtype=torch.float32),
        torch.arange(width, dtype=torch.float32),
        indexing="ij",
    )
    position = comfy.conds.CONDNoiseShape(torch.stack([rows, columns])[None])
    return [
        None
        if cond is None
        else [{**c, "model_conds": {**c["model_conds"], POSITION: position}} for c in cond]
        for cond in conds
    ]


def corners(position: torch.Tensor, chunks: int) -> list[tuple[int, int]]:
    """Top and left of each chunk's part, from the coordinates [chunks * F, 2, h, w] it got."""
    first = position.chunk(chunks)
    return [(int(p[0, 0, 0, 0]), int(p[0, 1, 0, 0])) for p in first]


def _one(cond: dict[str, Any], frames: list[int], total: int) -> dict[str, Any]:
    out = {key: _cut(value, frames, total) for key, value in cond.items()}
    if "control" in cond:
        out["control"] = cut_control(cond["control"], frames, total)
    model_conds = {}
    for key, value in cond["model_conds"].items():
        tensor = getattr(value, "cond", None)
        cut = _cut(tensor, frames, total)
        model_conds[key] = value if cut is tensor else value._copy_with(cut)
    out["model_conds"] = model_conds
    return out


def _cut(value: Any, frames: list[int], total: int) -> Any:
    if isinstance(value, torch.Tensor) and value.ndim > 0 and value.shape[0] == total:
        return value[frames]
    return value


def cut_control(control: Any, frames: list[int], total: int) -> Any:
    """A control whose hint is cut; itself where one picture serves all frames."""
    before = control.previous_controlnet
    previous = None if before is None else cut_control(before, frames, total)
    hint = control.cond_hint_original
    cut = hint if cuts_itself(control) else _cut(hint, frames, total)
    if previous is before and cut is hint:
        return control
    other = copy.copy(control)
    other.previous_controlnet = previous
    if cut is not hint:
        other.cond_hint_original, other.cond_hint = cut, None
    return other
