"""What both samplers ask for: seed, steps, guidance, sampler and schedule."""

import comfy.samplers
from comfy_api.latest import io

from ..models.host.sampling import DDIM_LEADING, SCHEDULERS


def steps_input() -> io.Input:
    return io.Int.Input("steps", default=25, min=1, max=1000, tooltip="Sampling steps.")


def sampler_input() -> io.Input:
    return io.Combo.Input(
        "sampler_name",
        options=comfy.samplers.SAMPLER_NAMES,
        default="euler",
        tooltip="euler with DDIM leading is the released DDIM.",
    )


def sampling_inputs(made: str) -> list[io.Input]:
    """The inputs of a sampler that makes a `made`, such as "video", in the order of its widgets."""
    return [
        io.Int.Input(
            "seed",
            default=0,
            min=0,
            max=0xFFFFFFFFFFFFFFFF,
            control_after_generate=True,
            tooltip=f"Of the start noise; the same seed gives the same {made}.",
        ),
        steps_input(),
        io.Float.Input(
            "cfg",
            default=7.0,
            min=0.0,
            max=100.0,
            step=0.1,
            tooltip="Guidance: how strongly the text counts. Released: 7.",
        ),
        sampler_input(),
        io.Combo.Input(
            "scheduler",
            options=SCHEDULERS,
            default=DDIM_LEADING,
            tooltip="DDIM leading: the released timesteps. The others: the host's own.",
        ),
    ]
