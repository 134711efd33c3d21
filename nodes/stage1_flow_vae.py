"""Motion fields to latents and back."""

from __future__ import annotations

import torch
from comfy_api.latest import io

from ..models.host.flow_vae import FlowVAE
from ..models.host.stage1_sampling import decode_field, encode_field
from ..models.types.motion_field import MotionField
from ..models.types.view import View, fit
from .inputs import field_output, moving_input
from .node import Node, progress
from .sampling_inputs import VIEW
from .sockets import CATEGORY, FlowVaeSocket, MotionFieldSocket, aliases
from .stage1_inputs import tile_input

GROUP = f"{CATEGORY}/stage 1"


class MotionI2VFlowVAEEncode(Node):
    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="MotionI2VFlowVAEEncode",
            display_name="Flow VAE Encode",
            **aliases("optical flow latent", "encode motion"),
            category=GROUP,
            description="Turns a motion field into latents, one for each predicted frame, so that "
            "a core sampler can vary it.",
            inputs=[
                FlowVaeSocket.Input("flow_vae", tooltip="From Load Flow VAE."),
                MotionFieldSocket.Input("field", tooltip="The field to encode, of any size."),
                tile_input(),
                io.Latent.Input(
                    "like",
                    optional=True,
                    tooltip="The latent of Motion-Field Conditioning, whose size and crop to take. "
                    "Without it: the field's own size, to the nearest multiple of 8.",
                ),
            ],
            outputs=[
                io.Latent.Output(
                    "latent",
                    display_name="LATENT",
                    tooltip="Flow latents, without frame 0 (which never moves).",
                )
            ],
        )

    @classmethod
    def execute(
        cls,
        flow_vae: FlowVAE,
        field: MotionField,
        tile_size: int,
        like: io.Latent.Type | None = None,
    ) -> io.NodeOutput:
        view = (like or {}).get(VIEW) or fit(field.size, 0, 0, crop=False)
        latents = encode_field(flow_vae, field, view, tile_size, progress(field.frames - 1))
        return io.NodeOutput({"samples": latents, VIEW: view})


class MotionI2VFlowVAEDecode(Node):
    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="MotionI2VFlowVAEDecode",
            display_name="Flow VAE Decode",
            **aliases("optical flow latent", "decode motion"),
            category=GROUP,
            description="Turns flow latents into a motion field at the picture's own size.",
            inputs=[
                FlowVaeSocket.Input("flow_vae", tooltip="From Load Flow VAE."),
                io.Latent.Input(
                    "latent", tooltip="Flow latents, from a sampler or Flow VAE Encode."
                ),
                tile_input(),
                moving_input(),
            ],
            outputs=[
                field_output("The field, with the still frame 0 before the decoded ones.", "field")
            ],
        )

    @classmethod
    def execute(
        cls,
        flow_vae: FlowVAE,
        latent: io.Latent.Type,
        tile_size: int,
        region: io.Mask.Type | None = None,
    ) -> io.NodeOutput:
        samples = latent["samples"]
        view = latent.get(VIEW) or own_view(samples)
        bar = progress(samples.shape[0])
        return io.NodeOutput(decode_field(flow_vae, samples, view, region, tile_size, bar))


def own_view(samples: torch.Tensor) -> View:
    """The view of latents that do not say which picture they belong to."""
    if samples.ndim != 4:
        raise ValueError(
            f"flow latents are [frames, 4, height, width], got {list(samples.shape)}; a video "
            "model's latents cannot be decoded here"
        )
    return fit((8 * samples.shape[3], 8 * samples.shape[2]), 0, 0, crop=False)
