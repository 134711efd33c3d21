"""Files that want harm are refused before memory is taken, and none of their code runs."""

from __future__ import annotations

import random
import sys
from pathlib import Path

import pytest
import torch
from motion_i2v.models.files.checkpoints import read_checkpoint
from motion_i2v.models.trackers.weights import ALLTRACKER, load

from soak import hostile_checkpoints
from soak.hostile_checkpoints import HOSTILE

SUFFIXES = {True: ".safetensors", False: ".bin"}
ROOM = 2 << 30
"""Bytes that reading a file may ask for."""


@pytest.fixture(autouse=True)
def little_room():
    """Memory that is taken for a promise fails here, even where the system would wait and see."""
    if sys.platform != "linux":
        yield
        return
    import resource

    before = resource.getrlimit(resource.RLIMIT_AS)
    pages = int(Path("/proc/self/statm").read_text().split()[0])
    resource.setrlimit(resource.RLIMIT_AS, (pages * resource.getpagesize() + ROOM, before[1]))
    yield
    resource.setrlimit(resource.RLIMIT_AS, before)


@pytest.mark.parametrize("name", HOSTILE)
def test_what_is_hostile_is_refused_in_words(tmp_path, name):
    for seed in range(3):
        path = tmp_path / f"x{SUFFIXES[seed % 2 == 0]}"
        HOSTILE[name](random.Random(seed), path)
        for read in (read_checkpoint, lambda file: load(file, ALLTRACKER)):
            with pytest.raises(ValueError, match=r"x\.(safetensors|bin)") as refused:
                read(path)
            assert len(str(refused.value)) < 600
    assert not (tmp_path / "ran").exists()


def test_damage_is_refused_in_words_or_does_not_matter(tmp_path):
    rng = random.Random(5)
    for number in range(150):
        path = tmp_path / f"x{SUFFIXES[number % 2 == 0]}"
        hostile_checkpoints.damaged(rng, path)
        with pytest.raises(ValueError, match=r"x\.(safetensors|bin)"):
            read_checkpoint(path)


TENSORS = {
    "alone": torch.arange(6.0).reshape(2, 3),
    "turned": torch.arange(6.0).reshape(2, 3).T,
    "a part": torch.arange(10.0)[2:8:2],
    "no dimension": torch.tensor(2.5),
    "parameter": torch.nn.Parameter(torch.ones(2)),
    "half": torch.ones(3, dtype=torch.bfloat16),
    "whole": torch.arange(3),
    "truth": torch.tensor([True, False]),
    "eight bits": torch.ones(3).to(torch.float8_e4m3fn),
}


@pytest.mark.parametrize("zipped", [True, False])
def test_what_torch_writes_is_read_as_torch_reads_it(tmp_path, zipped):
    from motion_i2v.models.files.torch_files import read_torch_file

    shared = torch.arange(4.0)
    given = {**TENSORS, "one": shared, "other": shared[1:], "size": torch.Size([1]), "n": [1, "a"]}
    if not zipped:
        del given["eight bits"]  # torch itself does not read them from these
    state = torch.nn.Linear(2, 2).state_dict()  # has attributes of its own
    given = {"state_dict": given, "nested": {"state": state}, "epoch": 3, "rate": 0.5, "on": None}
    path = tmp_path / "x.ckpt"
    torch.save(given, path, _use_new_zipfile_serialization=zipped)
    read = read_torch_file(path)
    expected = torch.load(path, weights_only=True)
    assert list(read) == list(expected)
    assert read["rate"] == 0.5
    assert read["state_dict"]["n"] == [1, "a"]
    pairs = [(read["state_dict"], expected["state_dict"])]
    pairs += [(read["nested"]["state"], expected["nested"]["state"])]
    for ours, theirs in pairs:
        for name, tensor in theirs.items():
            if isinstance(tensor, torch.Tensor):
                assert ours[name].dtype == tensor.dtype
                assert ours[name].stride() == tensor.stride()
                assert torch.equal(ours[name].float(), tensor.float())


def test_a_tracker_of_impossible_widths_takes_no_memory(tmp_path):
    wide = torch.zeros(1 << 20, 1)
    names = ("visconf_head.0.weight", "cnn.features.0.0.weight")
    named = {name: wide.clone() for name in names}
    torch.save(named | {"flow_head.0.weight": wide.T.clone()}, tmp_path / "wide.pth")
    with pytest.raises(ValueError, match=r"wide\.pth looks like AllTracker"):
        load(tmp_path / "wide.pth", ALLTRACKER)
