"""Loaders of stage 1's three checkpoints: the model, the ControlNet and the flow VAE."""

from comfy_api.latest import io

from ..models.files.checkpoints import read_checkpoint
from ..models.host import folders, loading
from ..models.host.stage1_windows import OVERLAP, TRAINED_FRAMES
from .node import Node
from .sockets import CATEGORY, FlowVaeSocket, advanced, aliases

GROUP = f"{CATEGORY}/loaders"
WHERE = (
    "Files in models/motion_i2v/ (and in models/diffusers/Motion-I2V/models/): the released .bin, "
    "or a converted .safetensors."
)


def file_input(what: str, *likely: str) -> io.Combo.Input:
    """A choice among the checkpoints, the likeliest first."""
    return io.Combo.Input(
        "file", options=folders.checkpoints(*likely), tooltip=f"The checkpoint of {what}. {WHERE}"
    )


def precision_input(default: str, tooltip: str) -> io.Combo.Input:
    return io.Combo.Input(
        "precision", options=list(loading.DTYPES), default=default, tooltip=tooltip
    )


class _Loader(Node):
    """What the loaders share: a replaced file is loaded anew."""

    @classmethod
    def fingerprint_inputs(cls, file, **others):
        return folders.fingerprint(file)


class MotionI2VLoadFlowVAE(_Loader):
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
    def execute(cls, file, precision) -> io.NodeOutput:
        checkpoint = read_checkpoint(folders.path_of(file), "flow_vae")
        return io.NodeOutput(loading.load_flow_vae(checkpoint, loading.dtype_named(precision)))


class MotionI2VLoadMotionFieldModel(_Loader):
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
                precision_input(
                    "auto", "Of the weights. auto: what the host takes for its device."
                ),
                io.Int.Input(
                    "window_overlap",
                    default=OVERLAP,
                    min=0,
                    max=TRAINED_FRAMES - 1,
                    tooltip=f"Only for more than {TRAINED_FRAMES} predicted frames, which are "
                    f"sampled in windows of {TRAINED_FRAMES}: how many frames neighbours share "
                    "and blend. More is smoother and slower.",
                    **advanced(),
                ),
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
    def execute(cls, file, precision, window_overlap) -> io.NodeOutput:
        checkpoint = read_checkpoint(folders.path_of(file), "stage1_unet")
        windows = loading.trained_windows(checkpoint, window_overlap)
        model = loading.load_motion_field_model(checkpoint, loading.dtype_named(precision), windows)
        return io.NodeOutput(model)


class MotionI2VLoadTrajectoryControlNet(_Loader):
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
                precision_input(
                    "auto", "Of the weights. auto: what the host takes for its device."
                ),
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
    def execute(cls, file, precision) -> io.NodeOutput:
        checkpoint = read_checkpoint(folders.path_of(file), "stage1_controlnet")
        control = loading.load_trajectory_control(checkpoint, loading.dtype_named(precision))
        return io.NodeOutput(control)
