"""Loaders of stage 1's three checkpoints: the model, the ControlNet and the flow VAE."""

from __future__ import annotations

from comfy_api.latest import io

from ..models.files.checkpoints import read_checkpoint
from ..models.host import folders, loading
from .loader_inputs import LoaderNode, file_input, precision_input
from .sockets import CATEGORY, FlowVaeSocket, aliases
from .stage1_inputs import former_overlap_input, overlap_of

GROUP = f"{CATEGORY}/loaders"


class MotionI2VLoadFlowVAE(LoaderNode):
    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="MotionI2VLoadFlowVAE",
            display_name="Load Flow VAE",
            **aliases("motion-i2v stage 1", "optical flow"),
            category=GROUP,
            description="Loads the autoencoder that turns motion fields into latents and back.",
            inputs=[
                file_input("the flow VAE", "vae_flow", "flow_vae", "vae"),
                precision_input(
                    "float32",
                    "float32 is small here and exact; float16 rounds displacements to about half a "
                    "pixel at 512 px, bfloat16 to four.",
                ),
            ],
            outputs=[
                FlowVaeSocket.Output(
                    "flow_vae",
                    display_name="FLOW_VAE",
                    tooltip="For Flow VAE Encode and Decode, the ControlNet node and the sampler.",
                )
            ],
        )

    @classmethod
    def execute(cls, file: str, precision: str) -> io.NodeOutput:
        checkpoint = read_checkpoint(folders.path_of(file), "flow_vae")
        return io.NodeOutput(loading.load_flow_vae(checkpoint, loading.dtype_named(precision)))


class MotionI2VLoadMotionFieldModel(LoaderNode):
    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="MotionI2VLoadMotionFieldModel",
            display_name="Load Motion-Field Model",
            **aliases("motion-i2v stage 1", "optical flow", "unet"),
            category=GROUP,
            description="Loads stage 1: the diffusion model that turns text, a picture and drawn "
            "tracks into a motion field. A MODEL like any other: LoRA, ModelSampling and sampler "
            "nodes accept it.",
            inputs=[
                file_input("the stage-1 UNet", "stage1_unet", "flowgen/unet", "unet"),
                precision_input(),
                former_overlap_input(),
            ],
            outputs=[
                io.Model.Output(
                    "model",
                    display_name="MODEL",
                    tooltip="For the Motion-Field Sampler, or the core's samplers with "
                    "Motion-Field Conditioning.",
                )
            ],
        )

    @classmethod
    def execute(cls, file: str, precision: str, window_overlap: int) -> io.NodeOutput:
        checkpoint = read_checkpoint(folders.path_of(file), "stage1_unet")
        windows = loading.trained_windows(checkpoint, overlap_of(window_overlap))
        model = loading.load_motion_field_model(checkpoint, loading.dtype_named(precision), windows)
        return io.NodeOutput(model)


class MotionI2VLoadTrajectoryControlNet(LoaderNode):
    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="MotionI2VLoadTrajectoryControlNet",
            display_name="Load Trajectory ControlNet",
            **aliases("motion-i2v stage 1", "drag control", "trajectory"),
            category=GROUP,
            description="Loads the ControlNet that makes stage 1 follow drawn tracks.",
            inputs=[
                file_input("the sparse-trajectory ControlNet", "controlnet"),
                precision_input(),
            ],
            outputs=[
                io.ControlNet.Output(
                    "control_net",
                    display_name="CONTROL_NET",
                    tooltip="For the node Sparse-Trajectory ControlNet.",
                )
            ],
        )

    @classmethod
    def execute(cls, file: str, precision: str) -> io.NodeOutput:
        checkpoint = read_checkpoint(folders.path_of(file), "stage1_controlnet")
        control = loading.load_trajectory_control(checkpoint, loading.dtype_named(precision))
        return io.NodeOutput(control)
