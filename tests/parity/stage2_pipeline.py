"""Whole sampling loops of stage 2 through the host's sampler, with guidance and with a brush."""

import torch
import torch.nn.functional as F
from einops import rearrange

from tests.parity import stage2
from tests.parity.seeded import Folder, relative_error
from tests.parity.stage1 import conditioning, frames

NETWORKS = ("stage2_unet",)
BAR = 1e-4


def run(folder: Folder) -> dict[str, float]:
    import comfy.latent_formats
    from motion_i2v.models.host.sampling import Settings
    from motion_i2v.models.host.stage2_sampling import sample_video, with_schedule

    given = folder.tensors("stage2_pipeline")
    model, module = stage2.load(folder)
    model = with_schedule(model)
    settings = Settings(steps=int(given["steps"]), cfg=float(given["guidance"]))
    positive, negative = (conditioning(given[text]) for text in ("pos", "neg"))
    reference = given["image_latent"]
    size = reference.shape[2:]
    moving = 1 - F.interpolate(given["brush"][0], size=size, mode="nearest")
    errors = {}
    if folder.has("image_vae") and "image" in given:
        errors["image_latent"] = relative_error(_image_latent(folder, given), reference)
    for name, region in (("latents", None), ("latents_brush", moving)):
        motion = stage2.make_motion(given["flow"], reference, region=region, keep_exactly=False)
        noise = frames(given["noise"])
        ours = sample_video(model, module, motion, positive, negative, settings, noise=noise)
        scaled = comfy.latent_formats.SD15().process_in(ours)
        clip = rearrange(scaled, "f c h w -> 1 c f h w")
        errors[name] = relative_error(clip, given[name])
    return errors


def _image_latent(folder: Folder, given: dict) -> torch.Tensor:
    """The picture through a host VAE, as the nodes encode it, scaled; here it enters in -1..1."""
    import comfy.latent_formats
    import comfy.sd
    from motion_i2v.models.files.checkpoints import checkpoint_of
    from motion_i2v.models.host.flow_vae import autoencoder_config, host_autoencoder_tensors
    from motion_i2v.models.host.reference import encode_picture

    checkpoint = checkpoint_of(folder.weights("image_vae"), "weights.json", "image_vae")
    config = autoencoder_config(checkpoint.vae)
    vae = comfy.sd.VAE(sd=host_autoencoder_tensors(checkpoint), config=config)
    picture = (given["image"].movedim(0, -1)[None] + 1) / 2
    return comfy.latent_formats.SD15().process_in(encode_picture(vae, picture))
