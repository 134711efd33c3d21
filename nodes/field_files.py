"""Motion fields saved in, and loaded from, the host's own folders and nowhere else."""

import hashlib
import os
from pathlib import Path

import folder_paths
from comfy_api.latest import io, ui

from ..models.fields.field_formats import (
    SUFFIXES,
    flo_sequence,
    load_field,
    save_flo,
    save_safetensors,
)
from ..models.files.names import check_name, inside
from ..models.types.motion_field import MotionField
from .inputs import field_input, field_output
from .node import Node
from .sockets import CATEGORY, aliases

OUTPUT_MARK = " [output]"
FORMATS = ("safetensors", "flo")
NONE = "(no motion field in the input or output folder)"


class MotionI2VSaveMotionField(Node):
    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="MotionI2VSaveMotionField",
            display_name="Save Motion Field",
            **aliases("save optical flow", "flo file"),
            category=f"{CATEGORY}/field",
            description="Writes a motion field into ComfyUI's output folder.",
            inputs=[
                field_input(tooltip="The motion field to save."),
                io.String.Input(
                    "filename_prefix",
                    default="motion/field",
                    tooltip="Name in the output folder; may begin with subfolders. A number is "
                    "added, so that nothing is overwritten.",
                ),
                io.Combo.Input(
                    "format",
                    options=list(FORMATS),
                    default="safetensors",
                    tooltip="safetensors: everything in one file. flo: Middlebury's format, a file "
                    "a frame (without visibility), for other programs.",
                ),
            ],
            outputs=[],
            is_output_node=True,
        )

    @classmethod
    def validate_inputs(cls, filename_prefix: str | None = None) -> bool | str:
        if filename_prefix is None:
            return True
        try:
            inside(folder_paths.get_output_directory(), filename_prefix, "filename_prefix")
        except ValueError as error:
            return str(error)
        return True

    @classmethod
    def execute(cls, field: MotionField, filename_prefix: str, format: str) -> io.NodeOutput:
        if format not in FORMATS:
            raise ValueError(f"unknown format {format!r}: choose {' or '.join(FORMATS)}")
        root = folder_paths.get_output_directory()
        inside(root, filename_prefix, "filename_prefix")
        folder, name, counter, subfolder, _ = folder_paths.get_save_image_path(
            filename_prefix, root, *field.size
        )
        written = os.path.relpath(os.path.join(folder, f"{name}_{counter:05}_"), root)
        path = inside(root, written, "filename_prefix")
        if format == "flo":
            files = save_flo(field, path)
        else:
            files = [save_safetensors(field, path.with_name(path.name + ".safetensors"))]
        last = f" to {files[-1].name}" if len(files) > 1 else ""
        return io.NodeOutput(ui=ui.PreviewText(f"{os.path.join(subfolder, files[0].name)}{last}"))


class MotionI2VLoadMotionField(Node):
    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="MotionI2VLoadMotionField",
            display_name="Load Motion Field",
            **aliases("load optical flow", "flo file"),
            category=f"{CATEGORY}/field",
            description="Reads a motion field from ComfyUI's input or output folder.",
            inputs=[
                io.Combo.Input(
                    "file",
                    options=list_files() or [NONE],
                    tooltip="A .safetensors or .flo file. Of numbered .flo files, the first stands "
                    "for the whole sequence.",
                )
            ],
            outputs=[field_output("The motion field of the file.")],
        )

    @classmethod
    def validate_inputs(cls, file: str | None = None) -> bool | str:
        if file is None:
            return True
        try:
            resolve(file)
        except ValueError as error:
            return str(error)
        return True

    @classmethod
    def fingerprint_inputs(cls, file: str) -> str:
        digest = hashlib.sha256()
        try:
            path = resolve(file)
            for part in flo_sequence(path) if path.suffix.lower() == ".flo" else [path]:
                digest.update(part.name.encode())
                with part.open("rb") as content:
                    while block := content.read(1 << 20):
                        digest.update(block)
        except (ValueError, OSError) as error:
            return str(error)
        return digest.hexdigest()

    @classmethod
    def execute(cls, file: str) -> io.NodeOutput:
        return io.NodeOutput(load_field(resolve(file)))


def resolve(name: str) -> Path:
    """The file that a name of the list stands for.

    Raises:
        ValueError: where it lies outside the input and output folders, is missing, or is of
            another kind.
    """
    bare = check_name(name, "file").removesuffix(OUTPUT_MARK)
    marked = name.endswith(OUTPUT_MARK)
    root = folder_paths.get_output_directory() if marked else folder_paths.get_input_directory()
    path = inside(root, bare, "file")
    if path.suffix.lower() not in SUFFIXES:
        raise ValueError(f"{name!r}: a motion field's file ends in .safetensors or .flo")
    if not path.is_file():
        raise ValueError(f"there is no motion field {name!r} in the input or output folder")
    return path


def list_files() -> list[str]:
    """What can be loaded: files of the input folder, and those of the output folder, marked."""
    marked = (
        (folder_paths.get_input_directory(), ""),
        (folder_paths.get_output_directory(), OUTPUT_MARK),
    )
    return [name + mark for root, mark in marked for name in _motion_files(root)]


def _motion_files(root: str) -> list[str]:
    found: list[str] = []
    for folder, folders, names in os.walk(root):
        folders[:] = [found for found in folders if not found.startswith(".")]
        sequences: set[str] = set()
        for name in sorted(names):
            stem, suffix = os.path.splitext(name)
            if suffix.lower() not in SUFFIXES:
                continue
            sequence = stem.rstrip("0123456789")
            if suffix.lower() == ".flo" and sequence != stem:
                if sequence in sequences:
                    continue
                sequences.add(sequence)
            found.append(os.path.relpath(os.path.join(folder, name), root).replace(os.sep, "/"))
    return sorted(found)
