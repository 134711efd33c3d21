"""The small model that ships with the pack, trained from nothing: `python -m training small`.

Every part is an ordinary training of this room on narrow networks and synthetic clips, in the order
of PARTS; each is resumable, and the ones that do not wait for one another may run side by side
(`--part`). Choices that differ from the released models, because nothing pretrained is at hand:
linear (PCA) encoders for both VAEs; v-prediction with zero terminal SNR; first single fields almost
only at pure noise, where stage 1 is a regression of what was drawn.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from safetensors.torch import load_file, save_file

from ...models.files.layout import UNetShape
from ...models.files.trained import Trained
from ...models.host.small_text import construct_text
from ..data import vae_batches
from ..data.batches import MakeBatch
from ..data.photographs import Photographs
from ..data.scene_batches import RandomTimes, random_crops, shape_of, synthetic_batch
from ..data.scene_captions import VOCABULARY
from ..data.strokes import Drawing
from ..objective import Objective
from ..objectives import networks, vae_objective
from ..objectives.linear_vae import decode_linear
from ..objectives.stage1 import Stage1Inputs, Stage1Objective
from ..objectives.stage2 import ImageObjective, MotionObjective
from ..objectives.warp_start import look_at_warp
from . import recipe
from .recipe import (
    COARSE,
    CONTEXT,
    DATA,
    FINE,
    LICENCE,
    SETTINGS,
    Foundation,
    Recipe,
    RecipePart,
    gather,
    schedule,
    tell_size,
)

WIDTHS = (64, 64, 64, 64)
HEADS = 2
"""Of the attention over pixels."""
FRAMES = 16
"""The longest clips that are trained on, with the reference."""
DRAWING = Drawing(blocks=0.15, strokes=0.55, brush=0.2, every=0.85)


def metadata(part: str) -> dict[str, str]:
    """What every file of the small model says of itself."""
    configuration = {"recipe": "training/commands/small.py", "part": part}
    return {
        **Trained("v", True, HEADS, FRAMES).metadata(),
        "motion_i2v.data": DATA,
        "motion_i2v.configuration": json.dumps(configuration),
        "motion_i2v.licence": LICENCE,
    }


def clip_batches(
    photographs: Photographs,
    seed: int,
    sizes: tuple[tuple[int, int], ...],
    frames: tuple[int, ...],
    pictures: int,
    times: Callable[[int], Any],
) -> MakeBatch:
    """Batches of synthetic clips whose size and length change from step to step."""

    def make(step: int, rank: int, world: int) -> dict[str, Any]:
        shape = shape_of(step, seed, sizes, frames, pictures)
        return synthetic_batch(step, rank, world, seed, shape, times(shape.frames), photographs)

    return make


@dataclass(frozen=True)
class SteadyTimes:
    """Even times up to a random end: most clips show the whole motion, some its beginning."""

    frames: int

    def __call__(self, random: np.random.Generator) -> list[float]:
        end = 1.0 if random.uniform() < 0.6 else random.uniform(0.3, 1.0)
        return [float(time) for time in np.linspace(0, end, self.frames)]


def picture_batches(photographs: Photographs, seed: int, count: int) -> MakeBatch:
    """Batches of single pictures without captions."""

    def make(step: int, rank: int, world: int) -> dict[str, Any]:
        state = np.random.SeedSequence((seed, step, rank)).generate_state(1)
        size = FINE[step % len(FINE)]
        pictures = random_crops(int(state[0]), count, size, photographs)
        return {"frames": pictures[:, None], "caption": [""] * count}

    return make


def _image_vae(base: Foundation, _: Path) -> tuple[Objective, MakeBatch]:
    objective = vae_objective.DecoderObjective(
        "image_vae", WIDTHS, base.image, metadata("image_vae")
    )
    return objective, vae_batches.image_batches(base.photographs, 1)


def _flow_vae(base: Foundation, _: Path) -> tuple[Objective, MakeBatch]:
    objective = vae_objective.DecoderObjective("flow_vae", WIDTHS, base.flow, metadata("flow_vae"))
    return objective, vae_batches.flow_batches(base.photographs, 2)


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

    def __call__(self, base: Foundation, folder: Path) -> tuple[Objective, MakeBatch]:
        unet = networks.stage1_unet(UNetShape(WIDTHS, CONTEXT, 8), HEADS)
        control = networks.stage1_control(UNetShape(WIDTHS, CONTEXT, 8), HEADS)
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
        return clip_batches(photographs, seed, sizes, frames, self.pictures, self.times)


def _image_unet(base: Foundation, _: Path) -> tuple[Objective, MakeBatch]:
    unet = networks.image_unet(UNetShape(WIDTHS, CONTEXT, 4), HEADS)
    objective = ImageObjective(
        unet, base.encode_image, base.encode_text, schedule(0.05), metadata("image_unet")
    )
    return objective, picture_batches(base.photographs, 5, 32)


def _motion(base: Foundation, folder: Path) -> tuple[Objective, MakeBatch]:
    unet = networks.image_unet(UNetShape(WIDTHS, CONTEXT, 4), HEADS)
    _load(unet, "sd15_unet", folder / "image_unet", "image_unet.safetensors")
    layers = networks.motion_layers(WIDTHS)
    look_at_warp(layers)
    trial = clip_batches(base.held_out, 8, FINE[:1], (8,), 32, SteadyTimes)(0, 0, 1)
    objective = MotionObjective(
        unet,
        layers,
        base.encode_image,
        base.encode_text,
        schedule(0.3),
        whole=True,
        metadata=metadata("motion"),
        decode=partial(decode_linear, base.image),
        trial=trial,
    )
    return objective, clip_batches(base.photographs, 6, FINE, (8, 8, 16), 32, SteadyTimes)


PARTS = (
    RecipePart(
        "image_vae",
        ("image_vae.safetensors",),
        (),
        0.9,
        replace(SETTINGS, steps=420, learning_rate=1e-3),
        _image_vae,
    ),
    RecipePart(
        "flow_vae",
        ("flow_vae.safetensors",),
        (),
        0.9,
        replace(SETTINGS, steps=400, learning_rate=1e-3),
        _flow_vae,
    ),
    RecipePart("image_unet", (), (), 0.6, replace(SETTINGS, steps=500), _image_unet),
    RecipePart(
        "field",
        (),
        (),
        1.3,
        replace(SETTINGS, steps=1000),
        Fields("", "field", 0.8, COARSE, (2,), 80, RandomTimes),
    ),
    RecipePart(
        "fine",
        (),
        ("field",),
        1.3,
        replace(SETTINGS, steps=800, learning_rate=7e-4),
        Fields("field", "field", 0.6, FINE, (2,), 56, RandomTimes),
    ),
    RecipePart(
        "whole",
        ("stage1_unet.safetensors", "stage1_controlnet.safetensors"),
        ("fine",),
        1.7,
        replace(SETTINGS, steps=640, learning_rate=5e-4),
        Fields("fine", "whole", 0.4, FINE, (8, 8, 16), 32, SteadyTimes),
    ),
    RecipePart(
        "motion",
        ("image_unet.safetensors", "motion_module.safetensors"),
        ("image_unet",),
        1.7,
        replace(SETTINGS, steps=1920),
        _motion,
    ),
)


def pack(folder: Path, target: Path) -> None:
    """Puts the parts' files together as 'Load Small Model' reads them.

    Raises:
        TrainingError: where a part was not trained.
    """
    gather(PARTS, folder, target, NAMES)
    text = {"motion_i2v.kind": "text", "motion_i2v.licence": LICENCE}
    save_file(construct_text(VOCABULARY, CONTEXT), target / "text.safetensors", metadata=text)
    tell_size(target)


NAMES = {"stage1_controlnet.safetensors": "controlnet.safetensors"}
"""What the loader calls files otherwise."""


RECIPE = Recipe(PARTS, Path("output/small_model"), pack)
add_arguments = partial(recipe.add_arguments, recipe=RECIPE)
run = partial(recipe.run, recipe=RECIPE)


def _load(network: Any, kind: str, folder: Path, file: str = "") -> None:
    tensors = load_file(folder / "files" / (file or f"{kind}.safetensors"))
    floats = {name: tensor.float() for name, tensor in tensors.items()}
    networks.load_released(network, kind, floats, networks.entries(kind, WIDTHS, CONTEXT))
