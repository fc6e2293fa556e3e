"""Checkpoint directories: what `save_pretrained` writes, with the recipe and metrics beside it.

Every kind of model is written and read in the same way. Knows nothing of data or losses.
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any, Self

import torch
from transformers import (
    AutoConfig,
    AutoModel,
    AutoModelForSequenceClassification,
    AutoModelForTokenClassification,
    PreTrainedModel,
    PreTrainedTokenizerFast,
)

import training.models.ours  # noqa: F401
from service.repository.manifest import SpecialTokens
from service.repository.sections import Windows
from service.runtime.tokenizer import Tokenizer
from training.errors import CheckpointError
from training.models.embedding.embedding import (
    Embedding,
)
from training.models.embedding.files import (
    Owned,
    is_sentence_transformer,
    owned_by,
    read_as_owned,
)
from training.models.checkpoints.hashes import fingerprint, model_sha256
from training.models.checkpoints.labels import label_names
from training.models.checkpoints.pairs import is_cross_encoder, why_pairs
from training.models.pooling import pool_by_mask
from training.models.checkpoints.reading import (
    Reading,
    load_hub_tokenizer,
    reading_of,
    refuse_missing,
)
from training.models.checkpoints.supported import head_of, predicts_words, refuse_unsupported
from training.problem import (
    MODELS,
    TASKS_OF_HEADS,
    ProblemType,
    Task,
    problem_of,
    task_of,
    task_of_classes,
)
from training.quiet import hush
from training.recipe.recipe import Recipe, load_recipe

AUTO_CLASSES: dict[Task, Any] = {
    "text-classification": AutoModelForSequenceClassification,
    "token-classification": AutoModelForTokenClassification,
    "feature-extraction": AutoModel,
}


@dataclass(frozen=True)
class Checkpoint:
    """A model in evaluation mode with what it needs to be run and traced back.

    `recipe` and `metrics` are None for a checkpoint from elsewhere, such as a hub's. `lowered` is
    the most tokens that it shall read, where that is less than its owner's. `asked_pairs` is what a
    user or his data say of whether it reads pairs, and `asked_special_tokens` what they say of
    special tokens that stand in a text. `embedding` is of an embedder: how it makes one vector of
    a text.
    """

    source: str
    model: PreTrainedModel
    hub_tokenizer: PreTrainedTokenizerFast
    recipe: Recipe | None
    metrics: dict[str, Any] | None
    lowered: int | None = None
    asked_pairs: bool | None = None
    asked_special_tokens: SpecialTokens | None = None
    embedding: Embedding = field(default_factory=Embedding)

    @property
    def task(self) -> Task:
        """What its model is for."""
        return task_of_classes([type(self.model).__name__])

    def require(self, task: Task, who: str, instead: Mapping[Task, str] | None = None) -> Self:
        """The checkpoint itself, where it is for `task`.

        Args:
            who: needs it, such as a command.
            instead: what to do with a checkpoint for another task.

        Raises:
            CheckpointError: it is for another.
        """
        if self.task != task:
            raise CheckpointError(
                f"{who} is for {task}, and {self.source} is for {self.task}: a "
                f"{type(self.model).__name__} is a {MODELS[self.task]}"
                + (f": {instead[self.task]}" if instead else "")
            )
        return self

    @property
    def labels(self) -> tuple[str, ...]:
        """Label names in the order of the logits; none where vectors are what it gives."""
        return () if self.task == "feature-extraction" else label_names(self.model.config)

    @property
    def problem(self) -> ProblemType:
        """What kind of answer it gives."""
        return problem_of(self.model.config)

    @cached_property
    def stated_pairs(self) -> bool | None:
        """Whether it reads pairs, as a user, its recipe or its owner's files say; None: none do."""
        if self.asked_pairs is not None:
            return self.asked_pairs
        if self.task != "text-classification":
            return False
        if self.recipe is not None:
            return bool(self.recipe.data.pairs)
        return True if is_cross_encoder(self.source, self.model) else None

    @property
    def pairs(self) -> bool:
        """Whether it reads pairs of texts.

        Raises:
            CheckpointError: nothing says it, and what it answers may be of two texts.
        """
        if self.stated_pairs is None and (why := why_pairs(self.model)):
            raise CheckpointError(
                f"{self.source} {why}: say --pairs if it reads pairs of texts, or --single if it "
                "reads single ones (in a recipe data.pairs = true or false)"
            )
        return bool(self.stated_pairs)

    def reads(self, pairs: bool | None) -> Self:
        """The checkpoint as one that reads what its data is, where nothing else says it."""
        if pairs is None or self.stated_pairs is not None:
            return self
        return replace(self, asked_pairs=pairs)

    @cached_property
    def reading(self) -> Reading:
        """How it reads, as its owner saved it; the recipe may have lowered the length.

        Raises:
            CheckpointError: tokenizer and model do not fit each other.
        """
        recipe = self.recipe.data.max_length if self.recipe else None
        bounds = [bound for bound in (self.lowered, recipe) if bound]
        try:
            return reading_of(
                self.hub_tokenizer,
                self.model,
                min(bounds, default=None),
                pairs=self.pairs,
                special_tokens=self.special_tokens,
            )
        except CheckpointError as error:
            raise CheckpointError(f"{self.source}: {error}") from error

    @property
    def max_length(self) -> int:
        """The most tokens of a text that it reads."""
        return self.reading.max_length

    @property
    def special_tokens(self) -> SpecialTokens:
        """What one is that stands in a text: as a user says, or its recipe; else text."""
        own = self.recipe.data.special_tokens if self.recipe else "text"
        return self.asked_special_tokens or own

    @property
    def windows(self) -> Windows | None:
        """How it reads a longer text where it is measured and served; None: it cuts it."""
        found = self.recipe.data.windows if self.recipe else None
        return found.served if found else None

    @property
    def tokenizer(self) -> Tokenizer:
        """The tokeniser that serving uses."""
        return self.reading.tokenizer

    @property
    def parameters(self) -> int:
        """How many numbers were learnt, an embedder's projections among them."""
        parts = (self.model, *self.embedding.dense)
        return sum(one.numel() for part in parts for one in part.parameters())

    @property
    def sha256(self) -> str:
        """Hash of the config and the weights."""
        return model_sha256(self.model)

    @property
    def fingerprint(self) -> str:
        """Hash of all that its logits or vectors depend on: config, weights and reading."""
        found = fingerprint(self.model, self.reading)
        if self.task != "feature-extraction":
            return found
        return hashlib.sha256(f"{found} {self.embedding.sha256}".encode()).hexdigest()


def task_at(source: str) -> Task:
    """What the checkpoint at `source` is for, by its config alone.

    Raises:
        CheckpointError: it is not there, or of a task or a kind that is not supported.
    """
    hush()
    refuse_missing(source)
    try:
        config = AutoConfig.from_pretrained(source)
    except Exception as error:  # transformers raises many kinds for files that it cannot read
        raise _unreadable(source, "checkpoint", error) from error
    refuse_unsupported(source, config)
    if head_of(config) not in TASKS_OF_HEADS and is_sentence_transformer(source):
        return "feature-extraction"  # whatever head it was trained with before, such as MaskedLM
    return task_of(config)


def load_checkpoint(
    source: str,
    max_length: int | None = None,
    *,
    pairs: bool | None = None,
    special_tokens: SpecialTokens | None = None,
    general: bool = False,
) -> Checkpoint:
    """Reads a checkpoint from a local directory or a hub id.

    Args:
        max_length: the most tokens of a text that it shall read; None: its owner's.
        pairs: whether it reads pairs; None: as its files say.
        special_tokens: what one is that stands in a text; None: as its recipe says, else text.
        general: take an encoder with a head for masked words for a bare one.

    Raises:
        CheckpointError: it is not there, or of a task or a kind that is not supported.
        RecipeError: the recipe beside it cannot be used.
    """
    task = task_at(source)
    if general and predicts_words(AutoConfig.from_pretrained(source)):
        task = "feature-extraction"
    try:
        model, report = AUTO_CLASSES[task].from_pretrained(
            source, output_loading_info=True, dtype=torch.float32
        )
    except Exception as error:  # as above, and safetensors and pickle have their own
        raise _unreadable(source, MODELS[task], error) from error
    missing = sorted(report["missing_keys"])  # transformers would make them up at random
    if task == "feature-extraction":  # of which the last layer's states are used
        missing = [name for name in missing if not name.startswith("pooler.")]
    if missing:
        raise CheckpointError(f"{source!r} is no {MODELS[task]}: it lacks {missing}")
    directory = Path(source)
    recipe = metrics = None
    if (directory / "recipe.toml").is_file():
        recipe = load_recipe(directory / "recipe.toml")
    if (directory / "metrics.json").is_file():
        metrics = json.loads((directory / "metrics.json").read_text(encoding="utf-8"))
    if task == "text-classification":
        pool_by_mask(model)
    hub_tokenizer, owned = load_hub_tokenizer(source), Owned(Embedding())
    if task == "feature-extraction":
        owned = owned_by(source, model)
        read_as_owned(hub_tokenizer, owned)
    found = Checkpoint(
        source,
        model.eval(),
        hub_tokenizer,
        recipe,
        metrics,
        max_length,
        pairs,
        special_tokens,
        owned.embedding,
    )
    if found.stated_pairs is not None or not why_pairs(model):
        _ = found.reading  # now, for what is wrong with it should not wait
    return found


def _unreadable(source: str, what: str, error: Exception) -> CheckpointError:
    said = (str(error).strip().splitlines() or [type(error).__name__])[0]
    here = "" if Path(source).exists() else "there is no such directory here, and of the hub: "
    return CheckpointError(f"no {what} at {source!r}: {here}{said}")
