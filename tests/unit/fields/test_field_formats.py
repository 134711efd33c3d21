"""Motion fields as files: what is written reads back, and a damaged file is a clear error."""

import os
import struct

import pytest
import torch
from motion_i2v.models.fields.field_formats import load_field, save_flo, save_safetensors
from motion_i2v.models.types.motion_field import MotionField
from safetensors.torch import save_file


def field(frames=3, seen=False):
    flow = torch.randn(frames, 2, 5, 7, generator=torch.Generator().manual_seed(1)) * 9
    flow[0] = 0
    return MotionField(flow, torch.rand(frames, 5, 7) if seen else None)


@pytest.mark.parametrize("seen", [False, True])
def test_safetensors_keeps_every_bit(tmp_path, seen):
    saved = field(seen=seen)
    loaded = load_field(save_safetensors(saved, tmp_path / "a.safetensors"))
    assert torch.equal(loaded.flow, saved.flow)
    assert (loaded.visibility is None) == (not seen)
    if seen:
        assert torch.equal(loaded.visibility, saved.visibility)


@pytest.mark.parametrize("frames", [2, 3, 12])
def test_a_flo_sequence_keeps_every_bit(tmp_path, frames):
    saved = field(frames)
    files = save_flo(saved, tmp_path / "clip.v2_")
    assert [file.name for file in files[:1]] == ["clip.v2_0001.flo"]
    assert len(files) == frames - 1
    for file in (files[0], files[-1]):
        assert torch.equal(load_field(file).flow, saved.flow)


def flo(path, width=2, height=1, values=(1.0, 2.0, 3.0, 4.0), magic=202021.25):
    path.write_bytes(struct.pack(f"<fii{len(values)}f", magic, width, height, *values))
    return path


def test_a_single_flo_file_is_read_as_middlebury_writes_it(tmp_path):
    loaded = load_field(flo(tmp_path / "one.flo"))
    assert loaded.flow.tolist() == [[[[0, 0]], [[0, 0]]], [[[1, 3]], [[2, 4]]]]
    assert loaded.visibility is None


def test_unknown_pixels_of_a_flo_file_are_hidden_and_still(tmp_path):
    loaded = load_field(flo(tmp_path / "one.flo", values=(1.0, 2.0, 1.7e9, 1.7e9)))
    assert loaded.flow[1].tolist() == [[[1, 0]], [[2, 0]]]
    assert loaded.visibility[1].tolist() == [[1, 0]]


def test_a_sequence_from_0_has_its_own_reference_frame(tmp_path):
    flo(tmp_path / "f00.flo", values=(0.0,) * 4)
    flo(tmp_path / "f01.flo")
    other = flo(tmp_path / "f1.flo")
    assert load_field(tmp_path / "f01.flo").frames == 2
    assert load_field(other).frames == 2
    flo(tmp_path / "f00.flo")
    with pytest.raises(ValueError, match=r"f00\.flo: frame 0"):
        load_field(tmp_path / "f01.flo")


def test_gaps_and_late_starts_of_a_sequence_are_errors(tmp_path):
    flo(tmp_path / "g1.flo")
    flo(tmp_path / "g3.flo")
    with pytest.raises(ValueError, match="number 2 of the sequence is missing"):
        load_field(tmp_path / "g1.flo")
    flo(tmp_path / "h5.flo")
    flo(tmp_path / "h6.flo")
    with pytest.raises(ValueError, match="begins at 5"):
        load_field(tmp_path / "h5.flo")
    flo(tmp_path / "k1.flo")
    flo(tmp_path / "k2.flo", width=1, height=2)
    with pytest.raises(ValueError, match="1x2"):
        load_field(tmp_path / "k1.flo")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"magic": 1.0}, "202021.25"),
        ({"values": (1.0, 2.0, 3.0)}, "cut short"),
        ({"values": (1.0,) * 5}, "follows the data"),
        ({"width": 0}, "0x1"),
        ({"width": -2, "height": -1}, "-2x-1"),
        ({"width": 2**30, "height": 2**30}, "each side"),
        ({"values": (float("nan"), 0.0, 0.0, 0.0)}, None),
    ],
)
def test_a_damaged_flo_file_is_an_error(tmp_path, change, message):
    file = flo(tmp_path / "bad.flo", **change)
    if message is None:
        assert load_field(file).visibility[1].tolist() == [[0, 1]]
        return
    with pytest.raises(ValueError, match=f"bad.flo.*{message}"):
        load_field(file)


def test_a_flo_file_too_short_for_its_header_is_an_error(tmp_path):
    (tmp_path / "bad.flo").write_bytes(b"PIEH\x02")
    with pytest.raises(ValueError, match=r"202021\.25"):
        load_field(tmp_path / "bad.flo")


def test_a_damaged_or_foreign_safetensors_file_is_an_error(tmp_path):
    whole = save_safetensors(field(), tmp_path / "a.safetensors").read_bytes()
    bad = tmp_path / "bad.safetensors"
    for content in (whole[:-8], whole[:20], b"", b"\x80\x04K\x01."):
        bad.write_bytes(content)
        with pytest.raises(ValueError, match=r"bad\.safetensors is not a whole"):
            load_field(bad)
    save_file({"weight": torch.zeros(2)}, bad)
    with pytest.raises(ValueError, match=r'holds .*weight.*a motion field must have "flow"'):
        load_field(bad)
    save_file({"flow": torch.ones(2, 2, 3, 3)}, bad)
    with pytest.raises(ValueError, match=r"bad\.safetensors: frame 0"):
        load_field(bad)
    save_file({"flow": torch.zeros(2, 2, 3, 3)}, bad, {"version": "2"})
    with pytest.raises(ValueError, match="version '2'"):
        load_field(bad)


@pytest.mark.parametrize("name", ["a.pt", "a.pkl", "a", "missing.flo", "missing.safetensors"])
def test_other_and_missing_files_are_errors(tmp_path, name):
    with pytest.raises(ValueError, match=name):
        load_field(tmp_path / name)


def test_a_sequence_whose_saving_was_cut_off_is_refused(tmp_path):
    files = save_flo(field(4), tmp_path / "a_")
    for file in files[:2]:
        file.unlink()
        (tmp_path / f".{file.name}.abcdefgh.part").mkdir()
    for file in files[2:]:
        with pytest.raises(ValueError, match="was not saved to its end"):
            load_field(file)
    assert load_field(save_flo(field(4), tmp_path / "a_")[0]).frames == 4
    assert not list(tmp_path.glob(".*"))


def test_a_failure_amid_a_sequence_leaves_nothing(tmp_path, monkeypatch):
    from motion_i2v.models.files import atomic

    def fail(source, target):
        if "0002" in str(target):
            raise OSError("the disk is full")
        real(source, target)

    real = atomic.os.replace
    monkeypatch.setattr(atomic.os, "replace", fail)
    with pytest.raises(OSError, match="full"):
        save_flo(field(4), tmp_path / "a_")
    assert not list(tmp_path.iterdir())


def test_a_field_does_not_live_in_its_file(tmp_path):
    path = save_safetensors(field(), tmp_path / "a.safetensors")
    read = load_field(path)
    before = read.flow.clone()
    with path.open("r+b") as file:
        file.write(bytes(path.stat().st_size))
    assert torch.equal(read.flow, before)


def test_a_field_too_large_to_be_one_is_refused(tmp_path):
    with (tmp_path / "a.flo").open("wb") as file:
        file.truncate(17 << 30)
    with pytest.raises(ValueError, match=r"17\.0 GiB; a motion field is at most 16 GiB"):
        load_field(tmp_path / "a.flo")


@pytest.mark.skipif(os.name == "nt", reason="needs links")
def test_links_are_no_part_of_a_sequence(tmp_path):
    (tmp_path / "secret.flo").write_bytes(b"PIEH")
    files = save_flo(field(4), tmp_path / "a_")
    files[1].unlink()
    files[1].symlink_to(tmp_path / "secret.flo")
    with pytest.raises(ValueError, match="number 2 of the sequence is missing"):
        load_field(files[0])


def test_a_field_of_one_frame_has_nothing_for_flo(tmp_path):
    with pytest.raises(ValueError, match="has 1 frame"):
        save_flo(field(1), tmp_path / "a")
