"""Export: a checkpoint in, a model repository entry out."""
