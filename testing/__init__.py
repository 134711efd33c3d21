"""What tests and benchmarks share: the pack and ComfyUI made importable, clips of exact motion."""
