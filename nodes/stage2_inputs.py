"""The inputs that the stage-2 nodes share."""

from __future__ import annotations

from typing import Any

from comfy_api.latest import io

from ..models.host.stage2_sampling import KEEP_AS_RELEASED, KEEP_EXACTLY, SCHEDULES, TRAINED
from ..models.networks.clip_windows import OVERLAP
from ..models.networks.motion_attention import MAX_FRAMES
from .inputs import share_input
from .sockets import advanced

FIELD_TIP = (
    "How the picture moves, from the Motion-Field Sampler, Densify Tracks or a file. It has as "
    "many frames as the video gets, the picture itself being the first."
)
REGION_TIP = (
    "What may change (motion brush). Outside, the video keeps the picture. An empty mask: "
    "everything may."
)


def motion_inputs() -> list[io.Input]:
    """How strongly the motion acts; `motion_options` reads them."""
    return [
        share_input(
            "warp_strength",
            1.0,
            "Weight of the picture as the field moves it, next to the frames themselves, "
            "in the temporal attention. 0: the field is not used.",
        ),
        share_input(
            "temporal_strength",
            1.0,
            "How much of the temporal layers is added. 0: every frame is an ordinary SD "
            "1.5 picture on its own.",
            **advanced(),
        ),
        io.Combo.Input(
            "schedule",
            options=list(SCHEDULES),
            default=TRAINED,
            tooltip="Noise schedule. motion-i2v: what the modules were trained with. With zero "
            "terminal SNR brightness drifts less; it begins from pure noise with a scheduler such "
            "as normal, from nearly pure noise with DDIM leading. The model's own: with its "
            "ModelSampling nodes.",
            **advanced(),
        ),
        io.Combo.Input(
            "keep_outside",
            options=[KEEP_EXACTLY, KEEP_AS_RELEASED],
            default=KEEP_EXACTLY,
            tooltip="What lies outside the region: exactly the picture's latent, or as in the "
            "released code, which leaves the last step to the model.",
            **advanced(),
        ),
        io.Int.Input(
            "window_overlap",
            default=OVERLAP,
            min=0,
            max=MAX_FRAMES - 2,
            tooltip=f"Only for more than {MAX_FRAMES} frames, which are sampled in windows of the "
            f"picture and {MAX_FRAMES - 1} frames: how many frames neighbours share and blend.",
            **advanced(),
        ),
    ]


def motion_options(
    warp_strength: float, temporal_strength: float, keep_outside: str, window_overlap: int
) -> dict[str, Any]:
    """The options of `models.host.motion_run.Motion`."""
    return {
        "warp_strength": warp_strength,
        "temporal_strength": temporal_strength,
        "keep_exactly": keep_outside == KEEP_EXACTLY,
        "overlap": window_overlap,
    }
