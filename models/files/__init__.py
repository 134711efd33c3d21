"""Checkpoint files: which tensors they hold, reading them safely, and converting them."""
