"""The small MCDiff that ships with the pack, from nothing: `python -m training small-mcdiff`.

Flow completion learns first from many strokes on small pictures how flow spreads over a thing (from
few strokes alone it learned nothing in that time), then from the few that users draw; the future
frame learns on true flow; then both end to end. Beside them, for the evaluation alone: a future
frame that is given the strokes themselves ("sparse", the paper's ablation), and the last training
without the end to end ("apart").
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

from ...models.files.trained import Trained
from ...models.host.mcdiff_file import read_mcdiff
from ...models.host.mcdiff_networks import FlowCompletion, FutureFrameUNet
from ...models.networks.mcdiff_shapes import CompletionShape, FrameShape
from ..data.sparse_flow import USUAL, Sampling
from ..data.step_clips import SyntheticSteps
from ..objectives import networks
from ..objectives.mcdiff import FILE, FLOW, FRAME, SPARSE, TOGETHER, McdiffInputs, McdiffObjective
from . import recipe
from .recipe import COARSE, FINE, Foundation, Recipe, RecipePart, Training, gather

COMPLETION = CompletionShape(96, (1, 1, 1), attention=2, fold=4)
FUTURE = FrameShape(64, (1, 1, 1), blocks=1)
AT_END = 0.3
"""Share of G's samples at pure noise."""
SIDE = 128
"""The mean side of the pictures, px."""
MANY = Sampling(many=0.6, half_size=(2, 6))
"""Strokes to begin with."""
FEW = Sampling(each=0.9, many=0.1)
"""Strokes to go on with."""


def metadata(part: str) -> dict[str, str]:
    """What the file says of itself."""
    return {
        **recipe.told(part, "training/commands/small_mcdiff.py", Trained("v", True, 1, 2)),
        "motion_i2v.side": str(SIDE),
        "motion_i2v.stroke": str(USUAL.half_size[0]),
    }


@dataclass(frozen=True)
class StepTraining:
    """One part of the recipe.

    Args:
        step: see `McdiffObjective`.
        sizes, pictures, frames: of a batch, see `SyntheticSteps`.
        sampling: of strokes.
        apart: see `McdiffObjective`.
    """

    step: str
    sizes: tuple[tuple[int, int], ...] = FINE
    pictures: int = 32
    frames: int = 3
    sampling: Sampling = USUAL
    apart: bool = False

    def __call__(self, part: RecipePart, base: Foundation, folder: Path) -> Training:
        completion = networks.flow_completion(COMPLETION) if self.step in (FLOW, TOGETHER) else None
        future = networks.future_frame(FUTURE) if self.step != FLOW else None
        for before in part.needs:
            go_on(completion, future, folder / before / "files" / FILE)
        frozen = base.frozen(AT_END)
        inputs = McdiffInputs(frozen.image, frozen.picture, frozen.schedule)
        trial = SyntheticSteps(base.held_out, 12, self.sizes[:1], pictures=64)(0)
        told: Any = {"metadata": metadata(part.name), "trial": trial}
        objective = McdiffObjective(self.step, completion, future, inputs, self.apart, **told)
        make = SyntheticSteps(
            base.photographs, 11, self.sizes, self.frames, self.pictures, self.sampling
        )
        return objective, make


def go_on(completion: FlowCompletion | None, future: FutureFrameUNet | None, path: Path) -> None:
    """Gives the networks what a file has of them."""
    file = read_mcdiff(path)
    for network, tensors in ((completion, file.completion), (future, file.future)):
        if network is not None and tensors:
            networks.filled(network, tensors)


EMA = 0.998
_NAME = (FILE.removesuffix(".safetensors"),)
_SPREAD = StepTraining(FLOW, COARSE, 16, sampling=MANY)
_FLOW = replace(_SPREAD, sampling=FEW)
_FRAME = StepTraining(FRAME, pictures=64, frames=5)
_TOGETHER = StepTraining(TOGETHER, pictures=16, sampling=FEW)
_SPARSE, _APART = replace(_FRAME, step=SPARSE), replace(_TOGETHER, apart=True)
PARTS = (
    RecipePart("spread", (), (), 0.5, 1400, _SPREAD, 1e-3, EMA),
    RecipePart("flow", (), ("spread",), 0.5, 1000, _FLOW, 8e-4, EMA),
    RecipePart("fine", (), ("flow",), 0.8, 1500, replace(_FLOW, sizes=FINE), 8e-4, EMA),
    RecipePart("frame", (), (), 0.7, 2000, _FRAME, 1e-3, EMA),
    RecipePart("sparse", (), (), 0.7, 2000, _SPARSE, 1e-3, EMA),
    RecipePart("together", _NAME, ("fine", "frame"), 0.9, 220, _TOGETHER, 2e-4, EMA),
    RecipePart("apart", (), ("fine", "frame"), 0.9, 220, _APART, 2e-4, EMA),
)


def pack(folder: Path, target: Path) -> None:
    """Puts the file where 'Load MCDiff' finds it.

    Raises:
        TrainingError: where the last part was not trained.
    """
    gather(PARTS, folder, target)


RECIPE = Recipe(PARTS, Path("output/small_mcdiff"), pack)
add_arguments = partial(recipe.add_arguments, recipe=RECIPE)
run = partial(recipe.run, recipe=RECIPE)
