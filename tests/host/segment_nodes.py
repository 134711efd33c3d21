"""A custom node for the host tests only: objects as the host's SAM3 tracks them."""

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


NODE_CLASS_MAPPINGS = {"NarrowSegments": NarrowSegments}
