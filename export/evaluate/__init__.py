"""What a model says of texts, and how good that is: of a published version or a checkpoint."""
