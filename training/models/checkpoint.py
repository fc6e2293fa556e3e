"""Checkpoint directories: what `save_pretrained` writes, with the recipe and metrics beside it.

Every kind of model is written and read in the same way. Knows nothing of data or losses.
"""

import hashlib
import json
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from transformers import (
    AutoModelForSequenceClassification,
    AutoTokenizer,
    PreTrainedModel,
    PreTrainedTokenizerFast,
)

import training.models.bilstm
import training.models.nano  # noqa: F401  they register their architectures with the auto classes
from service.runtime.tokenizer import Tokenizer
from training.errors import CheckpointError
from training.models.labels import label_names
from training.recipe.recipe import Recipe, load_recipe


@dataclass(frozen=True)
class Checkpoint:
    """A model in evaluation mode with what it needs to be run and traced back.

    `recipe` and `metrics` are None for a checkpoint from elsewhere, such as a hub's.
    """

    source: str
    model: PreTrainedModel
    hub_tokenizer: PreTrainedTokenizerFast
    recipe: Recipe | None
    metrics: dict[str, Any] | None

    @property
    def labels(self) -> tuple[str, ...]:
        """Label names in the order of the logits."""
        return label_names(self.model.config)

    @property
    def max_length(self) -> int:
        """The most tokens the model was trained to read."""
        if self.recipe is not None:
            return self.recipe.data.max_length
        positions = getattr(self.model.config, "max_position_embeddings", 512)
        return int(min(self.hub_tokenizer.model_max_length, positions, 512))

    @property
    def tokenizer(self) -> Tokenizer:
        """The tokeniser that serving uses, over the same file."""
        return serving_tokenizer(self.hub_tokenizer, self.max_length)

    @property
    def sha256(self) -> str:
        """Hash of the weights, by name and value."""
        digest = hashlib.sha256()
        for name, tensor in sorted(self.model.state_dict().items()):
            digest.update(name.encode())
            raw = tensor.detach().cpu().contiguous().reshape(-1).view(torch.uint8)
            digest.update(raw.numpy().tobytes())
        return digest.hexdigest()


def load_hub_tokenizer(source: str) -> PreTrainedTokenizerFast:
    """The fast tokeniser of a hub id or local directory.

    Raises:
        CheckpointError: there is none, or it has no `tokenizer.json` form to serve with.
    """
    try:
        found = AutoTokenizer.from_pretrained(source)
    except (OSError, ValueError) as error:
        raise CheckpointError(f"no tokenizer at {source!r}, locally or on the hub") from error
    if not isinstance(found, PreTrainedTokenizerFast):
        raise CheckpointError(f"{source} has no fast tokenizer, which serving needs")
    return found


def serving_tokenizer(hub_tokenizer: PreTrainedTokenizerFast, max_length: int) -> Tokenizer:
    """The service's own tokeniser over a copy of a hub tokeniser's rules."""
    backend = hub_tokenizer.backend_tokenizer
    return Tokenizer(type(backend).from_str(backend.to_str()), max_length)


def load_checkpoint(source: str) -> Checkpoint:
    """Reads a checkpoint from a local directory or a hub id.

    Raises:
        CheckpointError: it is not there, or not a sequence classifier.
        RecipeError: the recipe beside it cannot be used.
    """
    try:
        model, report = AutoModelForSequenceClassification.from_pretrained(
            source, output_loading_info=True
        )
    except (OSError, ValueError) as error:
        raise CheckpointError(f"no sequence classifier at {source!r}: {error}") from error
    if missing := sorted(report["missing_keys"]):  # transformers would make them up at random
        raise CheckpointError(f"{source!r} is no sequence classifier: it lacks {missing}")
    directory = Path(source)
    recipe = metrics = None
    if (directory / "recipe.toml").is_file():
        recipe = load_recipe(directory / "recipe.toml")
    if (directory / "metrics.json").is_file():
        metrics = json.loads((directory / "metrics.json").read_text(encoding="utf-8"))
    return Checkpoint(source, model.eval(), load_hub_tokenizer(source), recipe, metrics)


def save_checkpoint(
    directory: Path,
    model: PreTrainedModel,
    hub_tokenizer: PreTrainedTokenizerFast,
    recipe: Recipe,
    metrics: dict[str, Any],
) -> None:
    """Writes a checkpoint whole or not at all: it is renamed into place when complete.

    Raises:
        CheckpointError: `directory` exists; a result is never overwritten.
    """
    refuse_existing(directory)
    partial = directory.with_name(f".{directory.name}.partial")
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir(parents=True)
    model.save_pretrained(partial)
    hub_tokenizer.save_pretrained(partial)
    (partial / "recipe.toml").write_text(recipe.to_toml(), encoding="utf-8")
    (partial / "metrics.json").write_text(json.dumps(metrics, indent=2) + "\n", encoding="utf-8")
    partial.rename(directory)


def refuse_existing(directory: Path) -> None:
    """Raises CheckpointError where writing would overwrite a result."""
    if directory.exists():
        raise CheckpointError(f"{directory} exists: remove it, or choose another --output")
