"""Load Motion Module: the temporal layers that make an SD 1.5 model move."""

from __future__ import annotations

from comfy_api.latest import io

from ..models.files.checkpoints import read_checkpoint
from ..models.host import folders, loading
from ..models.host.motion_module import load_motion_module
from .loader_inputs import LoaderNode, file_input, precision_input
from .sockets import CATEGORY, MotionModuleSocket, aliases


class MotionI2VLoadMotionModule(LoaderNode):
    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="MotionI2VLoadMotionModule",
            display_name="Load Motion Module",
            **aliases("animatediff motion module", "motion-i2v stage 2"),
            category=f"{CATEGORY}/loaders",
            description="Loads the temporal layers of stage 2, which any SD 1.5 checkpoint takes: "
            "Motion-I2V's own, or AnimateDiff v2's.",
            inputs=[
                file_input(
                    "the motion modules: Motion-I2V's motion_block, or AnimateDiff v2's (mm_sd_v15_"
                    "v2), which were not trained to use a motion field",
                    "motion_block",
                    "motion_module",
                    "mm_sd",
                ),
                precision_input(),
            ],
            outputs=[
                MotionModuleSocket.Output(
                    "motion_module",
                    display_name="MOTION_MODULE",
                    tooltip="For the Motion-Augmented AnimateDiff Sampler, or Apply "
                    "Motion-Augmented Attention.",
                )
            ],
        )

    @classmethod
    def execute(cls, file: str, precision: str) -> io.NodeOutput:
        checkpoint = read_checkpoint(folders.path_of(file), "motion_modules")
        return io.NodeOutput(load_motion_module(checkpoint, loading.dtype_named(precision)))
