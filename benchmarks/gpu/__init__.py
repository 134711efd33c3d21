"""What `python dev.py gpu` measures: that a GPU gives what the CPU gives, and what a step costs."""
