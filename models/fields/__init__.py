"""Work on whole motion fields: combining, following, measuring, drawing, and their file formats."""
