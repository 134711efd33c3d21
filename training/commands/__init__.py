"""The command line, `python -m training`: a module for each group of commands, and its options."""
