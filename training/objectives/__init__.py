"""What is learned, a part of the model each: its networks, its examples and its loss."""
