"""A pretrained encoder that a small student takes its tokenizer and embeddings from."""

import torch
from transformers import AutoConfig, AutoModel

from training.errors import CheckpointError
from training.models.checkpoints.checkpoint import Checkpoint, load_checkpoint
from training.models.checkpoints.reading import load_hub_tokenizer, refuse_missing
from training.models.checkpoints.supported import head_of
from training.problem import TASKS_OF_HEADS
from training.quiet import hush


def load_base(source: str) -> Checkpoint:
    """Reads a base: any encoder's body, whatever it was trained for.

    Raises:
        CheckpointError: it is not there, or cannot be read.
    """
    hush()
    refuse_missing(source)
    try:
        config = AutoConfig.from_pretrained(source)
        if head_of(config) in TASKS_OF_HEADS:
            return load_checkpoint(source)
        body = AutoModel.from_pretrained(source, dtype=torch.float32)
    except CheckpointError:
        raise
    except Exception as error:  # transformers raises many kinds for files that it cannot read
        said = (str(error).strip().splitlines() or [type(error).__name__])[0]
        raise CheckpointError(f"model.base: no encoder at {source!r}: {said}") from error
    return Checkpoint(source, body.eval(), load_hub_tokenizer(source), None, None)
