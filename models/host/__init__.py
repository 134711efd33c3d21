"""The one place where the models meet ComfyUI: only modules of this folder import `comfy`."""
