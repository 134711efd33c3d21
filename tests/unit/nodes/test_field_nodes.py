"""The track and motion field nodes, called as the host calls them."""

import json
from pathlib import Path

import pytest
import torch
from motion_i2v.models.types.motion_field import MotionField
from motion_i2v.models.types.tracks import Tracks

ROOT = Path(__file__).resolve().parents[3]
pytestmark = pytest.mark.usefixtures("host_env")


def node(file, name):
    """The class of a node; imported late, because it needs the host."""
    from importlib import import_module

    return getattr(import_module(f"motion_i2v.nodes.{file}"), f"MotionI2V{name}")


def run(file, name, *args, **kwargs):
    return node(file, name).execute(*args, **kwargs).result


def translation(dx, dy, frames=3, size=(32, 16)):
    flow = torch.zeros(frames, 2, size[1], size[0])
    flow[1:, 0], flow[1:, 1] = dx, dy
    return MotionField(flow)


def from_text(text, picture=None, **changes):
    values = {
        "format": "auto", "width": 512, "height": 320, "frames": 16, "coordinates": "auto",
        "flat_list": "auto", "curve": "smooth", "spacing": "index", "pin": "zero",
    }  # fmt: skip
    return run("tracks_text", "TracksFromText", text, picture=picture, **(values | changes))[0]


NODES = [
    ("tracks_text", "TracksFromText"),
    ("tracks_text", "TracksToText"),
    ("field_tools", "ScaleMotionField"),
    ("field_tools", "RetimeMotionField"),
    ("field_tools", "ResizeMotionField"),
    ("field_tools", "InvertMotionField"),
    ("field_combine", "CombineMotionFields"),
    ("field_steps", "FieldToSteps"),
    ("field_steps", "StepsToField"),
    ("field_tracks", "MotionFieldToTracks"),
    ("move_mask", "MoveMask"),
    ("warp_noise", "WarpNoise"),
    ("field_files", "SaveMotionField"),
    ("field_files", "LoadMotionField"),
]


@pytest.mark.parametrize(("file", "name"), NODES)
def test_every_node_is_registered_and_explained(file, name, host_folders):
    from motion_i2v.nodes import NODES as registered

    cls = node(file, name)
    schema = cls.GET_SCHEMA()
    assert schema.node_id == f"MotionI2V{name}"
    assert schema.category.startswith("MotionI2V/")
    assert all(socket.tooltip for socket in [*schema.inputs, *schema.outputs])
    assert cls in registered
    assert (ROOT / "js" / "docs" / f"MotionI2V{name}.md").is_file()


def test_text_becomes_tracks_of_the_picture_s_size():
    tracks = Tracks.from_dict(from_text("0.25,0.5,0.75,0.5", torch.zeros(1, 100, 200, 3)))
    assert tracks.size == (200, 100)
    assert tracks.frames == 16
    assert tracks.points[[0, -1], 0].tolist() == [[50, 50], [150, 50]]


def test_without_a_picture_width_and_height_say_it():
    tracks = Tracks.from_dict(from_text("7,9", width=64, height=32, frames=4, pin="released"))
    assert tracks.size == (64, 32)
    assert tracks.points[-1, 0].tolist() == [8, 10]


@pytest.mark.parametrize(
    ("text", "shown"), [("[]", "empty"), ("[{'x': 1}]", '"y"'), ("1,2,x", "'x'"), ("", "empty")]
)
def test_bad_text_is_refused_before_the_prompt_runs(text, shown):
    cls = node("tracks_text", "TracksFromText")
    assert shown in cls.validate_inputs(text)


def test_good_and_linked_text_passes():
    cls = node("tracks_text", "TracksFromText")
    assert cls.validate_inputs("1,2,3,4") is True
    assert cls.validate_inputs(None) is True


def test_tracks_are_written_for_the_connected_picture():
    tracks = from_text("[[{'x': 10, 'y': 20}, {'x': 30, 'y': 40}]]", frames=2)
    (text,) = run("tracks_text", "TracksToText", tracks, "kj", torch.zeros(1, 640, 1024, 3))
    assert json.loads(text) == [{"x": 20, "y": 40}, {"x": 60, "y": 80}]


def test_the_core_s_tracks_have_no_size_and_can_be_written_as_plain_pixels():
    core = {
        "track_path": torch.tensor([[[1.0, 2.0]], [[3.0, 4.0]]]),
        "track_visibility": torch.ones(2, 1, dtype=torch.bool),
    }
    assert run("tracks_text", "TracksToText", core, "lines")[0] == "1,2,3,4"
    with pytest.raises(ValueError, match="picture size"):
        run("tracks_text", "TracksToText", core, "editor")


def test_one_drawing_drives_wan_track_to_video():
    text = run("tracks_text", "TracksToText", from_text("10,20,130,20"), "ati")[0]
    (track,) = json.loads(text)
    assert len(track) == 121
    assert [point["x"] for point in track] == pytest.approx(range(10, 131))


def test_scale_retime_resize_and_invert():
    field = translation(4, -2)
    assert run("field_tools", "ScaleMotionField", field, 0.5)[0].flow[1, :, 0, 0].tolist() == [
        2,
        -1,
    ]
    assert run("field_tools", "RetimeMotionField", field, 9)[0].frames == 9
    assert run("field_tools", "ResizeMotionField", field, 64, 16)[0].flow[1, 0, 0, 0] == 8
    picture = torch.zeros(1, 8, 16, 3)
    assert run("field_tools", "ResizeMotionField", field, 1, 1, picture)[0].size == (16, 8)
    back, defined = run("field_tools", "InvertMotionField", field)
    assert back.flow[1, :, 5, 10].tolist() == pytest.approx([-4, 2])
    assert defined.shape == (3, 16, 32)


def test_a_field_becomes_steps_and_a_field_again():
    field = MotionField(torch.arange(4.0).view(4, 1, 1, 1) * torch.ones(4, 2, 16, 32))
    (steps,) = run("field_steps", "FieldToSteps", field)
    assert [step.frames for step in steps] == [2, 2, 2]
    (again,) = run("field_steps", "StepsToField", steps)
    assert torch.equal(again.flow, field.flow)
    schema = node("field_steps", "FieldToSteps").GET_SCHEMA()
    assert schema.outputs[0].is_output_list
    assert node("field_steps", "StepsToField").GET_SCHEMA().is_input_list


@pytest.mark.parametrize(
    ("mode", "moved", "frames"),
    [("add", [6, 1], 3), ("compose", [6, 1], 3), ("one after the other", [6, 1], 5)],
)
def test_fields_of_two_sizes_combine(mode, moved, frames):
    second = translation(4, 2, size=(64, 32))
    (combined,) = run("field_combine", "CombineMotionFields", translation(4, 0), second, mode)
    assert combined.frames == frames
    assert combined.flow[-1, :, 3, 3].tolist() == pytest.approx(moved)


def test_a_mask_of_another_size_chooses_between_fields():
    mask = torch.zeros(1, 4, 4)
    mask[:, :, :2] = 1
    fields = translation(4, 0), translation(0, 2)
    (mixed,) = run("field_combine", "CombineMotionFields", *fields, "by mask", mask)
    assert mixed.flow[1, :, 8, [2, 29]].T.tolist() == [[4, 0], [0, 2]]
    with pytest.raises(ValueError, match="needs a mask"):
        run("field_combine", "CombineMotionFields", *fields, "by mask")


def test_a_field_is_followed_from_a_grid_or_from_other_tracks():
    field = translation(4, 0)
    grid = Tracks.from_dict(run("field_tracks", "MotionFieldToTracks", field, 16)[0])
    assert grid.count == 2
    assert (grid.points[1] - grid.points[0] == torch.tensor([4.0, 0.0])).all()
    starts = from_text("10,10,20,20", width=64, height=32)
    (tracks,) = run("field_tracks", "MotionFieldToTracks", field, 16, starts)
    assert tracks["track_path"][:, 0].tolist() == [[5, 5], [9, 5], [9, 5]]


@pytest.mark.parametrize("format", ["safetensors", "flo"])
def test_what_is_saved_can_be_chosen_and_loaded(host_folders, format):
    field = translation(4.25, -2)
    for _ in range(2):
        node("field_files", "SaveMotionField").execute(field, "motion/my.field", format)
    files = sorted(path.name for path in (host_folders.output / "motion").iterdir())
    assert len(files) == (2 if format == "safetensors" else 4)
    loader = node("field_files", "LoadMotionField")
    (combo,) = loader.define_schema().inputs
    assert len(combo.options) == 2
    assert all(name.endswith(f".{format} [output]") for name in combo.options)
    for name in combo.options:
        assert loader.validate_inputs(name) is True
        assert torch.equal(run("field_files", "LoadMotionField", name)[0].flow, field.flow)


def test_an_edited_file_runs_again(host_folders):
    loader = node("field_files", "LoadMotionField")
    from motion_i2v.models.fields.field_formats import save_flo

    save_flo(translation(1, 2), host_folders.input / "clip_")
    before = loader.fingerprint_inputs("clip_0001.flo")
    assert loader.fingerprint_inputs("clip_0001.flo") == before
    save_flo(translation(1, 3), host_folders.input / "clip_")
    assert loader.fingerprint_inputs("clip_0001.flo") != before


@pytest.mark.parametrize(
    "name", ["../secret.flo", "../secret.flo [output]", "a/../../secret.flo", "/etc/hostname.flo"]
)
def test_files_outside_the_host_s_folders_are_refused(host_folders, name):
    (host_folders.input.parent / "secret.flo").write_bytes(b"PIEH")
    loader = node("field_files", "LoadMotionField")
    assert "outside" in loader.validate_inputs(name)
    with pytest.raises(ValueError, match="outside"):
        loader.execute(name)


def test_a_link_that_leads_outside_is_refused(host_folders):
    (host_folders.input.parent / "secret.flo").write_bytes(b"PIEH")
    (host_folders.input / "link.flo").symlink_to(host_folders.input.parent / "secret.flo")
    assert "outside" in node("field_files", "LoadMotionField").validate_inputs("link.flo")


@pytest.mark.parametrize("name", ["gone.flo", "a.png", "(no motion field)"])
def test_missing_and_other_files_are_refused(host_folders, name):
    (host_folders.input / "a.png").write_bytes(b"")
    assert repr(name) in node("field_files", "LoadMotionField").validate_inputs(name)


@pytest.mark.parametrize("prefix", ["../out", "a/../../b", "/tmp/x", "..\\out", ""])
def test_saving_outside_the_output_folder_is_refused(host_folders, prefix):
    said = node("field_files", "SaveMotionField").validate_inputs(prefix)
    assert ("inside the output folder" if prefix else "names no file") in said
    with pytest.raises(ValueError, match="filename_prefix"):
        node("field_files", "SaveMotionField").execute(translation(1, 0), prefix, "flo")
    assert not list(host_folders.output.iterdir())


def test_a_mask_is_carried_and_a_field_of_another_size_fitted(caplog):
    mask = torch.zeros(1, 32, 64)
    mask[:, 10:20, 10:20] = 1
    moved, new = run("move_mask", "MoveMask", mask, translation(8, 0, frames=5), 4)
    assert moved.shape == new.shape == (2, 32, 64)
    assert not caplog.records
    # 8 of 32 pixels are 16 of 64.
    assert torch.equal(moved[1], mask[0].roll(16, 1))
    assert torch.equal(new[1], (torch.arange(64) < 16).expand(32, -1).float())
    run("move_mask", "MoveMask", mask[:, :, :32], translation(8, 0), 1)
    assert "32x16, but the frames are 32x32: it is stretched" in caplog.text


def test_an_empty_mask_is_not_carried():
    with pytest.raises(ValueError, match="mask is empty"):
        run("move_mask", "MoveMask", torch.zeros(1, 16, 32), translation(8, 0), 1)
