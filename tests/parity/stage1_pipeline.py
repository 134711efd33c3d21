"""Whole sampling loops of stage 1 through the host's sampler, with guidance, to decoded fields."""

import torch

from tests.parity import flow_vae, stage1
from tests.parity.seeded import Folder, relative_error

NETWORKS = ("stage1_unet", "stage1_controlnet", "flow_vae")
BAR = 1e-4


def run(folder: Folder) -> dict[str, float]:
    given = folder.tensors("stage1_pipeline")
    errors = {}
    if folder.has("image_vae") and "image01" in given:
        errors["image_latent"] = relative_error(_image_latent(folder, given), given["image_latent"])
    latents = _sampled(folder, given)
    vae = flow_vae.load(folder)
    for name, latent in latents.items():
        ours = vae.decode_flow(latent).movedim(0, 1)[None]
        errors[name] = relative_error(ours, given[name])
    return errors


def _sampled(folder: Folder, given: dict) -> dict[str, torch.Tensor]:
    from motion_i2v.models.host.sampling import Settings
    from motion_i2v.models.host.stage1_sampling import sample_flow

    model = stage1.load_model(folder, given["noise"].shape[2])
    net = stage1.load_control(folder)
    clip = stage1.make_clip(given["image_latent"], given["stride"])
    settings = Settings(steps=int(given["steps"]), cfg=float(given["guidance"]), seed=0)
    latents = {}
    for name in ("flow01", "flow01_no_control"):
        values = {"motion_clip": clip}
        if name == "flow01":
            # One object for both halves, as the core's apply node makes it.
            values["control"] = stage1.hinted(net, given["control"])
            values["control_apply_to_uncond"] = False
        positive, negative = (stage1.conditioning(given[text], **values) for text in ("pos", "neg"))
        noise = stage1.frames(given["noise"])
        latents[name] = sample_flow(model, positive, negative, settings, noise=noise)
    return latents


def _image_latent(folder: Folder, given: dict) -> torch.Tensor:
    """The picture through a host VAE, as the conditioning node encodes it, scaled."""
    import comfy.sd
    from motion_i2v.models.files.checkpoints import checkpoint_of
    from motion_i2v.models.host.flow_vae import autoencoder_config, host_autoencoder_tensors
    from motion_i2v.models.host.previews import FlowLatents
    from motion_i2v.models.host.reference import UNIT, encode_picture

    checkpoint = checkpoint_of(folder.weights("image_vae"), "weights.json", "image_vae")
    config = autoencoder_config(checkpoint.vae)
    vae = comfy.sd.VAE(sd=host_autoencoder_tensors(checkpoint), config=config)
    picture = given["image01"].movedim(0, -1)[None]
    return FlowLatents().process_in(encode_picture(vae, picture, UNIT))
