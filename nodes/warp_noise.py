"""Warp Noise Along Field: the noise that a video is made from moves as the video is to move."""

from typing import Any

from comfy_api.latest import io

from ..models.host.noise_source import WarpedNoise
from ..models.types.motion_field import MotionField
from .inputs import share_input
from .node import Node
from .sockets import CATEGORY, MotionFieldSocket, aliases


class MotionI2VWarpNoise(Node):
    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="MotionI2VWarpNoise",
            display_name="Warp Noise Along Field",
            **aliases("warped noise", "go with the flow", "noise warping", "VOID", "random noise"),
            category=f"{CATEGORY}/other models",
            description="Noise that moves with a motion field: each frame's is like any other, but "
            "what moves takes its noise along. For any image or video model.",
            inputs=[
                MotionFieldSocket.Input(
                    "field",
                    tooltip="Where every pixel goes, of any size. Other numbers of frames are "
                    "played in those of the latents; 81 frames fit 21 latent ones.",
                ),
                io.Latent.Input(
                    "latent",
                    tooltip="The latents to be sampled: for their shape. Frames are a batch, or "
                    "within a video's latents.",
                ),
                io.Int.Input(
                    "noise_seed",
                    default=0,
                    min=0,
                    max=0xFFFFFFFFFFFFFFFF,
                    control_after_generate=True,
                    tooltip="Seed of the noise; the same seed gives the same noise, on any device.",
                ),
                share_input(
                    "degradation",
                    0.0,
                    "0: carried by the motion. 1: independent in every frame, as Random "
                    "Noise makes it. Between: both, for models that carried noise binds too much.",
                ),
            ],
            outputs=[
                io.Noise.Output(
                    "noise", display_name="noise", tooltip="For SamplerCustomAdvanced."
                ),
                io.Latent.Output(
                    "noise_latent",
                    display_name="noise latent",
                    tooltip="The same noise as latents, for nodes that take it so (VOID).",
                ),
            ],
        )

    @classmethod
    def execute(
        cls, field: MotionField, latent: dict[str, Any], noise_seed: int, degradation: float
    ) -> io.NodeOutput:
        noise = WarpedNoise(field, noise_seed, degradation)
        return io.NodeOutput(noise, {"samples": noise.generate_noise(latent)})
