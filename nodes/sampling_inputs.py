"""What the nodes of both stages ask for: the size to work at, and how to sample."""

from __future__ import annotations

from dataclasses import dataclass

import comfy.samplers
from comfy_api.latest import io

from ..models.host.sampling import DDIM_LEADING, SCHEDULERS

STRETCH, CROP = "stretch", "crop"
VIEW = "motion_view"
"""Key under which a LATENT of ours says which picture it belongs to; samplers pass it on."""


@dataclass(frozen=True)
class Usual:
    """What the widgets begin with, and what their tooltips say of it."""

    size: str = "Released: 512x320."
    width: int = 512
    steps: int = 25
    stepping: str = "Sampling steps."
    cfg: float = 7.0
    guidance: str = "how strongly the text counts. Released: 7."
    sampler: str = "euler with DDIM leading is the released DDIM."
    scheduler: str = DDIM_LEADING


RELEASED = Usual()


def size_inputs(width: str, height: str, follow: str, usual: Usual = RELEASED) -> list[io.Input]:
    """Width, height and fit; the tooltips begin with what the first two are the size of.

    Args:
        width, height: such as "Height of the video.", in words.
        follow: what follows the picture's fit, such as "Tracks and regions".
    """
    return [
        io.Int.Input(
            "width",
            default=usual.width,
            min=0,
            max=4096,
            step=8,
            tooltip=f"{width} 0 follows the picture's proportions; width and height 0: the "
            f"picture's size. {usual.size}",
        ),
        io.Int.Input(
            "height",
            default=0,
            min=0,
            max=4096,
            step=8,
            tooltip=f"{height} 0 follows the picture's proportions.",
        ),
        io.Combo.Input(
            "fit",
            options=[STRETCH, CROP],
            default=STRETCH,
            tooltip="What happens to a picture of other proportions: stretch all of it, or crop "
            f"its centre. {follow} follow by themselves.",
        ),
    ]


def steps_input(usual: Usual = RELEASED) -> io.Input:
    return io.Int.Input("steps", default=usual.steps, min=1, max=1000, tooltip=usual.stepping)


def sampler_input(usual: Usual = RELEASED) -> io.Input:
    return io.Combo.Input(
        "sampler_name",
        options=comfy.samplers.SAMPLER_NAMES,
        default="euler",
        tooltip=usual.sampler,
    )


def sampling_inputs(made: str, usual: Usual = RELEASED) -> list[io.Input]:
    """The inputs of a sampler that makes a `made`, such as "video", in the order of its widgets."""
    return [
        io.Int.Input(
            "seed",
            default=0,
            min=0,
            max=0xFFFFFFFFFFFFFFFF,
            control_after_generate=True,
            tooltip=f"Of the start noise; the same seed gives the same {made}.",
        ),
        steps_input(usual),
        io.Float.Input(
            "cfg",
            default=usual.cfg,
            min=0.0,
            max=100.0,
            step=0.1,
            tooltip=f"Guidance: {usual.guidance}",
        ),
        sampler_input(usual),
        io.Combo.Input(
            "scheduler",
            options=SCHEDULERS,
            default=usual.scheduler,
            tooltip="DDIM leading: the released timesteps. The others: the host's own.",
        ),
    ]
