"""Load MCDiff: the two networks that move a picture frame by frame."""

from __future__ import annotations

from typing import Any

from comfy_api.latest import io

from ..models.host import folders, loading
from ..models.host import small_networks as small_model
from ..models.host.flow_completion import load_flow_completion
from ..models.host.future_frame import load_future_frame
from ..models.host.mcdiff_file import COMPLETION, FUTURE, read_mcdiff
from .loader_inputs import precision_input
from .node import Node
from .sockets import CATEGORY, FlowCompletionSocket, aliases

SMALL = "small model (comes with the pack)"


class MotionI2VLoadMCDiff(Node):
    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="MotionI2VLoadMCDiff",
            display_name="Load MCDiff",
            **aliases("motion-conditioned diffusion", "flow completion", "stroke guided video"),
            category=f"{CATEGORY}/loaders",
            description="Loads MCDiff: flow completion, which spreads strokes over a picture for "
            "one step, and the future-frame model, which makes the next frame of it. A small one "
            "comes with the pack.",
            inputs=[
                io.Combo.Input(
                    "file",
                    options=[SMALL, *folders.checkpoints("mcdiff")],
                    default=SMALL,
                    tooltip="The small model, or a file that 'python -m training' wrote, in "
                    "models/motion_i2v/. The authors of MCDiff released no weights.",
                ),
                precision_input(
                    tooltip="Of the MODEL's weights. auto: what the host takes for its device. "
                    "Flow completion is always float32.",
                ),
            ],
            outputs=[
                FlowCompletionSocket.Output(
                    "flow_completion",
                    display_name="FLOW_COMPLETION",
                    tooltip="For MCDiff Flow Completion, and for the MCDiff Sampler with tracks.",
                ),
                io.Model.Output(
                    "model",
                    display_name="MODEL",
                    tooltip="The future-frame model, for the MCDiff Sampler and MCDiff Continue. "
                    "Works in the latents of the VAE it was trained with; the small one with that "
                    "of Load Small Model.",
                ),
            ],
        )

    @classmethod
    def fingerprint_inputs(cls, file: str = SMALL, **_: Any) -> str:
        if file == SMALL:
            return small_model.fingerprint(names=(small_model.MCDIFF,))
        return folders.fingerprint(file)

    @classmethod
    def execute(cls, file: str, precision: str) -> io.NodeOutput:
        if file == SMALL:
            found = small_model.read_small_mcdiff()
        else:
            found = read_mcdiff(folders.path_of(file))
        found.demand(COMPLETION, FUTURE)
        model = load_future_frame(found, loading.dtype_named(precision))
        return io.NodeOutput(load_flow_completion(found), model)
