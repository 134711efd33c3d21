"""`python -m devkit.scans NAME`: what others' tools say of the pack as it is shipped.

They live in an environment of their own, so that none of their requirements can replace a package
that ComfyUI or the tests rest on. None of them needs a network.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

from devkit import places, shipped
from devkit.rooms import TOPS


def imports(folder: Path) -> int:
    """Every name of ComfyUI's that the pack takes is there in the ComfyUI that is used."""
    shipped.put(folder / "custom_nodes" / places.PACK)
    # The guard reads ComfyUI out of a clone: one commit of what is used stands in for it.
    clone = folder / "ComfyUI"
    git = ["git", "-C", str(clone), "-c", "user.name=-", "-c", "user.email=-"]
    clone.mkdir()
    for command in (
        ["init", "--quiet"],
        [f"--work-tree={places.comfyui()}", "add", "--force", "--", "*.py", *NOT_COMFYUI],
        ["commit", "--quiet", "--message=used"],
    ):
        subprocess.run([*git, *command], check=True)
    here = ("--offline", "--cache-dir", str(folder), "--comfy-dir", str(folder))
    return _tool("comfy-import-guard", "check", *here, "--target", "HEAD", "--strict")


def comfy_test(folder: Path) -> int:
    """ComfyUI's own way of doing things, where comfy-test knows it, in Python and JavaScript."""
    # Training runs outside ComfyUI, under accelerate's autocast, which the host's ops know not of.
    # The trackers' networks are plain torch, torchvision's among them: models/host/ turns their
    # layers into the host's when it takes them over.
    shipped.put(folder / places.PACK, but=("training", "models/trackers"))
    return _tool("comfy-test", "lint", str(folder / places.PACK), "--strict")


def nodesafe(folder: Path) -> int:
    """Nothing that a scanner for malicious packs warns users off.

    It goes by words: `.eval()` and `re.compile()` count as running code, so that a network is set
    by `.train(False)` here, and patterns are given to `re.fullmatch` and its like.
    """
    shipped.put(folder)
    # "Suspicious" begins with any long English docstring, which has the entropy of a payload.
    return _tool("nodesafe", "scan", str(folder), "--format", "markdown", "--fail-on", "malicious")


def bandit(folder: Path) -> int:
    """Nothing that is known to be insecure."""
    shipped.put(folder)
    # B101: asserts tell the type checker what is known, they check nothing that comes from outside.
    # B311: random numbers are drawn for pictures and trainings, never for secrets.
    return _tool("bandit", "--quiet", "--recursive", str(folder), "--skip", "B101,B311")


def workflows(_: Path) -> int:
    """The public CI's files are well formed, and give their jobs no more than these need."""
    files = [str(file) for file in sorted((places.ROOT / ".github" / "workflows").glob("*.yml"))]
    schema = ("--builtin-schema", "vendor.github-workflows")
    formed = _tool("check-jsonschema", "--quiet", *schema, *files)
    return formed or _tool("zizmor", "--offline", "--quiet", "--no-progress", *files)


def vulture(_: Path) -> int:
    """Nothing that nobody calls; what tests alone call belongs into them (they are not read)."""
    return _tool("vulture", "--config", str(places.ROOT / "pyproject.toml"), *READ)


SCANS: dict[str, Callable[[Path], int]] = {
    "comfy-import-guard": imports,
    "comfy-test": comfy_test,
    "nodesafe": nodesafe,
    "bandit": bandit,
    "vulture": vulture,
    "workflows": workflows,
}
READ = ("__init__.py", *TOPS, "dev.py")
NOT_COMFYUI = tuple(f":!{name}" for name in ("custom_nodes", "venv", ".venv", "python_embeded"))


def _tool(name: str, *arguments: str) -> int:
    folder = places.interpreter_of(places.TOOLS).parent
    program = shutil.which(name, path=str(folder))
    if program is None:
        print(f"There is no {name} in {folder}: run `python dev.py setup`.")
        return 1
    return subprocess.call([program, *arguments])


def main(name: str) -> int:
    """Runs one scan and returns its exit code."""
    with tempfile.TemporaryDirectory() as folder:
        return SCANS[name](Path(folder))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
