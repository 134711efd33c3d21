"""What `python dev.py ...` is made of: the private set-up, a running ComfyUI, the commands."""
