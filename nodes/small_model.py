"""Load Small Model: everything that both stages need, from files that come with the pack."""

from __future__ import annotations

from comfy_api.latest import io

from ..models.host import small_networks as small_model
from .node import Node
from .sockets import CATEGORY, FlowVaeSocket, MotionModuleSocket, aliases


class MotionI2VLoadSmallModel(Node):
    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="MotionI2VLoadSmallModel",
            display_name="Load Small Model",
            **aliases("motion-i2v small", "demo model", "no download"),
            category=f"{CATEGORY}/loaders",
            description="Loads a small model of both stages that comes with the pack: nothing to "
            "download, seconds on a CPU. For learning the nodes and trying workflows, at about "
            "128 px; its pictures are soft, and it knows a few words only.",
            inputs=[],
            outputs=[
                io.Model.Output(
                    "model",
                    display_name="stage 2 MODEL",
                    tooltip="In place of an SD 1.5 checkpoint's model: for the Motion-Augmented "
                    "AnimateDiff Sampler, or Apply Motion-Augmented Attention.",
                ),
                io.Clip.Output(
                    "clip",
                    display_name="CLIP",
                    tooltip="For CLIP Text Encode, in both stages. It knows the words of its "
                    "training alone (such as rocket, moves, left, camera) and leaves out others.",
                ),
                io.Vae.Output(
                    "vae",
                    display_name="VAE",
                    tooltip="For pictures, in both stages.",
                ),
                FlowVaeSocket.Output(
                    "flow_vae",
                    display_name="FLOW_VAE",
                    tooltip="In place of Load Flow VAE.",
                ),
                io.ControlNet.Output(
                    "control_net",
                    display_name="CONTROL_NET",
                    tooltip="In place of Load Trajectory ControlNet: for Sparse-Trajectory "
                    "ControlNet.",
                ),
                MotionModuleSocket.Output(
                    "motion_module",
                    display_name="MOTION_MODULE",
                    tooltip="In place of Load Motion Module. Belongs to the stage 2 MODEL of this "
                    "node, and to no other.",
                ),
                io.Model.Output(
                    "motion_field_model",
                    display_name="stage 1 MODEL",
                    tooltip="In place of Load Motion-Field Model: for the Motion-Field Sampler.",
                ),
            ],
        )

    @classmethod
    def fingerprint_inputs(cls) -> str:
        return small_model.fingerprint()

    @classmethod
    def execute(cls) -> io.NodeOutput:
        loaded = small_model.load_small_model()
        return io.NodeOutput(
            loaded.model,
            loaded.clip,
            loaded.vae,
            loaded.flow_vae,
            loaded.control_net,
            loaded.motion_module,
            loaded.motion_field_model,
        )
