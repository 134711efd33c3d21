"""Nodes of the soak's host: what a socket carries as a checksum, and a socket that forgets.

Copied into custom_nodes, beside the pack; it knows nothing but the host.
"""

import hashlib
from typing import Any

import torch


class AnyType(str):
    """A socket's type that the host takes for every other."""

    def __ne__(self, other: object) -> bool:
        return False


ANY = AnyType("*")


class SoakDigest:
    """Shows the SHA-256 of all tensors and texts of a value."""

    RETURN_TYPES = ()
    OUTPUT_NODE = True
    FUNCTION = "digest"
    CATEGORY = "soak"

    @classmethod
    def INPUT_TYPES(cls) -> dict[str, Any]:
        return {"required": {"value": (ANY,)}}

    def digest(self, value: Any) -> dict[str, Any]:
        found = hashlib.sha256()
        for part in parts_of(value):
            found.update(part)
        return {"ui": {"text": [found.hexdigest()]}}


def parts_of(value: Any) -> list[bytes]:
    """The bytes of everything in a value that can be told bit by bit."""
    if isinstance(value, torch.Tensor):
        whole = value.contiguous().view(-1).view(torch.uint8)
        return [str(value.dtype).encode(), whole.numpy().tobytes()]
    if isinstance(value, dict):
        return [part for key in sorted(value) for part in (key.encode(), *parts_of(value[key]))]
    if isinstance(value, list | tuple):
        return [part for each in value for part in parts_of(each)]
    return [repr(value).encode()] if isinstance(value, str | int | float | bool | None) else []


class SoakAgain:
    """Gives what it is given; another number makes what follows run again."""

    RETURN_TYPES = (ANY,)
    FUNCTION = "run"
    CATEGORY = "soak"

    @classmethod
    def INPUT_TYPES(cls) -> dict[str, Any]:
        return {"required": {"value": (ANY,), "number": ("INT", {"default": 0})}}

    def run(self, value: Any, number: int) -> tuple[Any]:
        return (value,)


NODE_CLASS_MAPPINGS = {node.__name__: node for node in (SoakDigest, SoakAgain)}
