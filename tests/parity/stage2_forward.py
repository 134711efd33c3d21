"""One call of an SD 1.5 UNet with motion modules: samples alone, and both in one batch."""

import torch
from einops import rearrange

from tests.parity import stage2
from tests.parity.seeded import Folder, relative_error
from tests.parity.stage1 import frames

NETWORKS = ("stage2_unet",)
BAR = 2e-5


def run(folder: Folder) -> dict[str, float]:
    given = folder.tensors("stage2_forward")
    model, module = stage2.load(folder)
    samples = [slice(i, i + 1) for i in range(len(given["x"]))]
    alone = torch.cat([_eps(model, module, given, sample) for sample in samples])
    together = _eps(model, module, given, slice(None))
    return {
        "eps": relative_error(alone, given["eps"]),
        "eps_batched": relative_error(together, given["eps"]),
    }


def _eps(model, module, given: dict, sample: slice) -> torch.Tensor:
    """The UNet with the wrapper that nodes put around it, on whole clips [B, 4, F, h, w]."""
    from motion_i2v.models.host.motion_run import MotionRun
    from motion_i2v.models.host.motion_wrappers import AREAS, MODULE, RUN, apply_motion

    x = given["x"][sample]
    clips, length = len(x), x.shape[2]
    motion = stage2.make_motion(given["flow"], x[:1, :, 0])
    moving = apply_motion(model, module, motion)
    run = MotionRun(motion, x[:1, :, 0])
    t = given["t"][sample, None].repeat(1, length).float()
    t[:, 0] = 1
    options = {
        "wrappers": moving.wrappers,
        "cond_or_uncond": list(range(clips)),
        MODULE: module,
        RUN: run,
        AREAS: [run.whole] * clips,
    }
    context = given["context"][sample].repeat_interleave(length, dim=0)
    eps = moving.model.diffusion_model(
        frames(x), t.flatten(), context=context, transformer_options=options
    )
    return rearrange(eps, "(b f) c h w -> b c f h w", b=clips)
