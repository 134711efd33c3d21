"""Puts a ControlNet into conditioning, as the core's apply node does."""

from __future__ import annotations

from typing import Any

from .hints import Hint
from .trajectory_control import TrajectoryControl


def apply_control(
    positive: list,
    negative: list,
    control: TrajectoryControl,
    hint: Hint,
    strength: float,
    percent: tuple[float, float],
) -> tuple[list, list]:
    """Both conditionings with the control added behind those that they have.

    Args:
        strength: of the residuals; at 0 the conditionings come back as they are.
        percent: when it begins and ends, as parts 0..1 of sampling.

    Raises:
        ValueError: for another ControlNet, or an end before the beginning.
    """
    if not isinstance(control, TrajectoryControl):
        raise ValueError(
            "this is an ordinary ControlNet; load the sparse-trajectory ControlNet with "
            "'Load Trajectory ControlNet', and apply ordinary ones with 'Apply ControlNet'"
        )
    if percent[0] > percent[1]:
        raise ValueError(f"the control ends ({percent[1]:g}) before it begins ({percent[0]:g})")
    if strength == 0:
        return positive, negative
    # One object for both halves of guidance, so that they can run in one batch.
    made: dict[Any, TrajectoryControl] = {}

    def added(entry: list) -> list:
        text, values = entry
        previous = values.get("control")
        if previous not in made:
            made[previous] = control.with_hint(hint, strength, percent)
            made[previous].set_previous_controlnet(previous)
        return [text, {**values, "control": made[previous], "control_apply_to_uncond": False}]

    return [added(entry) for entry in positive], [added(entry) for entry in negative]
