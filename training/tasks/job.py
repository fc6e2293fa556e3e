"""A recipe made ready: what every task gives to whoever runs its training."""

from abc import ABC, abstractmethod
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, Protocol

from transformers import PreTrainedModel, PreTrainedTokenizerFast, Trainer

from training.models.saving import save_checkpoint
from training.recipe.recipe import Recipe

Part = Literal["choose", "measure"]


@dataclass(frozen=True)
class Job(ABC):
    """A recipe made ready: data read, teacher asked, model and Trainer built.

    Attributes:
        recipe: as it runs, its epochs counted.
        trainer: its callbacks are the task's own, and the progress bar.
        hub_tokenizer: is saved with the model.
        lineage: what the metrics say of data and teacher: `train`, `choose` and `fit`, each with
            its `n` and `sha256`.
        parts: those of `training.loop.key`.
    """

    recipe: Recipe
    trainer: Trainer
    model: PreTrainedModel
    hub_tokenizer: PreTrainedTokenizerFast
    lineage: dict[str, Any]
    parts: dict[str, str]

    @abstractmethod
    def score(self, part: Part) -> dict[str, Any]:
        """The model's scores on one part of the data, as `metrics.json` has them."""

    def save(self, output: Path, metrics: dict[str, Any]) -> None:
        """Writes the checkpoint to `output`, whole or not at all."""
        save_checkpoint(output, self.model, self.hub_tokenizer, self.recipe, metrics)

    def finish(self) -> None:  # noqa: B027  most tasks have nothing to take away
        """Takes from the model what only its training needed; called before it is scored."""


class Prepare(Protocol):
    """Does all of one task that comes before the training itself."""

    def __call__(self, recipe: Recipe, run: Path, *, keep: bool = True) -> Job:
        """Makes a recipe ready.

        Args:
            run: the Trainer's directory.
            keep: write checkpoints to `run` and end on the best; otherwise nothing is written
                and no bar is drawn.

        Raises:
            CheckpointError, DataError, RecipeError: a model, the data or the recipe cannot be
                used.
        """
