"""For every node: inputs that must be refused, and the words that the refusal must hold.

Each row is (node, its inputs, words of the message), with a tuple of words where several things
are wrong. Inputs that come over a link are given as one of the small sources below; the test puts a
prompt together from them. What needs a loaded model to go wrong is tested beside that model.
"""

from typing import Any, NamedTuple


class From(NamedTuple):
    """A link from one of SOURCES."""

    source: str
    output: int = 0


SOURCES: dict[str, dict[str, Any]] = {
    "picture": {
        "class_type": "EmptyImage",
        "inputs": {"width": 64, "height": 48, "batch_size": 1, "color": 0x808080},
    },
    "two pictures": {
        "class_type": "EmptyImage",
        "inputs": {"width": 64, "height": 48, "batch_size": 2, "color": 0x808080},
    },
    "empty mask": {
        "class_type": "SolidMask",
        "inputs": {"value": 0.0, "width": 64, "height": 48},
    },
    "tracks": {
        "class_type": "MotionI2VTracksFromText",
        "inputs": {
            **{"text": "10,10, 30,20", "format": "auto", "width": 64, "height": 48, "frames": 4},
            **{"coordinates": "pixels", "flat_list": "auto", "curve": "smooth"},
            **{"spacing": "index", "pin": "zero"},
        },
    },
    "tracks far outside": {
        "class_type": "MotionI2VTracksFromText",
        "inputs": {
            **{"text": "500,500, 530,520", "format": "auto", "width": 64, "height": 48},
            **{"frames": 4, "coordinates": "pixels", "flat_list": "auto", "curve": "smooth"},
            **{"spacing": "index", "pin": "zero"},
        },
    },
    "field": {
        "class_type": "MotionI2VDensifyTracks",
        "inputs": {
            **{"tracks": ["tracks", 0], "reach": 0.35, "edge_sensitivity": 1.0},
            **{"paths_outside": "error", "width": 64, "height": 48},
        },
    },
    "small model": {"class_type": "MotionI2VLoadSmallModel", "inputs": {}},
    "sampler": {"class_type": "KSamplerSelect", "inputs": {"sampler_name": "euler"}},
    "clip latents": {
        "class_type": "EmptyLatentImage",
        "inputs": {"width": 64, "height": 64, "batch_size": 4},
    },
    "latents": {
        "class_type": "EmptyLatentImage",
        "inputs": {"width": 64, "height": 48, "batch_size": 6},
    },
    "later frames": {
        "class_type": "LatentFromBatch",
        "inputs": {"samples": ["latents", 0], "batch_index": 3, "length": 3},
    },
    "one frame": {
        "class_type": "MotionI2VRetimeMotionField",
        "inputs": {"field": ["field", 0], "frames": 1},
    },
}

PICTURE, TRACKS, FIELD = From("picture"), From("tracks"), From("field")
GUIDE = {"tracks": TRACKS, "width": 64, "height": 64, "frames": 9}
MASK = From("empty mask")

TEXT = SOURCES["tracks"]["inputs"]
DENSIFY = {**SOURCES["field"]["inputs"], "tracks": TRACKS}
REGION = {
    **{"mask": MASK, "grow": 0, "feather": 0.0, "invert": False, "fill_holes": False},
    "empty_means_everything": True,
}
PREVIEW = {
    **{"field": FIELD, "style": "color wheel", "scale": 0.0, "opacity": 0.8, "legend": True},
    "arrows_across": 24,
}
WARP = {
    **{"picture": PICTURE, "field": FIELD, "order": "auto", "invert_depth": False},
    **{"splatting": "softmax", "fill": "background"},
}
CARRY = {"mask": MASK, "field": FIELD, "temporal_factor": 1}
NOISE = {"field": FIELD, "latent": From("latents"), "noise_seed": 0, "degradation": 0.0}
SMALL_MODEL = "small model (comes with the pack)"
COMPLETION = {"picture": PICTURE, "tracks": TRACKS, "first_step": 0, "steps": 0, "size": -1}
ROLLOUT = {
    **{"seed": 0, "steps": 2, "cfg": 1.0, "sampler_name": "euler", "scheduler": "normal"},
    "motion_field": FIELD,
}
ROLLOUT_OF = {
    **{"picture": PICTURE, "frames": 0, "width": 0, "height": 0, "fit": "stretch"},
    **ROLLOUT,
}
ROLLOUT_FROM = {**ROLLOUT, "frames_so_far": PICTURE, "more_frames": 0}
NO_FILE = {"file": "nothing.bin", "precision": "float32"}
COLORS = {"frames": PICTURE, "reference": PICTURE, "method": "histogram", "strength": 1.0}
MOTION = {
    **{"field": FIELD, "warp_strength": 1.0, "temporal_strength": 1.0, "schedule": "motion-i2v"},
    **{"keep_outside": "exactly", "window_overlap": 5},
}
EXTRACT = {
    **{"frames": From("two pictures"), "built_in": "accurate", "first_frame": 0},
    **{"frames_used": 16, "every": 1, "working_side": 768, "field_size": "as the clip"},
    "cuts": "stop with an error",
}
DENSE_TRACKER = {
    **{"tracker": "DOT", "raft_file": "none", "cotracker_file": "none", "refiner_file": "none"},
    **{"points": 2048, "points_at_once": 2048, "direction": "auto", "seed": 0},
    "alltracker_file": "none",
}
TRANSFER = {
    **{"field": FIELD, "picture": PICTURE, "placing": "crop", "strength": 1.0},
    "only_region": False,
}
CLOCKS = {"weak_clock": 0.2, "strong_clock": 0.5}
LED = {
    **{"model": From("small model"), "sampler": From("sampler"), "clip": From("clip latents")},
    **{**CLOCKS, "mask": MASK},
}
EDITOR = {"image": PICTURE, "frames": 16}


def drawing(**path: Any) -> str:
    import json

    points = [{"x": 0.1, "y": 0.1}, {"x": 0.5, "y": 0.5}]
    whole = {"id": "p1", "kind": "path", "points": points, **path}
    return json.dumps({"version": 1, "paths": [whole]})


ROWS: list[tuple[str, dict[str, Any], str | tuple[str, ...]]] = [
    ("MotionI2VTracksFromText", {**TEXT, "text": "10,10,30"}, "odd count"),
    ("MotionI2VTracksFromText", {**TEXT, "text": ""}, "empty"),
    ("MotionI2VTracksFromText", {**TEXT, "text": "[{'x': 1}]"}, "y"),
    ("MotionI2VTracksFromText", {**TEXT, "text": "[[1, 2], [3, NaN]]"}, "nan"),
    ("MotionI2VTracksFromText", {**TEXT, "frames": 1}, "frames"),
    ("MotionI2VTracksFromText", {**TEXT, "format": "svg"}, "svg"),
    ("MotionI2VTracksFromText", {**TEXT, "text": '["1,2,3,4", "[[5, 6], [7"]'}, "text 2 of 2"),
    ("MotionI2VTracksFromText", {**TEXT, "format": "kj"}, "set format to auto"),
    ("MotionI2VTracksToText", {"tracks": TRACKS, "format": "svg"}, "svg"),
    ("MotionI2VTracksToText", {"tracks": PICTURE, "format": "kj"}, "TRACKS"),
    ("MotionI2VRetimeTracks", {"tracks": TRACKS, "frames": 1}, "frames"),
    ("MotionI2VRetimeTracks", {"tracks": PICTURE, "frames": 81}, "TRACKS"),
    ("MotionI2VTracksToGuideVideo", {**GUIDE, "width": 100}, "multiple of 32, such as 96"),
    ("MotionI2VTracksToGuideVideo", {**GUIDE, "height": 8}, "height"),
    ("MotionI2VTracksToGuideVideo", {**GUIDE, "frames": 16}, "8n + 1, such as 17"),
    ("MotionI2VTrajectoryEditor", {**EDITOR, "drawing": "{"}, "drawing"),
    ("MotionI2VTrajectoryEditor", {**EDITOR, "drawing": '{"version":2,"paths":[]}'}, "version"),
    ("MotionI2VTrajectoryEditor", {**EDITOR, "drawing": "10,10, 30,20"}, "Tracks From Text"),
    ("MotionI2VTrajectoryEditor", {**EDITOR, "drawing": '[{"x":1,"y":2}]'}, "Tracks From Text"),
    ("MotionI2VTrajectoryEditor", {**EDITOR, "drawing": drawing(kind="blob")}, "blob"),
    ("MotionI2VTrajectoryEditor", {**EDITOR, "drawing": drawing(curve="wild")}, "wild"),
    ("MotionI2VTrajectoryEditor", {**EDITOR, "drawing": drawing(start=0.9, end=0.2)}, "0.9"),
    ("MotionI2VTrajectoryEditor", {**EDITOR, "drawing": drawing(), "frames": 1}, "frames"),
    ("MotionI2VRegionMask", {**REGION, "grow": 4000}, "grow"),
    ("MotionI2VRegionMask", {**REGION, "feather": -1.0}, "feather"),
    ("MotionI2VRegionMask", {**REGION, "mask": PICTURE}, "MASK"),
    ("MotionI2VRegionMask", {**REGION, "snap_to_edges": True}, "connect picture"),
    ("MotionI2VRegionMask", {}, "connect picture, or a mask"),
    ("MotionI2VRegionMask", {"picture": PICTURE}, "connect mask"),
    ("MotionI2VCombineRegions", {"region_1": MASK, "region_2": MASK, "operation": "xor"}, "xor"),
    ("MotionI2VCombineRegions", {"region_1": MASK, "operation": "union"}, "region_2"),
    ("MotionI2VDensifyTracks", {**DENSIFY, "reach": 5.0}, "reach"),
    ("MotionI2VDensifyTracks", {**DENSIFY, "edge_sensitivity": -1.0}, "edge_sensitivity"),
    ("MotionI2VDensifyTracks", {**DENSIFY, "width": 64, "height": 0}, "height"),
    ("MotionI2VDensifyTracks", {**DENSIFY, "tracks": From("tracks far outside")}, "outside"),
    ("MotionI2VWarpPreview", {**WARP, "picture": From("two pictures")}, "2 pictures, but 1"),
    ("MotionI2VWarpPreview", {**WARP, "field": MASK}, "MOTION_FIELD"),
    ("MotionI2VWarpPreview", {**WARP, "order": "depth"}, "depth"),
    ("MotionI2VWarpPreview", {**WARP, "order": "random"}, "random"),
    ("MotionI2VWarpPreview", {**WARP, "splatting": "median"}, "median"),
    ("MotionI2VWarpPreview", {**WARP, "fill": "magic"}, "magic"),
    ("MotionI2VWarpPreview", {**WARP, "temporal_factor": 2}, ("2n + 1", "has 4")),
    ("MotionI2VMoveMask", CARRY, "mask is empty"),
    ("MotionI2VMoveMask", {**CARRY, "field": PICTURE}, "MOTION_FIELD"),
    ("MotionI2VMoveMask", {**CARRY, "temporal_factor": 0}, "temporal_factor"),
    ("MotionI2VMoveMask", {**CARRY, "temporal_factor": 4}, ("4n + 1", "has 4")),
    ("MotionI2VWarpNoise", {**NOISE, "field": MASK}, "MOTION_FIELD"),
    ("MotionI2VWarpNoise", {**NOISE, "latent": PICTURE}, "LATENT"),
    ("MotionI2VWarpNoise", {**NOISE, "degradation": 1.5}, "degradation"),
    ("MotionI2VWarpNoise", {**NOISE, "latent": From("later frames")}, ("number 5", "has 4 frames")),
    ("MotionI2VFieldPreview", {**PREVIEW, "style": "spirals"}, "spirals"),
    ("MotionI2VFieldPreview", {**PREVIEW, "opacity": 2.0}, "opacity"),
    ("MotionI2VFieldPreview", {**PREVIEW, "field": PICTURE}, "MOTION_FIELD"),
    ("MotionI2VScaleMotionField", {"field": FIELD, "strength": 100.0}, "strength"),
    ("MotionI2VRetimeMotionField", {"field": FIELD, "frames": 0}, "frames"),
    (
        "MotionI2VResizeMotionField",
        {"field": FIELD, "width": 0, "height": 48},
        "width",
    ),
    ("MotionI2VFlowExtractor", {**EXTRACT, "frames": PICTURE}, "at least 2 frames"),
    ("MotionI2VFlowExtractor", {**EXTRACT, "frames": From("two pictures")}, "one colour"),
    ("MotionI2VFlowExtractor", {**EXTRACT, "first_frame": 5}, "frame 5"),
    ("MotionI2VFlowExtractor", {**EXTRACT, "built_in": "magic"}, "magic"),
    ("MotionI2VFlowExtractor", {**EXTRACT, "working_side": 32}, "32 px"),
    ("MotionI2VFlowExtractor", {**EXTRACT, "dense_tracker": FIELD}, "DENSE_TRACKER"),
    ("MotionI2VLoadDenseTracker", DENSE_TRACKER, "no file is chosen"),
    ("MotionI2VLoadDenseTracker", {**DENSE_TRACKER, "tracker": "TAPIR"}, "TAPIR"),
    (
        "MotionI2VLoadDenseTracker",
        {**DENSE_TRACKER, "tracker": "AllTracker"},
        "no file is chosen for AllTracker",
    ),
    (
        "MotionI2VLoadDenseTracker",
        {**DENSE_TRACKER, "tracker": "AllTracker", "alltracker_file": "nothing.pth"},
        "nothing.pth",
    ),
    ("MotionI2VTransferMotion", {**TRANSFER, "placing": "tile"}, "tile"),
    ("MotionI2VTransferMotion", {**TRANSFER, "placing": "align regions"}, "source region"),
    (
        "MotionI2VTransferMotion",
        {**TRANSFER, "only_region": True, "source_region": MASK},
        "source region",
    ),
    ("MotionI2VInvertMotionField", {"field": TRACKS}, "MOTION_FIELD"),
    ("MotionI2VFieldToSteps", {"field": PICTURE}, "MOTION_FIELD"),
    ("MotionI2VFieldToSteps", {"field": From("one frame")}, "1 frame has no steps"),
    ("MotionI2VStepsToField", {"steps": FIELD}, "step 0 has 4 frames"),
    ("MotionI2VStepsToField", {}, "steps"),
    ("MotionI2VCombineMotionFields", {"first": FIELD, "second": FIELD, "mode": "by mask"}, "mask"),
    ("MotionI2VCombineMotionFields", {"first": FIELD, "mode": "add"}, "second"),
    ("MotionI2VCombineMotionFields", {"first": FIELD, "second": FIELD, "mode": "xor"}, "xor"),
    (
        "MotionI2VSaveMotionField",
        {"field": FIELD, "filename_prefix": "../../outside", "format": "safetensors"},
        "outside",
    ),
    (
        "MotionI2VSaveMotionField",
        {"field": FIELD, "filename_prefix": "x", "format": "exr"},
        "exr",
    ),
    ("MotionI2VLoadMotionField", {"file": "../secret.safetensors"}, "secret"),
    ("MotionI2VLoadMotionField", {"file": "nothing.safetensors"}, "nothing.safetensors"),
    ("MotionI2VLoadMotionField", {"file": "/dev/zero"}, "lies outside"),
    ("MotionI2VLoadMotionField", {"file": "nul.flo"}, "device"),
    ("MotionI2VLoadMotionField", {"file": "a\0b.flo"}, "no letter"),
    ("MotionI2VLoadMotionField", {"file": "a" * 300 + ".flo"}, "bytes long"),
    (
        "MotionI2VSaveMotionField",
        {"field": FIELD, "filename_prefix": "a/aux", "format": "flo"},
        "device",
    ),
    ("MotionI2VMotionFieldToTracks", {"field": FIELD, "spacing": 0}, "spacing"),
    ("MotionI2VLoadMotionFieldModel", NO_FILE, "nothing.bin"),
    ("MotionI2VLoadTrajectoryControlNet", NO_FILE, "nothing.bin"),
    ("MotionI2VLoadFlowVAE", NO_FILE, "nothing.bin"),
    ("MotionI2VLoadMotionModule", NO_FILE, "nothing.bin"),
    ("MotionI2VConvertCheckpoint", {**NO_FILE, "precision": "float16"}, "nothing.bin"),
    ("MotionI2VMatchColors", {**COLORS, "strength": 2.0}, "strength"),
    (
        "MotionI2VMatchColors",
        {**COLORS, "reference": From("two pictures")},
        "reference is a batch of 2 pictures, but 1",
    ),
    ("MotionI2VMatchColors", {**COLORS, "method": "by eye"}, "by eye"),
    ("MotionI2VChainShots", {}, "shot"),
    (
        "MotionI2VDDIMLeading",
        {"model": PICTURE, "steps": 4, "denoise": 1.0, "sampler_name": "euler"},
        "MODEL",
    ),
    ("MotionI2VFlowVAEEncode", {"flow_vae": PICTURE, "field": FIELD, "tile_size": 0}, "FLOW_VAE"),
    ("MotionI2VFlowVAEDecode", {"tile_size": 0}, ("flow_vae", "latent")),
    ("MotionI2VTrajectoryControlNet", {}, ("control_net", "flow_vae")),
    ("MotionI2VApplyMotionAttention", {**MOTION}, ("model", "motion_module", "reference")),
    ("MotionI2VAnimateDiffSampler", {"field": FIELD}, ("model", "motion_module", "vae")),
    ("MotionI2VLoadMCDiff", {"file": "nothing.bin"}, "nothing.bin"),
    ("MotionI2VLoadMCDiff", {"file": SMALL_MODEL, "precision": "int8"}, "int8"),
    (
        "MotionI2VMCDiffFlowCompletion",
        {**COMPLETION, "flow_completion": PICTURE},
        "FLOW_COMPLETION",
    ),
    ("MotionI2VMCDiffFlowCompletion", COMPLETION, "flow_completion"),
    ("MotionI2VMCDiffSampler", ROLLOUT_OF, ("model", "vae")),
    ("MotionI2VMCDiffSampler", {**ROLLOUT_OF, "model": TRACKS, "vae": PICTURE}, ("MODEL", "VAE")),
    ("MotionI2VMCDiffContinue", {**ROLLOUT_FROM, "strokes": "of the whole clip"}, ("model", "vae")),
    ("MotionI2VTimeToMove", {**CLOCKS, "mask": MASK}, ("model", "sampler", "clip")),
    ("MotionI2VTimeToMove", {**CLOCKS, "mask": PICTURE}, ("MASK", "model", "sampler", "clip")),
    ("MotionI2VTimeToMove", {**LED, "strong_clock": 0.1}, "weak 0.2 and strong 0.1"),
    ("MotionI2VTimeToMove", LED, "64x48, but the latents of 8x8"),
    ("MotionI2VTimeToMoveSampler", {**CLOCKS, "mask": MASK}, ("model", "positive", "latent")),
    ("MotionI2VMotionFieldConditioning", {"picture": PICTURE}, ("positive", "negative", "vae")),
    ("MotionI2VMotionFieldConditioning", {"window_overlap": 32}, ("window_overlap", "max of 31")),
    ("MotionI2VMotionFieldSampler", {"picture": PICTURE}, ("model", "vae", "flow_vae")),
    ("MotionI2VMotionFieldSampler", {"window_overlap": -2}, ("window_overlap", "min of -1")),
]
