"""Stage 1 through the real queue: a narrow release in its released layout becomes a field."""

import json

import pytest
import torch

from devkit.workflows import TWINS
from tests.host.core_tracks import joined_under_masks, need_core_tracks
from tests.host.stage1_host import (
    FILES,
    FRAMES,
    LOADERS,
    PICTURE,
    SIZE,
    STAGE1,
    Stage1Prompts,
    frame_inputs,
    node,
    start,
)
from tests.host.usual import usual
from tests.narrow_release import write_release

CHECKPOINT = "CheckpointLoaderSimple"


@pytest.fixture(scope="module")
def stage1(tmp_path_factory):
    with start(tmp_path_factory.mktemp("stage1_host") / "base") as host:
        yield Stage1Prompts(host)


@pytest.fixture(scope="module")
def field(stage1):
    """The field of the usual prompt, which the other tests compare with."""
    return stage1.field(stage1.sampled(stage1.controlled()))


def test_a_release_becomes_a_field(field):
    assert field.shape == (FRAMES, 2, SIZE[1], SIZE[0])
    assert torch.isfinite(field).all()
    assert not field[0].any()
    assert field[1:].abs().max() > 0.1


def test_the_tracks_count(stage1, field):
    assert not torch.equal(stage1.field(stage1.sampled(stage1.base())), field)


def test_the_cores_own_tracks_control_it(stage1, field):
    need_core_tracks(stage1.info)
    prompt = stage1.controlled() | joined_under_masks(stage1.info, SIZE, FRAMES)
    controlled = stage1.field(stage1.sampled(prompt))
    assert controlled.shape == field.shape
    assert not torch.equal(controlled, stage1.field(stage1.sampled(stage1.base())))


def test_strength_0_is_exactly_no_control(stage1):
    free = stage1.field(stage1.sampled(stage1.base()))
    assert torch.equal(stage1.field(stage1.sampled(stage1.controlled(strength=0.0))), free)


def test_control_that_never_begins_is_no_control(stage1):
    free = stage1.field(stage1.sampled(stage1.base()))
    late = stage1.controlled(start_percent=1.0, end_percent=1.0)
    assert torch.equal(stage1.field(stage1.sampled(late)), free)


def test_queued_again_is_cached_and_the_same(stage1, field):
    prompt = stage1.sampled(stage1.controlled(), "again")
    assert torch.equal(stage1.field(prompt, "again"), field)
    result = stage1.host.run(prompt)
    assert "sampler" in result.cached


def test_models_offloaded_between_nodes_give_the_same(stage1, field):
    prompt = stage1.controlled()
    prompt["unloaded"] = node("NarrowUnload", conditioning=["control", 0])
    stage1.sampled(prompt, "unloaded", positive=["unloaded", 0])
    assert torch.equal(stage1.field(prompt, "unloaded"), field)


def test_core_samplers_give_the_same_field(stage1, field):
    """SamplerCustomAdvanced with Motion-Field Conditioning, and the released schedule."""
    prompt = stage1.controlled()
    prompt["conditioning"] = node(
        "MotionI2VMotionFieldConditioning",
        positive=["control", 0],
        negative=["control", 1],
        picture=["picture", 0],
        vae=["vae", 0],
        **frame_inputs(),
    )
    prompt["schedule"] = node(
        "MotionI2VDDIMLeading",
        model=["stage1_unet", 0],
        steps=3,
        denoise=1.0,
        sampler_name="euler",
    )
    prompt["guider"] = node(
        "CFGGuider",
        model=["stage1_unet", 0],
        positive=["conditioning", 0],
        negative=["conditioning", 1],
        cfg=5.0,
    )
    prompt["noise"] = node("RandomNoise", noise_seed=7)
    prompt["sampled"] = node(
        "SamplerCustomAdvanced",
        noise=["noise", 0],
        guider=["guider", 0],
        sampler=["schedule", 0],
        sigmas=["schedule", 1],
        latent_image=["conditioning", 2],
    )
    prompt["decoded"] = node(
        "MotionI2VFlowVAEDecode", flow_vae=["flow_vae", 0], latent=["sampled", 0], tile_size=0
    )
    stage1.saved(prompt, ["decoded", 0], "core")
    assert torch.equal(stage1.field(prompt, "core"), field)


def ksampled(stage1, clip=None, **inputs):
    """A prompt whose field comes from the core's KSampler."""
    clip = clip or frame_inputs()
    prompt = stage1.controlled(frames=clip["frames"])
    prompt["conditioning"] = node(
        "MotionI2VMotionFieldConditioning",
        positive=["control", 0],
        negative=["control", 1],
        picture=["picture", 0],
        vae=["vae", 0],
        flow_vae=["flow_vae", 0],
        **clip,
    )
    prompt["sampled"] = node(
        "KSampler",
        **{
            "model": ["stage1_unet", 0],
            "seed": 7,
            "steps": 3,
            "cfg": 5.0,
            "sampler_name": "dpmpp_2m",
            "scheduler": "karras",
            "positive": ["conditioning", 0],
            "negative": ["conditioning", 1],
            "latent_image": ["conditioning", 2],
            "denoise": 1.0,
            **inputs,
        },
    )
    prompt["decoded"] = node(
        "MotionI2VFlowVAEDecode", flow_vae=["flow_vae", 0], latent=["sampled", 0], tile_size=0
    )
    return stage1.saved(prompt, ["decoded", 0], "ksampled")


def test_core_ksampler_gives_the_same_field(stage1):
    own = stage1.sampled(stage1.controlled(), sampler_name="dpmpp_2m", scheduler="karras")
    assert torch.equal(stage1.field(ksampled(stage1), "ksampled"), stage1.field(own))


def test_a_given_motion_is_varied(stage1, field):
    """Encode, sample with denoise below 1: nearer to the given motion than a free one."""
    prompt = stage1.sampled(stage1.controlled(), "first")
    prompt["varied"] = {
        **prompt["sampler"],
        "inputs": {
            **prompt["sampler"]["inputs"],
            "seed": 8,
            "denoise": 0.5,
            "initial_field": ["sampler", 0],
        },
    }
    stage1.saved(prompt, ["varied", 0], "varied")
    varied = stage1.field(prompt, "varied")
    assert torch.isfinite(varied).all()
    assert not torch.equal(varied, field)


def test_a_region_keeps_the_rest_still(stage1):
    prompt = stage1.controlled(region=["mask", 0])
    prompt["mask"] = node("SolidMask", value=1.0, width=24, height=SIZE[1])
    prompt["black"] = node("SolidMask", value=0.0, width=SIZE[0], height=SIZE[1])
    prompt["region"] = node(
        "MaskComposite",
        destination=["black", 0],
        source=["mask", 0],
        x=0,
        y=0,
        operation="add",
    )
    prompt["control"]["inputs"]["region"] = ["region", 0]
    flow = stage1.field(stage1.sampled(prompt, region=["region", 0]))
    assert not flow[..., 24:].any()
    assert flow[1:, :, :, :24].abs().max() > 0.1


def test_a_field_is_a_hint_too(stage1, field):
    prompt = stage1.sampled(stage1.controlled(), "hint")
    prompt["again"] = {
        **prompt["control"],
        "inputs": {**prompt["control"]["inputs"], "field": ["sampler", 0]},
    }
    del prompt["again"]["inputs"]["tracks"]
    inputs = {**prompt["sampler"]["inputs"], "positive": ["again", 0], "negative": ["again", 1]}
    prompt["second"] = {**prompt["sampler"], "inputs": inputs}
    stage1.saved(prompt, ["second", 0], "hinted")
    assert not torch.equal(stage1.field(prompt, "hinted"), field)


def test_controls_stack(stage1, field):
    prompt = stage1.controlled()
    inputs = {**prompt["control"]["inputs"], "strength": 0.5}
    inputs |= {"positive": ["control", 0], "negative": ["control", 1]}
    prompt["second"] = {**prompt["control"], "inputs": inputs}
    stage1.sampled(prompt, "stacked", positive=["second", 0], negative=["second", 1])
    assert not torch.equal(stage1.field(prompt, "stacked"), field)


def test_more_frames_than_the_model_knows(stage1):
    prompt = stage1.sampled(stage1.controlled(frames=24), **frame_inputs(frames=24, stride="4"))
    flow = stage1.field({**prompt, "sampler": with_inputs(prompt["sampler"], steps=2)})
    assert flow.shape[0] == 24
    assert torch.isfinite(flow).all()


LONG = frame_inputs(frames=20, stride="6")


def overlapping(stage1, sampler, loader=None, **inputs):
    """A prompt of more frames than a window, with an overlap where a place is told one."""
    prompt = stage1.sampled(stage1.controlled(frames=20), "long", **LONG, **inputs)
    for name, overlap in (("sampler", sampler), ("stage1_unet", loader)):
        if overlap is not None:
            prompt[name]["inputs"]["window_overlap"] = overlap
    return prompt


def test_another_overlap_is_another_field_and_loads_nothing_again(stage1):
    fields = []
    for overlap in (2, 12, -1, 5):
        fields.append(stage1.field(overlapping(stage1, overlap), "long"))
        result = stage1.host.run(overlapping(stage1, overlap, seed=8))
        assert result.succeeded, result.errors
        assert {*LOADERS} <= set(result.cached)
        assert "sampler" not in result.cached
    assert not torch.equal(fields[0], fields[1])
    assert torch.equal(fields[2], fields[3])  # a third of 15


def test_a_prompt_of_before_tells_the_loader_the_overlap(stage1):
    """As prompts and saved workflows had it before it was the sampler's."""
    new = stage1.field(overlapping(stage1, 12), "long")
    assert torch.equal(stage1.field(overlapping(stage1, None, loader=12), "long"), new)
    assert torch.equal(stage1.field(overlapping(stage1, -1, loader=12), "long"), new)
    assert torch.equal(stage1.field(overlapping(stage1, 12, loader=2), "long"), new)


def test_the_conditioning_tells_core_samplers_the_overlap(stage1):
    own = overlapping(stage1, 12, sampler_name="dpmpp_2m", scheduler="karras")
    core = ksampled(stage1, {**LONG, "window_overlap": 12})
    assert torch.equal(stage1.field(core, "ksampled"), stage1.field(own, "long"))


def test_an_overlap_that_leaves_no_step(stage1):
    assert "must be 0..14 frames, not 15" in stage1.error(overlapping(stage1, 15))
    assert "must be 0..14 frames, not 15" in stage1.error(overlapping(stage1, None, loader=15))


def test_converted_files_give_the_same_field(stage1, tmp_path_factory):
    for kind in STAGE1:
        prompt = {
            "convert": node("MotionI2VConvertCheckpoint", file=FILES[kind], precision="float32")
        }
        result = stage1.host.run(prompt)
        assert result.succeeded, result.errors
    files = {kind: f"motion_i2v_{kind}_f32.safetensors" for kind in STAGE1}
    converted = stage1.field(stage1.sampled(stage1.controlled(files), "converted"), "converted")
    released = stage1.field(stage1.sampled(stage1.controlled(), "released"), "released")
    assert torch.equal(converted, released)


def test_half_as_large_files_are_the_release_at_half_precision(stage1):
    """The UNet and the ControlNet; both loaded as float16, which is what the files hold."""
    fields = []
    for converted in (False, True):
        files = dict(FILES)
        for kind in ("stage1_unet", "stage1_controlnet"):
            if converted:
                convert = node("MotionI2VConvertCheckpoint", file=FILES[kind], precision="float16")
                assert stage1.host.run({"convert": convert}).succeeded
                files[kind] = f"motion_i2v_{kind}_f16.safetensors"
        prompt = stage1.sampled(stage1.controlled(files), "half")
        for kind in ("stage1_unet", "stage1_controlnet"):
            prompt[kind]["inputs"]["precision"] = "float16"
        fields.append(stage1.field(prompt, "half"))
    assert torch.equal(*fields)


def test_the_example_converts_every_part_of_the_release(stage1):
    folder = stage1.host.base / "models" / "motion_i2v"
    write_release(folder, "motion_modules")
    for earlier in folder.glob("motion_i2v_*.safetensors"):
        earlier.unlink()
    result = stage1.host.run(json.loads((TWINS / "convert-checkpoints.json").read_text("utf-8")))
    assert result.succeeded, result.errors
    for kind in (*STAGE1, "motion_modules"):
        short = "f32" if kind == "flow_vae" else "f16"
        assert (folder / f"motion_i2v_{kind}_{short}.safetensors").is_file()


def with_inputs(given: dict, **inputs) -> dict:
    return {**given, "inputs": {**given["inputs"], **inputs}}


def test_an_interrupt_stops_and_the_next_run_is_the_same(stage1, field):
    prompt = stage1.sampled(stage1.controlled(), "after")
    slow = {**prompt, "sampler": with_inputs(prompt["sampler"], steps=200, seed=9, width=256)}
    steps = []

    def interrupt(event):
        if event["type"] == "progress" and event["data"]["max"] == 200:
            steps.append(event["data"]["value"])
            if len(steps) == 1:
                stage1.host.interrupt()

    result = stage1.host.run(slow, on_event=interrupt)
    assert result.interrupted
    assert max(steps) <= steps[0] + 3
    assert torch.equal(stage1.field(prompt, "after"), field)


def test_the_example_workflow_runs(stage1):
    """The twin as it is shipped, but with narrow networks, the small picture and two steps."""
    prompt = json.loads((TWINS / "text-arrows-field.json").read_text("utf-8"))
    narrow = stage1.base()
    (checkpoint,) = (key for key, n in prompt.items() if n["class_type"] == CHECKPOINT)
    prompt["vae"] = narrow["vae"]
    for key, given in list(prompt.items()):
        inputs, kind = given["inputs"], given["class_type"]
        if kind == "CLIPTextEncode":
            prompt[key] = node("NarrowText", text=inputs["text"], width=48)
        elif kind == "LoadImage":
            inputs["image"] = PICTURE
        elif kind == "MotionI2VMotionFieldSampler":
            inputs.update(steps=2, width=64)
        for name, link in inputs.items():
            if link == [checkpoint, 2]:
                inputs[name] = ["vae", 0]
    del prompt[checkpoint]
    result = stage1.host.run(prompt)
    assert result.succeeded, result.errors
    # On newer hosts our own preview shows itself too.
    (shown,) = (key for key, n in prompt.items() if n["class_type"] == "PreviewImage")
    assert len(result.outputs[shown]["images"]) == 16


WRONG_FILES = [(kind, other) for kind in STAGE1 for other in STAGE1 if kind != other]


@pytest.mark.parametrize(("kind", "other"), WRONG_FILES)
def test_the_wrong_file_in_a_loader(stage1, kind, other):
    prompt = stage1.sampled(stage1.controlled({**FILES, kind: FILES[other]}))
    message = stage1.error(prompt)
    assert FILES[kind] in message
    assert "by its keys it is" in message


def bad(stage1, name):
    """Prompts that cannot work."""
    prompt = stage1.sampled(stage1.controlled())
    sampler, control = prompt["sampler"]["inputs"], prompt["control"]["inputs"]
    if name == "no frames":
        sampler["frames"] = 0
    elif name == "1000 frames":
        sampler["frames"] = 1000
    elif name == "other frames than tracks":
        sampler["frames"] = 7
    elif name == "strides":
        sampler["stride"] = "8, 16"
    elif name == "denoise without a field":
        sampler["denoise"] = 0.5
    elif name == "neither tracks nor field":
        del control["tracks"]
    elif name == "ends before it begins":
        control.update(start_percent=0.8, end_percent=0.2)
    elif name == "no such file":
        prompt["flow_vae"]["inputs"]["file"] = "../../secret.bin"
    elif name == "size":
        sampler["width"] = 65
    elif name == "batch of pictures":
        prompt["two"] = node("RepeatImageBatch", image=["picture", 0], amount=2)
        sampler["picture"] = ["two", 0]
    elif name == "core context windows":
        prompt["windows"] = usual(
            stage1.info,
            "ContextWindowsManual",
            model=["stage1_unet", 0],
            context_length=2,
            context_overlap=1,
        )
        sampler["model"] = ["windows", 0]
    return prompt


BAD = {
    "no frames": "smaller than min",
    "1000 frames": "bigger than max",
    "other frames than tracks": "4 frames, but the sampler makes 7",
    "strides": "2 numbers, but 4 frames have 3",
    "denoise without a field": "no initial_field",
    "neither tracks nor field": "needs tracks or a motion field",
    "ends before it begins": "before it begins",
    "no such file": "not in",
    "size": "0 or a multiple of 8, not 65",
    "batch of pictures": "batch of 2 pictures, but 1",
    "core context windows": "Remove the Context Windows node",
}


@pytest.mark.parametrize("name", BAD)
def test_bad_input_is_explained(stage1, name):
    assert BAD[name] in stage1.error(bad(stage1, name))


def test_core_sampler_without_the_conditioning(stage1):
    prompt = ksampled(stage1, positive=["positive", 0], negative=["negative", 0])
    assert "Motion-Field Conditioning" in stage1.error(prompt)


def test_core_sampler_with_another_latent(stage1):
    prompt = ksampled(stage1, latent_image=["empty", 0])
    prompt["empty"] = node("EmptyLatentImage", width=64, height=64, batch_size=1)
    assert "use the latent that" in stage1.error(prompt)


def test_the_server_still_serves(stage1, field):
    """Last in this file: after all these errors the same prompt gives the same field."""
    assert torch.equal(stage1.field(stage1.sampled(stage1.controlled(), "last"), "last"), field)


def test_the_loaders_list_the_likely_file_first(stage1):
    for kind, loader in LOADERS.items():
        described = stage1.info[loader]["input"]["required"]["file"][1]
        assert described["options"][0] == FILES[kind]
    assert PICTURE not in str(stage1.info["MotionI2VLoadFlowVAE"])
