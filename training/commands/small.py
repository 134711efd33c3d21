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
from ..data.batches import MakeBatch
from ..data.scene_batches import RandomTimes, SteadyTimes, SyntheticClips, SyntheticPictures
from ..data.strokes import Drawing
from ..data.text_vectors import construct_text
from ..data.vae_batches import FieldPixels, PicturePixels
from ..objective import Objective
from ..objectives import networks
from ..objectives.linear_vae import decode_linear
from ..objectives.stage1 import Stage1Inputs, Stage1Objective
from ..objectives.stage2 import ImageObjective, MotionObjective
from ..objectives.vae_objective import DecoderObjective
from ..objectives.warp_start import look_at_warp
from . import recipe
from .recipe import (
    COARSE,
    CONTEXT,
    FINE,
    LICENCE,
    SETTINGS,
    Foundation,
    Recipe,
    RecipePart,
    gather,
    schedule,
)

Training = tuple[Objective, MakeBatch]

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


def _image_vae(base: Foundation, _: Path) -> Training:
    objective = DecoderObjective("image_vae", WIDTHS, base.image, metadata("image_vae"))
    return objective, PicturePixels(base.photographs, 1)


def _flow_vae(base: Foundation, _: Path) -> Training:
    objective = DecoderObjective("flow_vae", WIDTHS, base.flow, metadata("flow_vae"))
    return objective, FieldPixels(base.photographs, 2)


@dataclass(frozen=True)
class Fields:
    """A training of stage 1 with its ControlNet.

    Args:
        before: the part that it goes on from; "" for none.
        step: one of `stage1.STEPS`.
        at_end: share of the samples at pure noise.
        sizes, frames, pictures: of a batch, see `scene_batches.shape_of`.
        times: of a clip, by its frames.
    """

    before: str
    step: str
    at_end: float
    sizes: tuple[tuple[int, int], ...]
    frames: tuple[int, ...]
    pictures: int
    times: Callable[[int], Any]

    def __call__(self, base: Foundation, folder: Path) -> Training:
        unet = networks.stage1_unet(replace(PAINTER, kind="stage1_unet"))
        control = networks.stage1_control(replace(PAINTER, kind="stage1_controlnet"))
        if self.before:
            _load(unet, "stage1_unet", folder / self.before)
            _load(control, "stage1_controlnet", folder / self.before)
        inputs = Stage1Inputs(
            base.encode_image,
            base.encode_flow,
            base.encode_text,
            schedule(self.at_end),
            partial(decode_linear, base.flow),
            DRAWING,
        )
        trial = self._batches(base.held_out, 7, self.sizes[:1], self.frames[:1])(0, 0, 1)
        objective = Stage1Objective(unet, control, inputs, self.step, metadata("stage1"), trial)
        return objective, self._batches(base.photographs, 3, self.sizes, self.frames)

    def _batches(self, photographs: Photographs, seed: int, sizes: Any, frames: Any) -> MakeBatch:
        return SyntheticClips(photographs, seed, sizes, frames, self.pictures, self.times)


def _image_unet(base: Foundation, _: Path) -> Training:
    unet = networks.image_unet(PAINTER)
    encode, text = base.encode_image, base.encode_text
    objective = ImageObjective(unet, encode, text, schedule(0.05), metadata("image_unet"))
    return objective, SyntheticPictures(base.photographs, 5, 32, FINE)


def _motion(base: Foundation, folder: Path) -> Training:
    unet = networks.image_unet(PAINTER)
    _load(unet, "sd15_unet", folder / "image_unet", "image_unet.safetensors")
    layers = networks.motion_layers(WIDTHS)
    look_at_warp(layers)
    objective = MotionObjective(
        unet,
        layers,
        base.encode_image,
        base.encode_text,
        schedule(0.3),
        whole=True,
        metadata=metadata("motion"),
        decode=partial(decode_linear, base.image),
        trial=SyntheticClips(base.held_out, 8, FINE[:1], (8,), 32, SteadyTimes)(0, 0, 1),
    )
    return objective, SyntheticClips(base.photographs, 6, FINE, (8, 8, 16), 32, SteadyTimes)


def _part(
    name: str,
    files: tuple[str, ...],
    needs: tuple[str, ...],
    seconds: float,
    steps: int,
    make: Callable[[Foundation, Path], Training],
    rate: float = SETTINGS.learning_rate,
) -> RecipePart:
    written = tuple(f"{file}.safetensors" for file in files)
    settings = replace(SETTINGS, steps=steps, learning_rate=rate)
    return RecipePart(name, written, needs, seconds, settings, make)


_FIELD = Fields("", "field", 0.8, COARSE, (2,), 80, RandomTimes)
_FINER = Fields("field", "field", 0.6, FINE, (2,), 56, RandomTimes)
_WHOLE = Fields("fine", "whole", 0.4, FINE, (8, 8, 16), 32, SteadyTimes)
_STAGE1 = ("stage1_unet", "stage1_controlnet")
_STAGE2 = ("image_unet", "motion_module")
PARTS = (
    _part("image_vae", ("image_vae",), (), 0.9, 420, _image_vae, 1e-3),
    _part("flow_vae", ("flow_vae",), (), 0.9, 400, _flow_vae, 1e-3),
    _part("image_unet", (), (), 0.6, 500, _image_unet),
    _part("field", (), (), 1.3, 1000, _FIELD),
    _part("fine", (), ("field",), 1.3, 800, _FINER, 7e-4),
    _part("whole", _STAGE1, ("fine",), 1.7, 640, _WHOLE, 5e-4),
    _part("motion", _STAGE2, ("image_unet",), 1.7, 1920, _motion),
)
NAMES = {"stage1_controlnet.safetensors": "controlnet.safetensors"}
"""What the loader calls files otherwise."""


def pack(folder: Path, target: Path) -> None:
    """Puts the parts' files together as 'Load Small Model' reads them.

    Raises:
        TrainingError: where a part was not trained.
    """
    text = {"motion_i2v.kind": "text", "motion_i2v.licence": LICENCE}
    write(target / "text.safetensors", construct_text(VOCABULARY, CONTEXT), text)
    gather(PARTS, folder, target, NAMES)


RECIPE = Recipe(PARTS, Path("output/small_model"), pack)
add_arguments = partial(recipe.add_arguments, recipe=RECIPE)
run = partial(recipe.run, recipe=RECIPE)


def _load(network: Any, kind: str, folder: Path, file: str = "") -> None:
    tensors, _ = read_safetensors(folder / "files" / (file or f"{kind}.safetensors"))
    networks.load_released(network, kind, tensors, networks.entries(kind, WIDTHS, CONTEXT))
