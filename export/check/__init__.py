"""Whether a checkpoint can be distilled, exported and served as its owner saved it."""
