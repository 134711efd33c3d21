"""Clips whose motion is known exactly: made, rendered, and what an answer is worth beside it."""
