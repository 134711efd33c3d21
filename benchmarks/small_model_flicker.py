"""What makes the small model's frames flicker: the VAE, the noise, the network.

Run from the repository's root: `python -m benchmarks.small_model_flicker [--clips N]`. Stage 2
paints held-out clips of photographs (scenes/photograph_scenes.py) along their true motion, with
noise of each frame's own, with the same noise in all, and with noise that moves along (Warp Noise
Along Field); and the mean of several seeds' latents is decoded. Flicker is the mean change of
colour from frame to frame along the true motion, of 255: over all frames, from the given frame 0 to
frame 1, and after it. PSNR in dB, over all frames.
"""

# ruff: noqa: E402

import argparse
import contextlib
import io
from dataclasses import dataclass
from typing import Any

import testing.pack

testing.pack.load()

from testing.comfyui import load_host

load_host()

import numpy as np
import torch
from motion_i2v.models.host.noise_source import WarpedNoise
from motion_i2v.models.host.reference import decode_pictures
from motion_i2v.models.host.sampling import Settings
from motion_i2v.models.host.small_networks import load_small_model
from motion_i2v.models.host.stage2_sampling import make_motion, sample_video, with_schedule
from motion_i2v.models.types.motion_field import MotionField
from motion_i2v.scenes import metrics
from motion_i2v.scenes.photograph_scenes import SceneMaker
from motion_i2v.scenes.photographs import Photographs
from motion_i2v.scenes.renderer import truth
from torch import Tensor

FIRST_SEED, SIZE, TIMES = 10**9, (128, 128), np.linspace(0, 1, 8)
STEPS, SEEDS = 2, 6


@dataclass(frozen=True)
class FilmedClip:
    """frames [F, 3, H, W], flow [F, 2, H, W], visible [F, H, W], and what moves in words."""

    frames: Tensor
    flow: Tensor
    visible: Tensor
    caption: str


def filmed(seed: int) -> FilmedClip:
    """A clip of photographs that no training has seen."""
    random, photographs = np.random.default_rng(seed), Photographs("held_out")
    scene = SceneMaker(random, SIZE, photographs).scene()
    moves, pictures, front = scene.filmed(TIMES, SIZE)
    flow, visible = map(torch.from_numpy, truth(moves, front))
    frames = torch.from_numpy(pictures).movedim(-1, 1).float() / 255
    return FilmedClip(frames, flow, visible, scene.caption)


class Stage2:
    """Paints one clip."""

    def __init__(self, small: Any, clip: FilmedClip) -> None:
        self.small, self.field = small, MotionField(clip.flow)
        self.motion = make_motion(self.field, self.encoded(clip.frames[:1]))
        self.model = with_schedule(small.model, module=small.motion_module)
        self.texts = [
            small.clip.encode_from_tokens_scheduled(small.clip.tokenize(words))
            for words in (clip.caption, "")
        ]

    def encoded(self, frames: Tensor) -> Tensor:
        return self.small.vae.encode(frames.movedim(1, -1)).float()

    def decoded(self, latents: Tensor) -> Tensor:
        return decode_pictures(self.small.vae, latents).movedim(-1, 1)

    def painted(self, steps: int, noise: Tensor | None = None, seed: int = 0) -> Tensor:
        """The latents."""
        settings = Settings(steps, 1.0, seed, "euler", "sgm_uniform")
        module, (positive, negative) = self.small.motion_module, self.texts
        with contextlib.redirect_stderr(io.StringIO()):
            return sample_video(
                self.model, module, self.motion, positive, negative, settings, noise=noise
            )


def videos(stage: Stage2, clip: FilmedClip) -> dict[str, Tensor]:
    """{how it was made: frames}."""
    latents = stage.encoded(clip.frames)
    same = torch.randn(latents[:1].shape, generator=torch.Generator().manual_seed(0))
    noises = {
        "noise of its own": None,
        "the same noise": same.expand_as(latents).contiguous(),
        "noise that moves along": WarpedNoise(stage.field, 0).generate_noise({"samples": latents}),
    }
    made = {"the true clip through the VAE": latents}
    for steps in (1, STEPS, 4 * STEPS):
        for name, noise in noises.items():
            made[f"{steps} steps, {name}"] = stage.painted(steps, noise)
    seeds = [stage.painted(STEPS, seed=seed) for seed in range(SEEDS)]
    made[f"{STEPS} steps, mean of {SEEDS} seeds"] = torch.stack(seeds).mean(0)
    return {"the true clip": clip.frames, **{k: stage.decoded(v) for k, v in made.items()}}


def scores(frames: Tensor, clip: FilmedClip) -> list[float]:
    """Flicker over all frames, from the first to the second, after it; and PSNR."""

    def changes(part: slice) -> float:
        return 255 * metrics.flicker(frames[part], clip.flow[part], clip.visible[part])

    parts = slice(0, None), slice(0, 2), slice(1, None)
    return [*map(changes, parts), metrics.psnr(frames, clip.frames)]


@torch.inference_mode()
def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--clips", type=int, default=8)
    told = parser.parse_args()
    small = load_small_model()
    table: dict[str, list[list[float]]] = {}
    for number in range(told.clips):
        clip = filmed(FIRST_SEED + number)
        for name, frames in videos(Stage2(small, clip), clip).items():
            table.setdefault(name, []).append(scores(frames, clip))
    print(f"{'':>34}  flicker  0 to 1   after   PSNR   ({told.clips} clips)")
    for name, rows in table.items():
        values = torch.tensor(rows).nanmean(0).tolist()
        print(f"{name:>34}  " + "".join(f"{value:7.2f} " for value in values))


if __name__ == "__main__":
    main()
