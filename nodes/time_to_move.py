"""Motion-guided sampling (Time-to-Move): a warped clip leads any model of pictures or videos."""

from typing import Any

import torch
from comfy_api.latest import io

from ..models.host.directed import directed_by, sample_directed
from ..models.host.dual_clock import TimeToMove
from ..models.host.sampling import Settings
from .inputs import share_input
from .node import Node
from .sampling_inputs import Usual, sampling_inputs
from .sockets import CATEGORY, advanced, aliases

GROUP = f"{CATEGORY}/other models"
WORDS = ("time-to-move", "ttm", "cut and drag", "dual clock", "sdedit", "motion control", "wan")
USUAL = Usual(
    steps=20,
    stepping="Steps of the whole schedule. Those before the weak clock are not run.",
    cfg=5.0,
    guidance="how strongly the text counts. As the model is used without this node.",
    sampler="Any; deterministic ones keep the noise of what is held.",
    scheduler="simple",
)


def directing_inputs() -> list[io.Input]:
    """What leads the model, and how long."""
    return [
        io.Mask.Input(
            "mask",
            tooltip="What was directed, for every frame of the clip (or one for all, or in the "
            "latent's frames): 1 is held to the clip until the strong clock, 0 is free from the "
            "weak one on. All 0: nothing is held.",
        ),
        share_input(
            "weak_clock",
            0.06,
            "The part of the schedule that is left out: there the clip is noised in, and "
            "sampling begins. Published, of 50 steps: Wan 2.2 3 (0.06), for camera moves 2 (0.04); "
            "CogVideoX 4 (0.08); SVD 16 (0.32).",
        ),
        share_input(
            "strong_clock",
            0.14,
            "The part of the schedule after which all is free; not before the weak clock. "
            "Published, of 50 steps: Wan 2.2 7 (0.14), for camera moves 5 (0.1); CogVideoX 9 "
            "(0.18); SVD 21 (0.42). As the weak clock: nothing is held (SDEdit).",
        ),
    ]


def _clip_input(name: str, more: str = "") -> io.Input:
    return io.Latent.Input(
        name,
        tooltip="The warped clip, such as Warp Preview's frames, through VAE Encode with the "
        f"model's own VAE. As large and long as the video will be.{more}",
    )


class MotionI2VTimeToMove(Node):
    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="MotionI2VTimeToMove",
            display_name="Motion-Guided Sampler (Time-to-Move)",
            **aliases(*WORDS),
            category=GROUP,
            description="Lets a warped clip lead a sampler, for SamplerCustom and "
            "SamplerCustomAdvanced: it starts from the noised clip, and what was directed is held "
            "to it until the strong clock. For any model of pictures or videos, untrained.",
            inputs=[
                io.Model.Input(
                    "model",
                    tooltip="The model that will be sampled: tells what its latents stand for. Of "
                    "two experts, either.",
                ),
                io.Sampler.Input("sampler", tooltip="Makes the steps, as KSamplerSelect gives it."),
                _clip_input("clip"),
                *directing_inputs(),
                io.Sigmas.Input(
                    "schedule",
                    optional=True,
                    tooltip="Only where a schedule is split between two samplings (Wan 2.2's "
                    "experts): the whole of it, which the clocks then count, for both.",
                    **advanced(),
                ),
            ],
            outputs=[io.Sampler.Output("led", display_name="SAMPLER", tooltip="Led by the clip.")],
        )

    @classmethod
    def execute(
        cls,
        model: Any,
        sampler: Any,
        clip: dict[str, Any],
        mask: torch.Tensor,
        weak_clock: float,
        strong_clock: float,
        schedule: torch.Tensor | None = None,
    ) -> io.NodeOutput:
        directed = directed_by(model, clip["samples"], mask, weak_clock, strong_clock)
        return io.NodeOutput(TimeToMove(sampler, directed, schedule))


class MotionI2VTimeToMoveSampler(Node):
    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="MotionI2VTimeToMoveSampler",
            display_name="Motion-Guided KSampler (Time-to-Move)",
            **aliases(*WORDS),
            category=GROUP,
            description="A KSampler that a warped clip leads: it starts from the noised clip, and "
            "what was directed is held to it until the strong clock. For any model of pictures or "
            "videos, untrained.",
            inputs=[
                io.Model.Input("model", tooltip="Any model of pictures or videos."),
                io.Conditioning.Input("positive", tooltip="What should happen, in words."),
                io.Conditioning.Input("negative", tooltip="What should not."),
                _clip_input("latent", " A noise mask that it carries is honoured."),
                *directing_inputs(),
                *sampling_inputs("video", USUAL),
            ],
            outputs=[
                io.Latent.Output("video", display_name="LATENT", tooltip="The sampled video.")
            ],
        )

    @classmethod
    def execute(
        cls,
        model: Any,
        positive: list,
        negative: list,
        latent: dict[str, Any],
        mask: torch.Tensor,
        weak_clock: float,
        strong_clock: float,
        seed: int,
        steps: int,
        cfg: float,
        sampler_name: str,
        scheduler: str,
    ) -> io.NodeOutput:
        directed = directed_by(model, latent["samples"], mask, weak_clock, strong_clock)
        settings = Settings(steps, cfg, seed, sampler_name, scheduler)
        return io.NodeOutput(sample_directed(model, positive, negative, latent, directed, settings))
