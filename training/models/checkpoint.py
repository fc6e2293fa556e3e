"""Checkpoint directories: what `save_pretrained` writes, with the recipe and metrics beside it.

Every kind of model is written and read in the same way. Knows nothing of data or losses.
"""

import json
import shutil
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import torch
from transformers import (
    AutoConfig,
    AutoModelForSequenceClassification,
    PreTrainedModel,
    PreTrainedTokenizerFast,
)

import training.models.bilstm
import training.models.nano  # noqa: F401  they register their architectures with the auto classes
from service.runtime.tokenizer import Tokenizer
from training.errors import CheckpointError
from training.models.hashes import fingerprint, model_sha256
from training.models.labels import label_names
from training.models.pooling import pool_by_mask
from training.models.reading import (
    Reading,
    load_hub_tokenizer,
    reading_of,
    refuse_missing,
)
from training.models.supported import refuse_unsupported
from training.problem import ProblemType, problem_of
from training.quiet import hush
from training.recipe.recipe import Recipe, load_recipe


@dataclass(frozen=True)
class Checkpoint:
    """A model in evaluation mode with what it needs to be run and traced back.

    `recipe` and `metrics` are None for a checkpoint from elsewhere, such as a hub's. `lowered` is
    the most tokens that it shall read, where that is less than its owner's.
    """

    source: str
    model: PreTrainedModel
    hub_tokenizer: PreTrainedTokenizerFast
    recipe: Recipe | None
    metrics: dict[str, Any] | None
    lowered: int | None = None

    @property
    def labels(self) -> tuple[str, ...]:
        """Label names in the order of the logits."""
        return label_names(self.model.config)

    @property
    def problem(self) -> ProblemType:
        """What kind of answer it gives."""
        return problem_of(self.model.config)

    @cached_property
    def reading(self) -> Reading:
        """How it reads, as its owner saved it; the recipe may have lowered the length.

        Raises:
            CheckpointError: tokenizer and model do not fit each other.
        """
        recipe = self.recipe.data.max_length if self.recipe else None
        bounds = [bound for bound in (self.lowered, recipe) if bound]
        try:
            return reading_of(self.hub_tokenizer, self.model, min(bounds, default=None))
        except CheckpointError as error:
            raise CheckpointError(f"{self.source}: {error}") from error

    @property
    def max_length(self) -> int:
        """The most tokens of a text that it reads."""
        return self.reading.max_length

    @property
    def tokenizer(self) -> Tokenizer:
        """The tokeniser that serving uses."""
        return self.reading.tokenizer

    @property
    def sha256(self) -> str:
        """Hash of the config and the weights."""
        return model_sha256(self.model)

    @property
    def fingerprint(self) -> str:
        """Hash of all that its logits depend on: config, weights and reading."""
        return fingerprint(self.model, self.reading)


def load_checkpoint(source: str, max_length: int | None = None) -> Checkpoint:
    """Reads a checkpoint from a local directory or a hub id.

    Args:
        max_length: the most tokens of a text that it shall read; None: its owner's.

    Raises:
        CheckpointError: it is not there, or not a sequence classifier, or of a kind that is
            not supported.
        RecipeError: the recipe beside it cannot be used.
    """
    hush()
    refuse_missing(source)
    try:
        config = AutoConfig.from_pretrained(source)
    except Exception as error:  # transformers raises many kinds for files that it cannot read
        raise _unreadable(source, error) from error
    refuse_unsupported(source, config)
    try:
        model, report = AutoModelForSequenceClassification.from_pretrained(
            source, output_loading_info=True, dtype=torch.float32
        )
    except Exception as error:  # as above, and safetensors and pickle have their own
        raise _unreadable(source, error) from error
    if missing := sorted(report["missing_keys"]):  # transformers would make them up at random
        raise CheckpointError(f"{source!r} is no sequence classifier: it lacks {missing}")
    directory = Path(source)
    recipe = metrics = None
    if (directory / "recipe.toml").is_file():
        recipe = load_recipe(directory / "recipe.toml")
    if (directory / "metrics.json").is_file():
        metrics = json.loads((directory / "metrics.json").read_text(encoding="utf-8"))
    pool_by_mask(model)
    found = Checkpoint(
        source, model.eval(), load_hub_tokenizer(source), recipe, metrics, max_length
    )
    _ = found.reading  # now, for what is wrong with it should not wait
    return found


def _unreadable(source: str, error: Exception) -> CheckpointError:
    said = (str(error).strip().splitlines() or [type(error).__name__])[0]
    here = "" if Path(source).exists() else "there is no such directory here, and of the hub: "
    return CheckpointError(f"no sequence classifier at {source!r}: {here}{said}")


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
