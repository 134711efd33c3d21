"""The socket types of this pack, and what only newer hosts let a schema say."""

import inspect
from importlib.util import find_spec
from typing import Any

from comfy_api.latest import io

MotionFieldSocket = io.Custom("MOTION_FIELD")
"""A `models.types.motion_field.MotionField`."""

TracksSocket = io.Custom("TRACKS")
"""The core's dict of tensors, see `models.types.tracks.Tracks.to_dict`."""


class OnePicture(io.Image.Input):
    """An IMAGE whose one picture the result begins with: several are refused, see `given.taken`.

    Where a picture is only looked at, for its size, its edges or as a background, the first of a
    batch counts.
    """


FlowVaeSocket = io.Custom("FLOW_VAE")
"""A `models.host.flow_vae.FlowVAE`."""

MotionModuleSocket = io.Custom("MOTION_MODULE")
"""A `models.host.motion_module.MotionModule`."""

DenseTrackerSocket = io.Custom("DENSE_TRACKER")
"""A `models.host.trackers.HostedTracker`."""

FlowCompletionSocket = io.Custom("FLOW_COMPLETION")
"""A `models.host.flow_completion.FlowCompleter`."""

CATEGORY = "MotionI2V"


def aliases(*words: str) -> dict[str, list[str]]:
    """Other words that a search for a node finds it by, for hosts whose Schema knows them."""
    return {"search_aliases": list(words)} if _in_schema("search_aliases") else {}


def essential() -> dict[str, str]:
    """Puts a node among the page's essential video tools, for hosts whose Schema knows them."""
    return {"essentials_category": "Video Tools"} if _in_schema("essentials_category") else {}


def shows_itself() -> dict[str, bool]:
    """Marks a node whose picture the page shows in the node and keeps, for hosts that know it.

    Where it is {}, such a node shows nothing: the page takes that for an output.
    """
    known = _in_schema("has_intermediate_output")
    return {"has_intermediate_output": True} if known else {}


def advanced() -> dict[str, bool]:
    """Marks an input that is folded away until it is asked for, for hosts whose inputs know it."""
    known = "advanced" in inspect.signature(io.Int.Input).parameters
    return {"advanced": True} if known else {}


def curve_socket(name: str, tooltip: str) -> list[io.Input]:
    """An input for the core's CURVE, for hosts that have it."""
    return [_socket("CURVE", name, tooltip)] if hasattr(io, "Curve") else []


def box_socket(name: str, tooltip: str) -> list[io.Input]:
    """An input for the core's BOUNDING_BOX, for hosts that have it."""
    return [_socket("BOUNDING_BOX", name, tooltip)] if hasattr(io, "BoundingBox") else []


def segment_socket(name: str, tooltip: str) -> list[io.Input]:
    """An input for what the core's SAM3 tracks through a video, for hosts that have it."""
    return [_socket("SAM3_TRACK_DATA", name, tooltip)] if find_spec("comfy.ldm.sam3") else []


def _socket(kind: str, name: str, tooltip: str) -> io.Input:
    # Without forceInput the page gives such a type a widget, and the node one more saved value.
    options: dict[str, Any] = {"forceInput": True}
    return io.Custom(kind).Input(name, optional=True, tooltip=tooltip, extra_dict=options)


def _in_schema(name: str) -> bool:
    return name in io.Schema.__dataclass_fields__
