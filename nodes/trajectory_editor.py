"""The Trajectory Editor: what was drawn on a picture, as tracks."""

from typing import Any

import torch
from comfy_api.latest import io

from ..models.drawing.draw_tracks import draw_tracks
from ..models.drawing.editor_document import read_editor_document
from ..models.drawing.paths import Path, sample_paths
from ..models.drawing.track_formats import parse_drawing, write_tracks
from ..models.files.atomic import whole
from .inputs import frames_input, picture_size
from .node import Node
from .shown_frames import picture_of, temporary_file, told
from .sockets import CATEGORY, TracksSocket, aliases, essential, shows_itself

EMPTY = '{"version":1,"paths":[]}'
PICTURE_KEY, FRAMES_KEY = "motion_i2v_picture", "motion_i2v_frames"
"""Under these keys the editor finds what has run; js/trajectory_editor.js knows them too."""
LARGEST_SIDE = 2048
LINE_POINTS = 257
NOMINAL_SIZE = (512, 320)


class MotionI2VTrajectoryEditor(Node):
    """Draw on a picture how it should move."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="MotionI2VTrajectoryEditor",
            display_name="Trajectory Editor",
            **aliases(
                "draw arrows",
                "arrow",
                "spline editor",
                "motion path",
                "drag",
                "trajectory",
                "motion brush",
                "camera movement",
            ),
            **essential(),
            **shows_itself(),
            category=f"{CATEGORY}/draw",
            description="Draw on a picture where things go and what stays still.",
            inputs=[
                io.Image.Input("image", tooltip="The picture to draw on; the first of a batch."),
                io.String.Input(
                    "drawing",
                    multiline=True,
                    default=EMPTY,
                    dynamic_prompts=False,
                    socketless=True,
                    tooltip="The drawing as JSON. The editor writes it; scripts may write it too.",
                ),
                frames_input(16, "Frames of the clip; Motion-I2V was trained on 16."),
            ],
            outputs=[
                TracksSocket.Output(
                    display_name="tracks",
                    tooltip="One point a path or pin, for every frame: for Motion-I2V's nodes "
                    "and for core's nodes that take TRACKS.",
                ),
                io.String.Output(
                    display_name="kj_json",
                    tooltip="The same tracks as KJNodes' spline JSON, in pixels of the picture.",
                ),
                io.Image.Output(
                    display_name="preview", tooltip="The picture with the paths drawn over it."
                ),
            ],
        )

    @classmethod
    def validate_inputs(cls, drawing: str = EMPTY) -> bool | str:
        try:
            _read(drawing, NOMINAL_SIZE)
        except ValueError as error:
            return f"The drawing cannot be read: {error}"
        return True

    @classmethod
    def execute(cls, image: torch.Tensor, drawing: str, frames: int) -> io.NodeOutput:
        size = picture_size(image)
        paths = _read(drawing, size)
        tracks = sample_paths(paths, frames, size)
        fine = sample_paths(paths, LINE_POINTS, size)
        preview = draw_tracks(image, tracks, [path.color for path in paths], fine)
        text = write_tracks(tracks, "kj") if paths else "[]"
        shown = _keep_picture(image[0])
        ui = {PICTURE_KEY: [shown], FRAMES_KEY: [frames]}
        return io.NodeOutput(tracks.to_dict(), text, preview, ui=ui)


def _read(drawing: str, size: tuple[int, int]) -> list[Path]:
    document = parse_drawing(drawing if drawing.strip() else EMPTY)
    return read_editor_document(document, size)


def _keep_picture(frame: torch.Tensor) -> dict[str, Any]:
    """Writes the picture among the host's temporary files, and says where, for the editor."""
    picture = picture_of(frame)
    width, height = picture.size
    file, is_new = temporary_file([picture])
    if is_new:
        picture.thumbnail((LARGEST_SIDE, LARGEST_SIDE))
        with whole(file) as part:
            picture.save(part, "WEBP", quality=90, method=2)
    return {**told(file), "width": width, "height": height}
