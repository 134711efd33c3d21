"""Custom nodes for the host tests only: text embeddings and a picture VAE of a narrow width.

Copied into the test host's custom_nodes, beside the pack. The core's own loaders know no narrow
networks.
"""

import hashlib

import comfy.sd
import comfy.utils
import torch


class NarrowText:
    RETURN_TYPES = ("CONDITIONING",)
    FUNCTION = "encode"
    CATEGORY = "tests"

    @classmethod
    def INPUT_TYPES(cls):
        return {"required": {"text": ("STRING",), "width": ("INT", {"default": 48})}}

    def encode(self, text, width):
        seed = int.from_bytes(hashlib.sha256(text.encode()).digest()[:4], "big")
        generator = torch.Generator().manual_seed(seed)
        return ([[torch.randn(1, 7, width, generator=generator), {}]],)


class NarrowVAE:
    RETURN_TYPES = ("VAE",)
    FUNCTION = "load"
    CATEGORY = "tests"

    @classmethod
    def INPUT_TYPES(cls):
        return {"required": {"file": ("STRING",)}}

    def load(self, file):
        tensors = comfy.utils.load_torch_file(file)
        widths = [
            tensors[f"encoder.down_blocks.{level}.resnets.0.conv1.weight"].shape[0]
            for level in range(4)
        ]
        config = {
            "double_z": True,
            "z_channels": 4,
            "resolution": 256,
            "in_channels": 3,
            "out_ch": 3,
            "ch": widths[0],
            "ch_mult": [width // widths[0] for width in widths],
            "num_res_blocks": 2,
            "attn_resolutions": [],
            "dropout": 0.0,
        }
        return (comfy.sd.VAE(sd=tensors, config={"params": {"embed_dim": 4, "ddconfig": config}}),)


class NarrowSaveTensor:
    """Writes what a socket carries, so that the test can compare it bit by bit."""

    RETURN_TYPES = ()
    OUTPUT_NODE = True
    FUNCTION = "save"
    CATEGORY = "tests"

    @classmethod
    def INPUT_TYPES(cls):
        return {
            "required": {"file": ("STRING",)},
            "optional": {"field": ("MOTION_FIELD",), "latent": ("LATENT",), "image": ("IMAGE",)},
        }

    @classmethod
    def IS_CHANGED(cls, **_):
        return float("nan")

    def save(self, file, field=None, latent=None, image=None):
        if image is None:
            image = field.flow if field is not None else latent["samples"]
        torch.save(image, file)
        return {"ui": {"text": [file]}}


class NarrowUnload:
    """Everything off its device between two nodes."""

    RETURN_TYPES = ("CONDITIONING",)
    FUNCTION = "unload"
    CATEGORY = "tests"

    @classmethod
    def INPUT_TYPES(cls):
        return {"required": {"conditioning": ("CONDITIONING",)}}

    def unload(self, conditioning):
        import comfy.model_management

        comfy.model_management.unload_all_models()
        return (conditioning,)


class NarrowWatch:
    """Writes the sizes of what the network is given, a line a call, and interrupts in a step."""

    RETURN_TYPES = ("MODEL",)
    FUNCTION = "watch"
    CATEGORY = "tests"

    @classmethod
    def INPUT_TYPES(cls):
        return {
            "required": {
                "model": ("MODEL",),
                "file": ("STRING",),
                "interrupt_in": ("INT", {"default": 0}),
            }
        }

    @classmethod
    def IS_CHANGED(cls, **_):
        return float("nan")

    def watch(self, model, file, interrupt_in):
        import comfy.model_management
        from comfy.patcher_extension import WrappersMP

        steps = []
        open(file, "w").close()

        def network(executor, x, *arguments, **keywords):
            with open(file, "a") as lines:
                lines.write(f"{list(x.shape)}\n")
            return executor(x, *arguments, **keywords)

        def step(executor, *arguments, **keywords):
            steps.append(None)
            if len(steps) == interrupt_in:
                comfy.model_management.interrupt_current_processing()
            return executor(*arguments, **keywords)

        watched = model.clone()
        watched.add_wrapper(WrappersMP.DIFFUSION_MODEL, network)
        watched.add_wrapper(WrappersMP.PREDICT_NOISE, step)
        return (watched,)


NODE_CLASS_MAPPINGS = {
    "NarrowText": NarrowText,
    "NarrowVAE": NarrowVAE,
    "NarrowSaveTensor": NarrowSaveTensor,
    "NarrowUnload": NarrowUnload,
    "NarrowWatch": NarrowWatch,
}
