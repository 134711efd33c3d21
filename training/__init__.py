"""Training every part of the pack: data, losses, loops and the command line."""
