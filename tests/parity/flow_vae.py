"""The flow VAE: posterior, and decoded fields."""

import torch
from motion_i2v.models.files.checkpoints import checkpoint_of

from tests.parity.seeded import Folder, relative_error

NETWORKS = ("flow_vae",)
BAR = 2e-5


def load(folder: Folder):
    from motion_i2v.models.host.loading import load_flow_vae

    return load_flow_vae(checkpoint_of(folder.weights("flow_vae"), "weights.json", "flow_vae"))


def log_variance(vae, flow01: torch.Tensor) -> torch.Tensor:
    """[N, 4, h, w] of flow01 [N, 2, H, W], which the host's VAE does not give."""
    import comfy.model_management

    comfy.model_management.load_model_gpu(vae.patcher)
    x = flow01.to(vae.device, vae.vae_dtype)
    moments = vae.first_stage_model.quant_conv(vae.first_stage_model.encoder(x))
    return moments.float().chunk(2, dim=1)[1].clamp(-30, 20)


def run(folder: Folder) -> dict[str, float]:
    given = folder.tensors("flow_vae")
    vae = load(folder)
    logvar = log_variance(vae, given["flow01"])
    return {
        "mean": relative_error(vae.encode_flow(given["flow01"]), given["mean"]),
        "logvar": relative_error(logvar.cpu(), given["logvar"]),
        "decoded": relative_error(vae.decode_flow(given["z"]), given["decoded"]),
    }
