"""What the parts of the pipeline hand to each other: types only, no I/O."""
