"""The small model that ships with the pack, trained from nothing: `python -m training small`.

Every part is an ordinary training of this room on narrow networks and synthetic clips, in the order
of PARTS; each is resumable, and the ones that do not wait for one another may run side by side
(`--part`). Choices that differ from the released models, because nothing pretrained is at hand:
linear (PCA) encoders for both VAEs; v-prediction with zero terminal SNR; first single fields almost
only at pure noise, where stage 1 is a regression of what was drawn.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

from ...models.files.network_shapes import UNetShape
from ...models.files.safetensors_files import read_safetensors
from ...models.files.trained import Trained
from ...scenes.photographs import Photographs
from ...scenes.scene_captions import VOCABULARY
from ..checkpoint import write
from ..data import scene_batches as batches
from ..data.batches import MakeBatch
from ..data.scene_batches import RandomTimes, SteadyTimes, SyntheticClips
from ..data.strokes import Drawing
from ..data.text_vectors import construct_text
from ..objectives import networks
from ..objectives.stage1 import Stage1Objective
from ..objectives.stage2 import ImageObjective, MotionObjective
from ..objectives.vae_objective import DecoderObjective
from ..objectives.warp_start import look_at_warp
from . import recipe
from .recipe import COARSE, CONTEXT, FINE, Foundation, Recipe, RecipePart, Training

WIDTHS = (64, 64, 64, 64)
HEADS = 2
PAINTER = UNetShape("sd15_unet", WIDTHS, CONTEXT, HEADS)
"""Of the attention over pixels."""
FRAMES = 16
"""The longest clips that are trained on, with the reference."""
DRAWING = Drawing(blocks=0.15, strokes=0.55, brush=0.2, every=0.85)


def metadata(part: str) -> dict[str, str]:
    """What every file of the small model says of itself."""
    return recipe.told(part, "training/commands/small.py", Trained("v", True, HEADS, FRAMES))


def _image_vae(part: RecipePart, base: Foundation, _: Path) -> Training:
    objective = DecoderObjective(part.name, WIDTHS, base.image, metadata=metadata(part.name))
    return objective, batches.PicturePixels(base.photographs, 1)


def _flow_vae(part: RecipePart, base: Foundation, _: Path) -> Training:
    objective = DecoderObjective(part.name, WIDTHS, base.flow, metadata=metadata(part.name))
    return objective, batches.FieldPixels(base.photographs, 2)


@dataclass(frozen=True)
class Fields:
    """A training of stage 1 with its ControlNet.

    Args:
        step: one of `stage1.STEPS`.
        at_end: share of the samples at pure noise.
        sizes, frames, pictures: of a batch, see `scene_batches.shape_of`.
        times: of a clip, by its frames.
    """

    step: str
    at_end: float
    sizes: tuple[tuple[int, int], ...]
    frames: tuple[int, ...]
    pictures: int
    times: Callable[[int], Any]

    def __call__(self, part: RecipePart, base: Foundation, folder: Path) -> Training:
        unet = networks.stage1_unet(replace(PAINTER, kind="stage1_unet"))
        control = networks.stage1_control(replace(PAINTER, kind="stage1_controlnet"))
        for before in part.needs:
            _load(unet, "stage1_unet", folder / before)
            _load(control, "stage1_controlnet", folder / before)
        trial = self._batches(base.held_out, 7, self.sizes[:1], self.frames[:1])(0, 0, 1)
        told: Any = {"metadata": metadata("stage1"), "trial": trial}
        frozen = base.frozen(self.at_end)
        objective = Stage1Objective(unet, control, frozen, self.step, DRAWING, **told)
        return objective, self._batches(base.photographs, 3, self.sizes, self.frames)

    def _batches(self, photographs: Photographs, seed: int, sizes: Any, frames: Any) -> MakeBatch:
        return SyntheticClips(photographs, seed, sizes, frames, self.pictures, self.times)


def _image_unet(part: RecipePart, base: Foundation, _: Path) -> Training:
    unet = networks.image_unet(PAINTER)
    objective = ImageObjective(unet, base.frozen(0.05), metadata=metadata(part.name))
    return objective, batches.SyntheticPictures(base.photographs, 5, 32, FINE)


def _motion(part: RecipePart, base: Foundation, folder: Path) -> Training:
    unet = networks.image_unet(PAINTER)
    _load(unet, "sd15_unet", folder / "image_unet", "image_unet.safetensors")
    layers = networks.motion_layers(WIDTHS)
    look_at_warp(layers)
    trial = SyntheticClips(base.held_out, 8, FINE[:1], (8,), 32, SteadyTimes)(0, 0, 1)
    told: Any = {"metadata": metadata(part.name), "trial": trial}
    objective = MotionObjective(unet, base.frozen(0.3), layers, whole=True, **told)
    return objective, SyntheticClips(base.photographs, 6, FINE, (8, 8, 16), 32, SteadyTimes)


_FIELD = Fields("field", 0.8, COARSE, (2,), 80, RandomTimes)
_FINER = Fields("field", 0.6, FINE, (2,), 56, RandomTimes)
_WHOLE = Fields("whole", 0.4, FINE, (8, 8, 16), 32, SteadyTimes)
_STAGE1 = ("stage1_unet", "stage1_controlnet")
_STAGE2 = ("image_unet", "motion_module")
PARTS = (
    RecipePart("image_vae", ("image_vae",), (), 0.9, 420, _image_vae, 1e-3),
    RecipePart("flow_vae", ("flow_vae",), (), 0.9, 400, _flow_vae, 1e-3),
    RecipePart("image_unet", (), (), 0.6, 500, _image_unet),
    RecipePart("field", (), (), 1.3, 1000, _FIELD),
    RecipePart("fine", (), ("field",), 1.3, 800, _FINER, 7e-4),
    RecipePart("whole", _STAGE1, ("fine",), 1.7, 640, _WHOLE, 5e-4),
    RecipePart("motion", _STAGE2, ("image_unet",), 1.7, 1920, _motion),
)
NAMES = {"stage1_controlnet": "controlnet"}
"""What the loader calls files otherwise."""


def pack(folder: Path, target: Path) -> None:
    """Puts the parts' files together as 'Load Small Model' reads them.

    Raises:
        TrainingError: where a part was not trained.
    """
    text = {"motion_i2v.kind": "text", "motion_i2v.licence": recipe.LICENCE}
    write(target / "text.safetensors", construct_text(VOCABULARY, CONTEXT), text)
    recipe.gather(PARTS, folder, target, NAMES)


RECIPE = Recipe(PARTS, Path("output/small_model"), pack)
add_arguments = partial(recipe.add_arguments, recipe=RECIPE)
run = partial(recipe.run, recipe=RECIPE)


def _load(network: Any, kind: str, folder: Path, file: str = "") -> None:
    tensors, _ = read_safetensors(folder / "files" / (file or f"{kind}.safetensors"))
    networks.load_released(network, kind, tensors, networks.entries(kind, WIDTHS, CONTEXT))
