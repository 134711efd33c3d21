"""What every node of this pack is: a node that has its defaults for what a prompt leaves out."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from comfy_api.latest import io

from .given import taken


class Node(io.ComfyNode):
    """A node whose inputs may be left out of a prompt where they have a default.

    The page sends every value, and is told of every input as ever: a schema that calls such inputs
    optional would show them in another place and order, which is what the values of a saved
    workflow go by. They count as optional only where the host checks a prompt.
    """

    MAY_LACK: tuple[str, ...] = ()
    """Further inputs that a prompt may leave out, because others can stand in for them."""

    TOLD: io.Schema | None = None
    """What the host was told last. It asks before every prompt, so files that are new are in it."""

    @classmethod
    def FINALIZE_SCHEMA(cls) -> io.Schema:
        cls.TOLD = super().FINALIZE_SCHEMA()
        return cls.TOLD

    @classmethod
    def INPUT_TYPES(cls, *args: Any, **kwargs: Any) -> Any:
        """What the host checks a prompt against; 0.3.75 may want the schema with it, as a pair."""
        told = super().INPUT_TYPES(*args, **kwargs)
        groups, *schema = told if isinstance(told, tuple) else (told,)
        required: dict[str, Any] = {}
        free: dict[str, Any] = {}
        for name, described in groups["required"].items():
            optional = described[1].get("default") is not None or name in cls.MAY_LACK
            group = free if optional else required
            group[name] = described
        groups = {**groups, "required": required, "optional": free | groups.get("optional", {})}
        return (groups, *schema) if schema else groups

    @classmethod
    def EXECUTE_NORMALIZED(cls, *args: Any, **given: Any) -> io.NodeOutput:
        schema = cls.known()
        return super().EXECUTE_NORMALIZED(*args, **taken(schema, usual(schema) | given))

    @classmethod
    def known(cls) -> io.Schema:
        """The schema that the prompt was checked against."""
        return cls.TOLD or cls.define_schema()


def usual(schema: io.Schema) -> dict[str, Any]:
    """The defaults of the inputs that a node needs, as it takes them: in a list each, or not."""
    values = {i.id: getattr(i, "default", None) for i in schema.inputs if not i.optional}
    values = {name: value for name, value in values.items() if value is not None}
    return {name: [v] for name, v in values.items()} if schema.is_input_list else values


def progress(total: int) -> Callable[[int, int], None]:
    """The host's progress bar, whose every update also stops on an interrupt."""
    import comfy.utils

    return comfy.utils.ProgressBar(total).update_absolute
