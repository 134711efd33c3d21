"""Load MCDiff and MCDiff Flow Completion through the real queue, on narrow seeded networks."""

import shutil
from pathlib import Path

import pytest
import torch

from devkit import host as devkit_host
from devkit import places
from tests.host.core_tracks import joined_under_masks, need_core_tracks
from tests.host.stage1_host import (
    FRAMES,
    PICTURE,
    SIZE,
    Stage1Prompts,
    narrow_host,
    node,
    prepare,
    tracks,
)
from tests.host.usual import usual
from tests.narrow_mcdiff import write_mcdiff
from tests.narrow_release import write_release

LOADER, COMPLETION = "MotionI2VLoadMCDiff", "MotionI2VMCDiffFlowCompletion"
SMALL = "small model (comes with the pack)"
FILE = "mcdiff_narrow.safetensors"
WIDTH, HEIGHT = SIZE
USUAL = {"first_step": 0, "steps": 0, "size": -1}


def put_copy(custom_nodes: Path) -> None:
    """The pack with a narrow MCDiff in its small model, in place of a link to the checkout."""
    target = custom_nodes / places.PACK
    leave = (*devkit_host.NOT_THE_PACK, "training", "benchmarks", "small_model")
    shutil.copytree(places.ROOT, target, ignore=shutil.ignore_patterns(*leave))
    write_mcdiff(target / "small_model" / "mcdiff.safetensors", seed=5, side=32)


@pytest.fixture(scope="module")
def mcdiff(host_env, tmp_path_factory):
    base = tmp_path_factory.mktemp("mcdiff_host") / "base"
    prepare(base)
    own = base / "models" / "motion_i2v"
    write_mcdiff(own / FILE, side=32)
    write_mcdiff(own / "half_mcdiff.safetensors", halves=("flow_completion",))
    shutil.copy(write_release(base, "flow_vae")["flow_vae"], own / "a_flow_vae.bin")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(devkit_host, "put_pack", put_copy)
        with narrow_host(base) as process:
            yield Stage1Prompts(process)


def prompt_of(mcdiff: Stage1Prompts, file: str = FILE, frames: int = FRAMES, **inputs) -> dict:
    """A drawing on a picture, completed."""
    return {
        "mcdiff": node(LOADER, file=file),
        "picture": node("LoadImage", image=PICTURE),
        "tracks": tracks(mcdiff.info, frames),
        "completed": node(
            COMPLETION,
            flow_completion=["mcdiff", 0],
            tracks=["tracks", 0],
            **{"picture": ["picture", 0], **USUAL, **inputs},
        ),
    }


def completed(mcdiff: Stage1Prompts, name: str = "field", **given) -> torch.Tensor:
    """The accumulated field's flow [F, 2, H, W]."""
    prompt = prompt_of(mcdiff, **given)
    return mcdiff.field(mcdiff.saved(prompt, ["completed", 1], name), name)


@pytest.fixture(scope="module")
def field(mcdiff):
    """The field of the usual prompt, which the other tests compare with."""
    return completed(mcdiff)


def test_the_small_model_is_offered_first_then_what_is_called_so(mcdiff):
    (options, described), *_ = mcdiff.info[LOADER]["input"]["required"].values()
    offered = described.get("options", options)
    assert offered[0] == SMALL
    assert sorted(offered[1:3]) == ["half_mcdiff.safetensors", FILE]
    assert "a_flow_vae.bin" in offered[3:]


def test_a_drawing_becomes_a_field(field):
    assert field.shape == (FRAMES, 2, HEIGHT, WIDTH)
    assert torch.isfinite(field).all()
    assert not field[0].any()
    assert field[1:].abs().amax(dim=(1, 2, 3)).min() > 0.01


def test_the_steps_add_up_to_the_field(mcdiff, field):
    prompt = prompt_of(mcdiff)
    prompt["joined"] = node("MotionI2VStepsToField", steps=["completed", 0])
    joined = mcdiff.field(mcdiff.saved(prompt, ["joined", 0], "joined"), "joined")
    assert torch.equal(joined, field)


def test_queued_again_is_cached_and_the_same(mcdiff, field):
    prompt = mcdiff.saved(prompt_of(mcdiff), ["completed", 1], "again")
    assert torch.equal(mcdiff.field(prompt, "again"), field)
    assert {"mcdiff", "completed"} <= set(mcdiff.host.run(prompt).cached)


def test_first_step_and_steps_choose_among_the_tracks(mcdiff, field):
    one = completed(mcdiff, steps=1)
    assert torch.equal(one, field[:2])
    last = completed(mcdiff, first_step=FRAMES - 2)
    assert last.shape[0] == 2
    assert not torch.equal(last, one)


def test_the_size_that_the_network_sees_counts(mcdiff, field):
    own = completed(mcdiff, size=0)
    assert own.shape == field.shape
    assert not torch.equal(own, field)
    # As trained.
    assert torch.equal(completed(mcdiff, size=32), field)


def test_the_cores_own_tracks_are_completed(mcdiff, field):
    need_core_tracks(mcdiff.info)
    prompt = prompt_of(mcdiff) | joined_under_masks(mcdiff.info, SIZE, FRAMES)
    found = mcdiff.field(mcdiff.saved(prompt, ["completed", 1], "core"), "core")
    assert found.shape == field.shape
    assert not torch.equal(found, field)


def test_it_goes_on_from_a_field(mcdiff, field):
    prompt = prompt_of(mcdiff, steps=1)
    prompt["next"] = node(
        COMPLETION,
        flow_completion=["mcdiff", 0],
        tracks=["tracks", 0],
        picture=["picture", 0],
        motion_field=["completed", 1],
        **{**USUAL, "first_step": 1, "steps": 2},
    )
    on = mcdiff.field(mcdiff.saved(prompt, ["next", 1], "on"), "on")
    assert on.shape == field.shape
    assert torch.equal(on[:2], field[:2])


def test_a_picture_for_each_step(mcdiff, field):
    prompt = prompt_of(mcdiff, picture=["batch", 0])
    prompt["batch"] = node("RepeatImageBatch", image=["picture", 0], amount=FRAMES - 1)
    still = mcdiff.field(mcdiff.saved(prompt, ["completed", 1], "still"), "still")
    assert torch.equal(still[:2], field[:2])
    assert not torch.equal(still[2:], field[2:])


def test_the_field_warps_the_picture(mcdiff):
    prompt = prompt_of(mcdiff)
    given = {"picture": ["picture", 0], "field": ["completed", 1]}
    prompt["warped"] = usual(mcdiff.info, "MotionI2VWarpPreview", **given)
    prompt["saved"] = node("SaveImage", images=["warped", 0], filename_prefix="warped")
    result = mcdiff.host.run(prompt)
    assert result.succeeded, result.errors
    assert len(mcdiff.host.files(result)) == FRAMES


def test_the_small_model_needs_no_file_of_the_users(mcdiff, field):
    assert not torch.equal(completed(mcdiff, file=SMALL), field)


def test_a_small_model_that_is_not_there_says_so_and_the_server_goes_on(mcdiff):
    path = mcdiff.host.base / "custom_nodes" / places.PACK / "small_model" / "mcdiff.safetensors"
    content = path.read_bytes()
    path.unlink()
    error = mcdiff.error(prompt_of(mcdiff, file=SMALL) | sink())
    assert "the small model lacks mcdiff.safetensors" in error
    assert "get it again" in error
    path.write_bytes(content[:-10])
    error = mcdiff.error(prompt_of(mcdiff, file=SMALL) | sink())
    assert "downloaded to its end" in error
    assert "get it again" in error
    path.write_bytes(content)
    completed(mcdiff, file=SMALL)


def sink() -> dict:
    return {"sink": node("PreviewAny", source=["completed", 1])}


def test_a_replaced_file_is_loaded_anew(mcdiff, field):
    own = mcdiff.host.base / "models" / "motion_i2v" / FILE
    write_mcdiff(own, seed=9, side=32)
    assert not torch.equal(completed(mcdiff), field)
    write_mcdiff(own, side=32)
    assert torch.equal(completed(mcdiff), field)


@pytest.mark.parametrize(
    ("file", "said"),
    [
        ("half_mcdiff.safetensors", "holds flow completion (F) alone"),
        ("a_flow_vae.bin", "by its keys it is the flow VAE, for the node 'Load Flow VAE'"),
    ],
)
def test_a_file_that_will_not_do_says_why(mcdiff, file, said):
    assert said in mcdiff.error(prompt_of(mcdiff, file=file) | sink())


def test_another_loader_names_this_one(mcdiff):
    prompt = {
        "vae": node("MotionI2VLoadFlowVAE", file=FILE, precision="float32"),
        "sink": node("PreviewAny", source=["vae", 0]),
    }
    assert "for the node 'Load MCDiff'" in mcdiff.error(prompt)


@pytest.mark.parametrize(
    ("inputs", "said"),
    [
        ({"first_step": FRAMES - 1}, "is not among the steps of the tracks, 0..2"),
        ({"first_step": 1, "steps": 3}, "but the tracks have 2 there"),
        ({"size": 7}, "mean side of 7 px: give at least 16"),
        ({"size": -2}, "size"),
        ({"picture": ["batch", 0]}, "2 pictures were given for 3 steps"),
    ],
)
def test_inputs_that_do_not_fit_are_refused(mcdiff, inputs, said):
    prompt = prompt_of(mcdiff, **inputs) | sink()
    prompt["batch"] = node("RepeatImageBatch", image=["picture", 0], amount=2)
    assert said in mcdiff.error(prompt)


def test_an_interrupt_stops_between_steps(mcdiff, field):
    many = prompt_of(mcdiff, frames=200) | sink()
    seen = []

    def interrupt(event):
        if event["type"] == "progress" and event["data"]["node"] == "completed":
            seen.append(event["data"]["value"])
            if len(seen) == 1:
                mcdiff.host.interrupt()

    result = mcdiff.host.run(many, on_event=interrupt)
    assert result.interrupted
    assert seen[-1] < 20
    assert torch.equal(completed(mcdiff), field)
