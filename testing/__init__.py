"""What tests and benchmarks share: the pack and ComfyUI made importable, small networks."""
