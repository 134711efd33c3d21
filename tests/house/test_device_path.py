"""What runs on the networks' device does without what Apple's GPU lacks: float64, and grid_sample
that continues the border. What it borrows from the other rooms of models/ does so, too, but for
what is given nothing but tensors on the CPU: see nodes/given.py."""

import ast
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

import pytest

from devkit.rooms import imported

ROOT = Path(__file__).resolve().parents[2]
ROOMS = ("networks", "host", "trackers")
FILES = sorted(file for room in ROOMS for file in (ROOT / "models" / room).rglob("*.py"))
ON_THE_CPU = {
    "drawing/momentary_strokes.py": "tracks, which nodes take off the device",
    "drawing/rasterize.py": "the points of tracks, taken off the device there",
    "fields/neighbour_flow.py": "fields, and flows that FlowCompleter has taken off the device",
    "picture/pixels.py": "`read` is told not to continue the border: see `_needs_border`",
}
"""Files of other rooms that the device's rooms borrow from: what they are given."""
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
    if is_sampling and modes not in ([], ["'zeros'"]):
        return "grid_sample continues the border"
    # Those of models/picture/pixels.py, which continue it where they are not told otherwise.
    reads = isinstance(call.func, ast.Name) and call.func.id in ("read", "read_at")
    told = [ast.unparse(word.value) for word in call.keywords if word.arg == "padding"]
    return f"{call.func.id} continues the border" if reads and told != ["'zeros'"] else ""


def borrowed() -> set[str]:
    """The files of other rooms of models/ that the device's rooms import from."""
    found = set()
    for file in FILES:
        here = PurePosixPath(file.relative_to(ROOT).as_posix())
        for _, parts in imported(file.read_text("utf-8"), here):
            for path in ("/".join(parts[1:]) + ".py", "/".join(parts[1:-1]) + ".py"):
                if parts[0] == "models" and (ROOT / "models" / path).is_file():
                    found.add(path)
    return {path for path in found if path.split("/")[0] not in ROOMS}


@pytest.mark.parametrize("path", sorted(borrowed()))
def test_what_the_device_s_rooms_borrow_is_as_frugal_or_known_to_be_on_the_cpu(path: str):
    found = list(offences((ROOT / "models" / path).read_text("utf-8")))
    assert bool(found) == (path in ON_THE_CPU), found


def test_every_file_that_is_known_to_be_on_the_cpu_is_borrowed_from():
    assert set(ON_THE_CPU) <= borrowed()


@pytest.mark.parametrize("file", FILES, ids=lambda file: str(file.relative_to(ROOT)))
def test_file_needs_nothing_that_a_device_may_lack(file: Path):
    assert list(offences(file.read_text("utf-8"))) == []


@pytest.mark.parametrize(
    "source",
    [
        *("x.double()", "x.to(torch.float64)", "x.to(dtype=torch.double)", "x.double().cpu()"),
        "torch.arange(3, dtype=torch.float64, device=x.device)",
        *("F.grid_sample(x, g, padding_mode='border')", "grid_sample(x, g, 'bilinear', padding)"),
        *("read(x, g)", "read_at(x, g, padding='border')"),
    ],
)
def test_the_walk_finds_each_offence(source: str):
    assert list(offences(source))


@pytest.mark.parametrize(
    "source",
    [
        *("x.cpu().double()", "torch.arange(3, dtype=torch.float64).to(x)", "x.to(torch.float32)"),
        *("F.grid_sample(x, g, align_corners=True)", "F.grid_sample(x, g, padding_mode='zeros')"),
        *("read(x, g, padding='zeros')", "file.read()"),
    ],
)
def test_the_walk_lets_harmless_code_pass(source: str):
    assert list(offences(source)) == []
