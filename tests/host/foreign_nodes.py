"""Custom nodes for the host tests only: values as the host and other packs give them."""

import json
import math

import torch


class NarrowSegments:
    """Two squares in the first frame, none in the second; or nothing at all."""

    RETURN_TYPES = ("SAM3_TRACK_DATA",)
    FUNCTION = "track"
    CATEGORY = "tests"

    @classmethod
    def INPUT_TYPES(cls):
        return {"required": {"found": ("BOOLEAN", {"default": True})}}

    def track(self, found):
        from comfy.ldm.sam3.tracker import pack_masks

        masks = torch.zeros(2, 2, 48, 64)
        masks[0, 0, 8:16, 8:24] = 1
        masks[0, 1, 30:40, 40:50] = 1
        packed = pack_masks(masks) if found else None
        return ({"packed_masks": packed, "orig_size": (48, 64), "n_frames": 2},)


class NarrowTexts:
    """Lines of text as one value, a list: so spline editors of other packs give several splines."""

    RETURN_TYPES = ("STRING",)
    FUNCTION = "split"
    CATEGORY = "tests"

    @classmethod
    def INPUT_TYPES(cls):
        return {"required": {"text": ("STRING", {"multiline": True})}}

    def split(self, text):
        return (text.splitlines(),)


class VideoVAE:
    """Latents in the shape of Wan's, each cell another number."""

    def encode(self, pixels):
        frames, height, width = pixels.shape[:3]
        shape = (1, 16, (frames - 1) // 4 + 1, height // 8, width // 8)
        return torch.arange(math.prod(shape), dtype=torch.float32).view(shape)


class NarrowVideoParts:
    """What the core's node for Wan-Move wants beside tracks and a picture."""

    RETURN_TYPES = ("VAE", "CONDITIONING")
    FUNCTION = "make"
    CATEGORY = "tests"

    @classmethod
    def INPUT_TYPES(cls):
        return {"required": {}}

    def make(self):
        return (VideoVAE(), [[torch.zeros(1, 7, 8), {}]])


class NarrowSteered:
    """The cells (frame, row, column) of a conditioning's latent that differ from the other's."""

    RETURN_TYPES = ("STRING",)
    FUNCTION = "compare"
    CATEGORY = "tests"

    @classmethod
    def INPUT_TYPES(cls):
        return {"required": {"one": ("CONDITIONING",), "other": ("CONDITIONING",)}}

    def compare(self, one, other):
        a, b = (told[0][1]["concat_latent_image"] for told in (one, other))
        return (json.dumps((a != b).any(dim=1)[0].nonzero().tolist()),)


NODE_CLASS_MAPPINGS = {
    node.__name__: node for node in (NarrowSegments, NarrowTexts, NarrowVideoParts, NarrowSteered)
}
