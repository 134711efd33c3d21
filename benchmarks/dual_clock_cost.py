"""Motion-guided sampling: what the wrapper costs, and what the clocks do for the small model.

Run from the repository's root: `python -m benchmarks.dual_clock_cost [--clips N] [--steps N]`.
First a sampling of the narrow Wan, held all the way, beside one that is not: the two take turns in
one process, and the best of several rounds counts. Then the small model's stage 2 paints clips of
exact motion (scenes/textured_scenes.py) from noise, and from the warped picture at each step, held
for one step or not at all. What the picture shows is held, and what had to be filled in is free.
PSNR in dB over the frames after the first, of the visible and the uncovered pixels; flicker is the
mean change of colour from frame to frame along the true motion, of 255.
"""

# ruff: noqa: E402

import argparse
import contextlib
import io
import math
import time
from typing import Any

import testing.pack

testing.pack.load()

from testing.comfyui import load_host

load_host()

import comfy.sample
import comfy.samplers
import torch
from motion_i2v.models.host.directed import directed_by, sample_directed
from motion_i2v.models.host.dual_clock import TimeToMove
from motion_i2v.models.host.motion_wrappers import apply_motion
from motion_i2v.models.host.sampling import Settings
from motion_i2v.models.host.small_networks import load_small_model
from motion_i2v.models.host.stage2_sampling import make_motion, sample_video, with_schedule
from motion_i2v.models.picture.warp import warp_picture
from motion_i2v.models.types.motion_field import MotionField
from motion_i2v.scenes import metrics
from motion_i2v.scenes.textured_scenes import Rendered, TexturedScene
from torch import Tensor

from testing.video_models import TEXT, load_video_model

ROUNDS, FIRST_SEED, FRAMES = 7, 2000, 8


def cost() -> float:
    """How much longer a step of the narrow Wan takes where it is held, as a part of it."""
    model = load_video_model("Wan 2.1")
    clip, noise = (torch.randn(1, 16, 5, 30, 52) for _ in range(2))
    mask = torch.zeros(17, 240, 416)
    mask[..., :200] = 1
    plain = comfy.samplers.sampler_object("euler")
    held = TimeToMove(plain, directed_by(model, clip, mask, 0, 1))
    sigmas = comfy.samplers.calculate_sigmas(model.get_model_object("model_sampling"), "simple", 3)
    text = [[torch.randn(1, 7, TEXT), {}]]
    # One thread, by the time that it ran: so other programs do not count.
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    best = [math.inf, math.inf]
    for turn in range(2 * ROUNDS):
        start = time.process_time()
        comfy.sample.sample_custom(
            model, noise, 3.0, (plain, held)[turn % 2], sigmas, text, text, clip, disable_pbar=True
        )
        best[turn % 2] = min(best[turn % 2], time.process_time() - start)
    torch.set_num_threads(threads)
    return best[1] / best[0] - 1


def videos(small: Any, clip: Rendered, steps: int) -> dict[str, tuple[Tensor, Tensor]]:
    """{clocks: (frames [F, H, W, 3], what the picture does not show [F, H, W])}."""
    picture, field = torch.from_numpy(clip.frames[0]), MotionField(torch.from_numpy(clip.flow))
    warped, filled = warp_picture(picture, field)
    motion = make_motion(field, small.vae.encode(picture[None]).float())
    text = small.clip.encode_from_tokens_scheduled(small.clip.tokenize(""))
    model = with_schedule(small.model, module=small.motion_module)
    settings = Settings(steps, 1.0, 42, "euler", "sgm_uniform")
    with contextlib.redirect_stderr(io.StringIO()):
        made = {
            "from noise": sample_video(model, small.motion_module, motion, text, text, settings)
        }
        moving = apply_motion(model, small.motion_module, motion)
        latent = {"samples": small.vae.encode(warped).float()}
        pairs = [(weak, weak + held) for weak in range(steps + 1) for held in (0, 1)]
        for weak, strong in pairs[:-1]:
            clocks = weak / steps, strong / steps
            directed = directed_by(moving, latent["samples"], 1 - filled, *clocks)
            done = sample_directed(moving, text, text, latent, directed, settings)
            made[f"{clocks[0]:.2f} to {clocks[1]:.2f}"] = done["samples"]
    decoded = {name: small.vae.decode(latents) for name, latents in made.items()}
    shown = {name: frames.reshape(-1, *frames.shape[-3:]) for name, frames in decoded.items()}
    return {name: (frames, filled) for name, frames in {"warped": warped, **shown}.items()}


def scores(frames: Tensor, filled: Tensor, clip: Rendered) -> list[float]:
    """PSNR of visible pixels, of uncovered ones, and the flicker."""
    made, true = frames.movedim(-1, 1), torch.from_numpy(clip.frames).movedim(-1, 1)
    new = filled > 0.5
    changes = metrics.flicker(made, torch.from_numpy(clip.flow), torch.from_numpy(clip.visible))
    return [*(metrics.psnr(made, true, part) for part in (~new, new)), 255 * changes]


@torch.no_grad()
def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--clips", type=int, default=4)
    parser.add_argument("--steps", type=int, default=4)
    told = parser.parse_args()
    print(f"a held step of the narrow Wan takes {100 * cost():+.2f} % longer")
    small = load_small_model()
    table: dict[str, list[list[float]]] = {}
    for number in range(told.clips):
        scene = TexturedScene(
            FIRST_SEED + number, FRAMES, (160, 104), 30.0, light=0, blur=0, noise=0
        )
        clip = scene.rendered()
        for name, (frames, filled) in videos(small, clip, told.steps).items():
            table.setdefault(name, []).append(scores(frames, filled, clip))
    print(f"{'clocks':>14}  PSNR visible  uncovered  flicker   ({told.clips} clips)")
    for name, rows in table.items():
        visible, new, changes = torch.tensor(rows).mean(0).tolist()
        print(f"{name:>14}  {visible:12.2f}  {new:9.2f}  {changes:7.2f}")


if __name__ == "__main__":
    main()
