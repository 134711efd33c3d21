"""`python -m training <sub-command>`, from the folder of the pack: see docs/training.md.

Makes the pack and ComfyUI importable, then hands over to command.py.
"""

from __future__ import annotations

import importlib.util
import os
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PACK = "motion_i2v"


def comfyui(named: str | None) -> Path:
    """The folder of ComfyUI: the named one, else $COMFYUI_DIR, else the one around this pack.

    Raises:
        SystemExit: where there is none.
    """
    given = named or os.environ.get("COMFYUI_DIR")
    # Cloned into custom_nodes, ComfyUI is two folders up; dev.py keeps a private one.
    around = (ROOT.parent.parent, Path.cwd().parent.parent, ROOT / ".dev" / "ComfyUI")
    for folder in (Path(given).expanduser(),) if given else around:
        if (folder / "comfy" / "model_management.py").is_file():
            return folder.resolve()
    if given:
        raise SystemExit(
            f"there is no ComfyUI in {given}: name the folder that holds main.py and comfy/"
        )
    raise SystemExit(
        "training needs ComfyUI, and found none around this folder. Name the folder that you "
        "start ComfyUI from: `python -m training --comfyui /path/to/ComfyUI ...`, or set "
        "COMFYUI_DIR."
    )


def load_pack() -> None:
    """Registers the pack as `motion_i2v`, whatever its folder is called."""
    spec = importlib.util.spec_from_file_location(
        PACK, ROOT / "__init__.py", submodule_search_locations=[str(ROOT)]
    )
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[PACK] = module
    spec.loader.exec_module(module)


def load_comfyui(folder: Path) -> None:
    """Makes `comfy` importable, on the CPU where there is no CUDA.

    It comes first on the path: both have a folder `nodes`, and ComfyUI's code means its own. Its
    command line is not read: it does that only where `comfy.options` was told to.
    """
    sys.path.insert(0, str(folder))
    import torch
    from comfy.cli_args import args

    args.cpu = not torch.cuda.is_available()


def taken_out(words: list[str]) -> tuple[str | None, list[str]]:
    """What `--comfyui` names, and the rest of the command line, which command.py reads."""
    for place, word in enumerate(words):
        if word == "--comfyui" and place + 1 < len(words):
            return words[place + 1], words[:place] + words[place + 2 :]
        if word.startswith("--comfyui="):
            return word.partition("=")[2], words[:place] + words[place + 1 :]
    return None, words


def main() -> int | str:
    named, rest = taken_out(sys.argv[1:])
    folder = comfyui(named)
    # For worker processes, which import this file again where they cannot be forked.
    os.environ["COMFYUI_DIR"] = str(folder)
    try:
        load_comfyui(folder)
    except ModuleNotFoundError as error:
        return (
            f"{error.name} is missing in {sys.executable}. Run this with the Python that runs "
            "ComfyUI; it has all that ComfyUI needs."
        )
    load_pack()
    from motion_i2v.training.commands.command import main as run

    return run(rest)


if __name__ == "__main__":
    sys.exit(main())
elif __name__ == "__mp_main__":
    load_comfyui(comfyui(None))
    load_pack()
