"""Writes checkpoint directories: whole or not at all, and never over another."""

import json
import shutil
from pathlib import Path
from typing import Any

from transformers import PreTrainedModel, PreTrainedTokenizerFast

from training.errors import CheckpointError
from training.models.embedding.embedding import Embedding, body_size, pools_itself
from training.models.embedding.files import write_owned
from training.recipe.recipe import Recipe


def save_checkpoint(
    directory: Path,
    model: PreTrainedModel,
    hub_tokenizer: PreTrainedTokenizerFast,
    recipe: Recipe,
    metrics: dict[str, Any],
    embedding: Embedding | None = None,
) -> None:
    """Writes a checkpoint whole or not at all: it is renamed into place when complete.

    Args:
        embedding: of an embedder: how it makes one vector of a text.

    Raises:
        CheckpointError: `directory` exists; a result is never overwritten.
    """
    refuse_existing(directory)
    partial = directory.with_name(f".{directory.name}.partial")
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir(parents=True)
    model.save_pretrained(partial)
    hub_tokenizer.save_pretrained(partial)
    if embedding is not None and not pools_itself(model):
        length = min(recipe.data.max_length, hub_tokenizer.model_max_length)
        write_owned(partial, embedding, body_size(model), length)
    (partial / "recipe.toml").write_text(recipe.to_toml(), encoding="utf-8")
    (partial / "metrics.json").write_text(json.dumps(metrics, indent=2) + "\n", encoding="utf-8")
    partial.rename(directory)


def refuse_existing(directory: Path) -> None:
    """Raises CheckpointError where writing would overwrite a result."""
    if directory.exists():
        raise CheckpointError(f"{directory} exists: remove it, or choose another --output")
