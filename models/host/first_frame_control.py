"""ControlNets of a clip whose first frame is known: they see it at timestep 1, as the UNet does."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch

from .frame_slices import Conds


class FirstFrameKnown:
    """A control's noise schedule, in which the first frame of each clip is at timestep 1.

    The control asks its schedule for timesteps only after it has compared the true noise level of
    the batch with its start and end percent.

    Args:
        sampling: the host's.
        frames: of a clip.
    """

    def __init__(self, sampling: Any, frames: int) -> None:
        self._sampling = sampling
        self._frames = frames

    def __getattr__(self, name: str) -> Any:
        return getattr(self._sampling, name)

    def timestep(self, sigma: torch.Tensor) -> torch.Tensor:
        timesteps = self._sampling.timestep(sigma).clone()
        timesteps[:: self._frames] = 1
        return timesteps


def has_control(conds: Conds) -> bool:
    """Whether any conditioning has a control."""
    return any("control" in cond for entries in conds for cond in entries or [])


@contextmanager
def clean_first_frame(conds: Conds, frames: int) -> Iterator[None]:
    """Inside, the conditionings' controls take the first of each `frames` frames for known."""
    changed = []
    try:
        for control in _controls(conds):
            sampling = getattr(control, "model_sampling_current", None)
            if sampling is not None and not isinstance(sampling, FirstFrameKnown):
                changed.append((control, sampling))
                control.model_sampling_current = FirstFrameKnown(sampling, frames)
        yield
    finally:
        for control, sampling in changed:
            control.model_sampling_current = sampling


def _controls(conds: Conds) -> Iterator[Any]:
    """Each control, and those behind it."""
    for cond in (entry for entries in conds for entry in entries or []):
        control = cond.get("control")
        while control is not None:
            yield control
            control = control.previous_controlnet
