"""One call of the stage-1 UNet: without control, with it, at scale 0.6; and every residual."""

import torch
from einops import rearrange

from tests.parity import stage1
from tests.parity.seeded import Folder, relative_error

NETWORKS = ("stage1_unet", "stage1_controlnet")
BAR = 2e-5
STRENGTHS = {"no_control": 0.0, "control": 1.0, "control_scale_0_6": 0.6}


def run(folder: Folder) -> dict[str, float]:
    given = folder.tensors("stage1_forward")
    samples = range(len(given["x"]))
    net = stage1.load_control(folder)
    controls = {
        strength: [_control(net, given, i, strength) for i in samples] for strength in (1.0, 0.6)
    }
    del net
    errors = {
        name: relative_error(torch.stack(ours), given[name])
        for name, ours in _named(controls[1.0]).items()
    }
    model = stage1.load_model(folder)
    for name, strength in STRENGTHS.items():
        residuals = controls.get(strength, [None] * len(samples))
        ours = torch.cat([_eps(model, given, slice(i, i + 1), residuals[i]) for i in samples])
        errors[f"eps_{name}"] = relative_error(ours, given[f"eps_{name}"])
    # Both samples in one batch, as guidance runs them.
    together = _eps(model, given, slice(None), None)
    errors["eps_no_control_batched"] = relative_error(together, given["eps_no_control"])
    return errors


def _control(net, given: dict, sample: int, strength: float) -> dict:
    """What CONTROL_NET.get_control gives for one sample."""
    from comfy.ldm.modules.diffusionmodules.util import timestep_embedding
    from comfy.model_base import ModelType, model_sampling
    from motion_i2v.models.host.stage1_model import MotionFieldConfig

    one = stage1.hinted(net, given["control"][sample : sample + 1], strength)
    one.model_sampling_current = sampling = model_sampling(MotionFieldConfig({}), ModelType.EPS)
    x = given["x"][sample : sample + 1]
    noisy = stage1.frames(x[:, 4:])
    sigma = sampling.sigma(given["t"][sample : sample + 1].float())
    width = one.control_model.model_channels
    cond = {
        "c_concat": stage1.frames(x[:, :4]),
        "y": timestep_embedding(given["stride"].flatten().float(), width),
        "c_crossattn": given["context"][sample : sample + 1].repeat(len(noisy), 1, 1),
        "motion_clip": stage1.make_clip(x[:, :4, 0], given["stride"]),
    }
    x_noisy = noisy * (sigma**2 + 1).sqrt()
    return one.get_control(x_noisy, sigma.expand(len(noisy)), cond, 1, {})


def _named(controls: list[dict]) -> dict[str, list[torch.Tensor]]:
    """Residuals [C, F, h, w] of each sample, under the fixtures' names."""
    count = len(controls[0]["output"])
    named = {
        f"control_down_{n}": [control["output"][n].movedim(0, 1) for control in controls]
        for n in range(count)
    }
    return named | {"control_mid": [control["middle"][0].movedim(0, 1) for control in controls]}


def _eps(model, given: dict, samples: slice, control: dict | None) -> torch.Tensor:
    """[n, 4, F, h, w] of some samples in one batch, by the MODEL's own UNet."""
    import comfy.model_management

    comfy.model_management.load_models_gpu([model])
    x = given["x"][samples]
    chunks, count = x.shape[0], x.shape[2]
    clip = stage1.make_clip(x[:1, :4, 0], given["stride"])
    eps = model.model.diffusion_model(
        # The host's order: what is denoised first.
        torch.cat([stage1.frames(x[:, 4:]), stage1.frames(x[:, :4])], dim=1),
        given["t"][samples].float().repeat_interleave(count),
        context=given["context"][samples].repeat_interleave(count, dim=0),
        y=model.model.encode_adm(motion_clip=clip, device="cpu").repeat(chunks, 1),
        # The UNet empties the lists that it is given.
        control=control and {part: list(tensors) for part, tensors in control.items()},
        transformer_options={"cond_or_uncond": list(range(chunks))},
    )
    return rearrange(eps, "(b f) c h w -> b c f h w", b=chunks)
