"""Puts the real host on the path of this process."""

import os
import sys

from testing import pack


def load_host(cpu: bool = True) -> None:
    """Makes `comfy` importable: $COMFYUI_DIR, or the host that the project's set-up installs."""
    folder = os.environ.get("COMFYUI_DIR") or str(pack.ROOT / ".dev" / "ComfyUI")
    if not os.path.isdir(os.path.join(folder, "comfy")):
        raise SystemExit(f"no ComfyUI in {folder}; run the project's set-up or set COMFYUI_DIR")
    if folder not in sys.path:
        # Before the repository: both have a `nodes`, and the host's own code means its own.
        sys.path.insert(0, folder)
    import utils.extra_config  # noqa: F401
    from comfy.cli_args import args

    args.cpu = cpu
