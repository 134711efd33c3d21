"""Inputs of ours that are there only where the host has nodes for them: (node, input) -> type."""

TYPES = {
    ("MotionI2VRetimeMotionField", "curve"): "CURVE",
    ("MotionI2VRegionMask", "boxes"): "BOUNDING_BOX",
    ("MotionI2VRegionMask", "segments"): "SAM3_TRACK_DATA",
}
