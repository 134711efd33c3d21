"""What runs on the networks' device does without what Apple's GPU lacks: float64, and grid_sample
that continues the border. The other rooms of models/ run on the CPU: see nodes/given.py."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
ROOMS = ("networks", "host", "trackers")
FILES = sorted(file for room in ROOMS for file in (ROOT / "models" / room).rglob("*.py"))
FLOAT64 = ("torch.float64", "torch.double")


def offences(source: str) -> Iterator[str]:
    """Yields a line for everything that would need float64 or the border on the device."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Call):
            why = _doubles(node) or _needs_border(node)
            if why:
                yield f"line {node.lineno}: {why}"


def _doubles(call: ast.Call) -> str:
    """Of a tensor that is not known to be on the CPU."""
    words = {word.arg: ast.unparse(word.value) for word in call.keywords}
    given = [ast.unparse(argument) for argument in call.args] + [words.get("dtype", "")]
    if isinstance(call.func, ast.Attribute):
        of, name = ast.unparse(call.func.value), call.func.attr
        converts = name == "double" or (name in ("to", "type") and set(given) & set(FLOAT64))
        if converts and not of.endswith(".cpu()"):
            return f"{of} becomes float64 without .cpu() before it"
    if words.get("dtype") in FLOAT64 and "device" in words:
        return "float64 is made on a device"
    return ""


def _needs_border(call: ast.Call) -> str:
    is_sampling = ast.unparse(call.func).endswith("grid_sample")
    # Torch's own default is "zeros".
    modes = [ast.unparse(w.value) for w in call.keywords if w.arg == "padding_mode"]
    modes += [ast.unparse(argument) for argument in call.args[3:4]]
    return (
        "grid_sample continues the border" if is_sampling and modes not in ([], ["'zeros'"]) else ""
    )


@pytest.mark.parametrize("file", FILES, ids=lambda file: str(file.relative_to(ROOT)))
def test_file_needs_nothing_that_a_device_may_lack(file: Path):
    assert list(offences(file.read_text("utf-8"))) == []


@pytest.mark.parametrize(
    "source",
    [
        *("x.double()", "x.to(torch.float64)", "x.to(dtype=torch.double)", "x.double().cpu()"),
        "torch.arange(3, dtype=torch.float64, device=x.device)",
        *("F.grid_sample(x, g, padding_mode='border')", "grid_sample(x, g, 'bilinear', padding)"),
    ],
)
def test_the_walk_finds_each_offence(source: str):
    assert list(offences(source))


@pytest.mark.parametrize(
    "source",
    [
        *("x.cpu().double()", "torch.arange(3, dtype=torch.float64).to(x)", "x.to(torch.float32)"),
        *("F.grid_sample(x, g, align_corners=True)", "F.grid_sample(x, g, padding_mode='zeros')"),
    ],
)
def test_the_walk_lets_harmless_code_pass(source: str):
    assert list(offences(source)) == []
