"""Apply Motion-Augmented Attention: a MODEL that moves, for every sampler of the host."""

from __future__ import annotations

from comfy_api.latest import io

from ..models.host.motion_module import MotionModule
from ..models.host.motion_wrappers import apply_motion
from ..models.host.stage2_sampling import empty_frames, make_motion, with_schedule
from ..models.types.motion_field import MotionField
from .node import Node
from .sockets import CATEGORY, MotionFieldSocket, MotionModuleSocket, aliases
from .stage2_inputs import FIELD_TIP, REGION_TIP, motion_inputs, motion_options


class MotionI2VApplyMotionAttention(Node):
    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="MotionI2VApplyMotionAttention",
            display_name="Apply Motion-Augmented Attention",
            **aliases("apply animatediff", "motion-i2v stage 2", "warp attention"),
            category=f"{CATEGORY}/stage 2",
            description="Makes an SD 1.5 model paint a video that moves as a motion field says, in "
            "core KSampler, SamplerCustomAdvanced and everything else that takes a MODEL. The "
            "given model is left as it is.",
            inputs=[
                io.Model.Input(
                    "model",
                    tooltip="Any SD 1.5 model, with LoRAs, FreeU and other patches; they may also "
                    "come after this node.",
                ),
                MotionModuleSocket.Input("motion_module", tooltip="From Load Motion Module."),
                MotionFieldSocket.Input("field", tooltip=FIELD_TIP),
                io.Latent.Input(
                    "reference",
                    tooltip="The picture through VAE Encode: it becomes the first frame. As large "
                    "as the video will be.",
                ),
                *motion_inputs(),
                io.Mask.Input("region", optional=True, tooltip=REGION_TIP),
            ],
            outputs=[
                io.Model.Output("moving_model", display_name="MODEL", tooltip="For the sampler."),
                io.Latent.Output(
                    "frames",
                    display_name="LATENT",
                    tooltip="Empty latents, as many as the field has frames: the sampler's "
                    "latent_image.",
                ),
            ],
        )

    @classmethod
    def execute(
        cls,
        model: io.Model.Type,
        motion_module: MotionModule,
        field: MotionField,
        reference: io.Latent.Type,
        warp_strength: float,
        temporal_strength: float,
        schedule: str,
        keep_outside: str,
        window_overlap: int,
        region: io.Mask.Type | None = None,
    ) -> io.NodeOutput:
        options = motion_options(warp_strength, temporal_strength, keep_outside, window_overlap)
        motion = make_motion(field, reference["samples"], region, **options)
        moving = apply_motion(model, motion_module, motion)
        moving = with_schedule(moving, schedule, motion_module)
        return io.NodeOutput(moving, {"samples": empty_frames(motion)})
