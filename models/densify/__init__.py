"""Sparse tracks become a dense motion field, along the picture's edges and objects."""
