"""Move Mask: a region carried along a motion field, and what the motion uncovers."""

from comfy_api.latest import io

from ..models.fields.fitting import note_shape
from ..models.fields.moved_mask import carried, latent_frames
from ..models.picture.region import check_region
from .node import Node
from .sockets import CATEGORY, MotionFieldSocket, aliases


def temporal_factor_input(**kwargs) -> io.Int.Input:
    return io.Int.Input(
        "temporal_factor",
        default=1,
        min=1,
        max=64,
        tooltip="1: a mask for every frame. Else one for every frame of a video model's latents, "
        "of which the first stands for the first frame and each other one for this many: 4 for "
        "Wan, CogVideoX and Hunyuan (81 frames become 21), 8 for LTX.",
        **kwargs,
    )


def moved_output() -> io.Mask.Output:
    return io.Mask.Output(
        "moved",
        display_name="moved",
        tooltip="Where the mask has come to, a mask a frame; 0 where something covers it.",
    )


def new_output() -> io.Mask.Output:
    return io.Mask.Output(
        "new",
        display_name="new",
        tooltip="What the picture does not show, a mask a frame: 1 where something has moved away "
        "or comes from outside. For inpainting models.",
    )


class MotionI2VMoveMask(Node):
    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="MotionI2VMoveMask",
            display_name="Move Mask",
            **aliases("warp mask", "propagate mask", "mask tracking", "disocclusion", "occlusion"),
            category=f"{CATEGORY}/field",
            description="Carries a mask of the picture along a motion, frame by frame, and tells "
            "which pixels the motion uncovers.",
            inputs=[
                io.Mask.Input(
                    "mask",
                    tooltip="The mask in the picture: it is that of frame 0. Soft edges stay soft.",
                ),
                MotionFieldSocket.Input(
                    "field",
                    tooltip="Where every pixel goes. A field of another size is resized to the "
                    "mask.",
                ),
                temporal_factor_input(),
            ],
            outputs=[moved_output(), new_output()],
        )

    @classmethod
    def execute(cls, mask, field, temporal_factor) -> io.NodeOutput:
        import comfy.utils

        at = latent_frames(field.frames, temporal_factor)
        region = check_region(mask)
        height, width = region.shape
        if not bool(region.any()):
            raise ValueError(
                f"the mask is empty ({width}x{height} zeros): there is nothing to carry; paint "
                "what is to be followed"
            )
        note_shape(field, (width, height))
        progress = comfy.utils.ProgressBar(len(at))
        return io.NodeOutput(
            *carried(
                region,
                field.resized((width, height)),
                at=at,
                on_frame=progress.update_absolute,
            )
        )
