"""A motion field through the queue as a list of steps, and back to one field."""

import torch
from motion_i2v.models.fields.field_formats import load_field

from tests.host.invalid_inputs import SOURCES
from tests.host_process import HostProcess, Prompt


def node(kind: str, **inputs) -> dict:
    return {"class_type": f"MotionI2V{kind}", "inputs": inputs}


def saved(host: HostProcess, name: str) -> list:
    """The fields of that name in the output folder, in order."""
    return [load_field(file) for file in sorted((host.output_dir / "steps").glob(f"{name}_*"))]


def prompt() -> Prompt:
    """A drawn field; its steps, each scaled by itself; and one field again of the steps."""

    def save(name: str, source: str) -> dict:
        target = {"filename_prefix": f"steps/{name}", "format": "safetensors"}
        return node("SaveMotionField", field=[source, 0], **target)

    return {
        **SOURCES,
        "steps": node("FieldToSteps", field=["field", 0]),
        "same": node("ScaleMotionField", field=["steps", 0], strength=1.0),
        "again": node("StepsToField", steps=["same", 0]),
        "1": save("field", "field"),
        "2": save("step", "same"),
        "3": save("again", "again"),
    }


def test_a_field_goes_through_the_queue_as_steps(host: HostProcess):
    result = host.run(prompt())
    assert result.succeeded, result.errors
    (field,), steps, (again,) = (saved(host, name) for name in ("field", "step", "again"))
    assert [step.frames for step in steps] == [2] * (field.frames - 1)
    assert torch.equal(steps[0].flow[1], field.flow[1])
    assert again.frames == field.frames
    seen = (again.visibility > 0.5)[:, None].expand_as(field.flow)
    error = (again.flow - field.flow)[seen].abs()
    assert field.flow.abs().max() > 10
    assert error.median() < 1e-3


def test_a_single_step_needs_no_list(host: HostProcess):
    two = node("RetimeMotionField", field=["field", 0], frames=2)
    again = node("StepsToField", steps=["two", 0])
    sink = {"class_type": "PreviewAny", "inputs": {"source": ["again", 0]}}
    assert host.run({**SOURCES, "two": two, "again": again, "sink": sink}).succeeded
