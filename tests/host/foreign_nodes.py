"""Custom nodes for the host tests only: values as the host and other packs give them."""

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


NODE_CLASS_MAPPINGS = {"NarrowSegments": NarrowSegments, "NarrowTexts": NarrowTexts}
