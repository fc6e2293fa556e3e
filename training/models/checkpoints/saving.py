"""Writes checkpoint directories: whole or not at all, and never over another."""

import json
import math
import shutil
from pathlib import Path
from typing import Any

from transformers import PreTrainedModel, PreTrainedTokenizerFast

from training.data.writing import blocked
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
    (partial / "metrics.json").write_text(spelt(metrics), encoding="utf-8")
    partial.rename(directory)


def spelt(metrics: dict[str, Any]) -> str:
    """Metrics as JSON, which has no NaN: a number that is not finite is null."""

    def finite(value: Any) -> Any:
        if isinstance(value, dict):
            return {name: finite(one) for name, one in value.items()}
        if isinstance(value, list | tuple):
            return [finite(one) for one in value]
        return None if isinstance(value, float) and not math.isfinite(value) else value

    return json.dumps(finite(metrics), indent=2, allow_nan=False) + "\n"


def refuse_existing(directory: Path) -> None:
    """Raises CheckpointError where writing would overwrite a result, or cannot be done."""
    if directory.exists():
        raise CheckpointError(f"{directory} exists: remove it, or choose another --output")
    if why := blocked(directory):
        raise CheckpointError(f"{directory} cannot be written: {why}; choose another --output")
