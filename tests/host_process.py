"""The real ComfyUI for the tests; the same code that runs the demo."""

from devkit.host import HostError, HostProcess, Prompt, Refused, Result, free_port

__all__ = ["HostError", "HostProcess", "Prompt", "Refused", "Result", "free_port"]
