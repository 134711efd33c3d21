"""`python dev.py serve`: ComfyUI with the pack, for the user's browser, until Ctrl-C."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import webbrowser

from devkit import base, places
from devkit.host import HostError, HostProcess, free_port

PORT = 8188
FIND_ACCELERATOR = (
    "import torch; mps = getattr(torch.backends, 'mps', None); "
    "print(torch.cuda.is_available() or bool(mps and mps.is_available()))"
)


def main() -> int:
    """Serves until it is told to end."""
    stop_on_signals()
    folder = places.PRIVATE / "base"
    base.put_photos(folder)
    base.put_workflows(folder)
    base.put_settings(folder)
    port = PORT if is_free(PORT) else free_port()
    host = HostProcess(port, folder, cpu=not has_accelerator())
    print("Starting ComfyUI ...", flush=True)
    try:
        with host:
            print(f"ComfyUI with the pack: {host.url}   (Ctrl-C ends it)")
            print("The examples are under Workflows, and under Templates > ComfyUI-MotionI2V.")
            print(f"Its log: {host.log_file}; what it saves: {host.output_dir}", flush=True)
            if os.environ.get("DISPLAY") or sys.platform in ("win32", "darwin"):
                webbrowser.open(host.url)
            code = host.wait()
            print(f"ComfyUI ended with exit code {code}:\n{host.log_tail}")
            return code
    except KeyboardInterrupt:
        print("\nStopped.")
        return 0
    except HostError as error:
        print(error)
        return 1


def stop_on_signals() -> None:
    """Makes SIGTERM and a closed terminal end this process as Ctrl-C does, cleaning up."""

    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    for name in ("SIGINT", "SIGTERM", "SIGHUP"):
        if hasattr(signal, name):
            signal.signal(getattr(signal, name), interrupt)


def is_free(port: int) -> bool:
    """Tells whether nothing listens on a port of this machine."""
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) != 0


def has_accelerator() -> bool:
    """Tells whether the torch that will run ComfyUI finds a GPU."""
    python = str(places.comfyui_python())
    run = subprocess.run([python, "-c", FIND_ACCELERATOR], capture_output=True, text=True)
    return run.stdout.strip().endswith("True")


if __name__ == "__main__":
    sys.exit(main())
