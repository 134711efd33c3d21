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

from ...models.files.trained import Trained
from ...models.host.mcdiff_file import read_mcdiff
from ...models.host.mcdiff_networks import FlowCompletion, FutureFrameUNet
from ...models.networks.mcdiff_shapes import CompletionShape, FrameShape
from ..data.batches import MakeBatch
from ..data.sparse_flow import USUAL, Sampling
from ..data.step_clips import SyntheticSteps
from ..loop import LoopSettings
from ..objective import Objective
from ..objectives import networks
from ..objectives.linear_vae import decode_linear
from ..objectives.mcdiff import FILE, FLOW, FRAME, SPARSE, TOGETHER, McdiffInputs, McdiffObjective
from . import recipe
from .recipe import COARSE, FINE, Foundation, Recipe, RecipePart, gather, schedule

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
        part: its name.
        step: see `McdiffObjective`.
        before: the parts that the networks go on from.
        sizes, pictures, frames: of a batch, see `SyntheticSteps`.
        sampling: of strokes.
        apart: see `McdiffObjective`.
    """

    part: str
    step: str
    before: tuple[str, ...] = ()
    sizes: tuple[tuple[int, int], ...] = FINE
    pictures: int = 32
    frames: int = 3
    sampling: Sampling = USUAL
    apart: bool = False

    def __call__(self, base: Foundation, folder: Path) -> tuple[Objective, MakeBatch]:
        completion = networks.flow_completion(COMPLETION) if self.step in (FLOW, TOGETHER) else None
        future = networks.future_frame(FUTURE) if self.step != FLOW else None
        for part in self.before:
            go_on(completion, future, folder / part / "files" / FILE)
        inputs = McdiffInputs(
            base.encode_image, partial(decode_linear, base.image), schedule(AT_END)
        )
        trial = SyntheticSteps(base.held_out, 12, self.sizes[:1], pictures=64)(0)
        objective = McdiffObjective(
            self.step, completion, future, inputs, self.apart, metadata(self.part), trial
        )
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


AFTER = ("fine", "frame")
SETTINGS: LoopSettings = replace(recipe.SETTINGS, ema=0.998)


def _part(
    training: StepTraining, seconds: float, steps: int, rate: float, files: tuple[str, ...] = ()
) -> RecipePart:
    settings = replace(SETTINGS, steps=steps, learning_rate=rate)
    return RecipePart(training.part, files, training.before, seconds, settings, training)


_SPREAD = StepTraining("spread", FLOW, sizes=COARSE, pictures=16, sampling=MANY)
_TOGETHER = StepTraining("together", TOGETHER, AFTER, pictures=16, sampling=FEW)
_FRAME = StepTraining("frame", FRAME, pictures=64, frames=5)
PARTS = (
    _part(_SPREAD, 0.5, 1400, 1e-3),
    _part(StepTraining("flow", FLOW, ("spread",), COARSE, 16, sampling=FEW), 0.5, 1000, 8e-4),
    _part(StepTraining("fine", FLOW, ("flow",), pictures=16, sampling=FEW), 0.8, 1500, 8e-4),
    _part(_FRAME, 0.7, 2000, 1e-3),
    _part(replace(_FRAME, part="sparse", step=SPARSE), 0.7, 2000, 1e-3),
    _part(_TOGETHER, 0.9, 220, 2e-4, (FILE,)),
    _part(replace(_TOGETHER, part="apart", apart=True), 0.9, 220, 2e-4),
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
