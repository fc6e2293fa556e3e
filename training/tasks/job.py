"""A recipe made ready: what every task gives to whoever runs its training."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, Protocol

from accelerate import PartialState
from transformers import PreTrainedModel, PreTrainedTokenizerFast, Trainer, TrainerCallback

from training.loop.processes import is_main_process
from training.loop.resuming import begin, last_complete, writing
from training.loop.stopping import SaveAndStop, Stop
from training.models.checkpoints.saving import save_checkpoint
from training.recipe.recipe import Recipe

Part = Literal["choose", "measure"]


@dataclass(frozen=True)
class Job(ABC):
    """A recipe made ready: data read, teacher asked.

    Attributes:
        recipe: as it runs, its epochs counted.
        hub_tokenizer: is saved with the model.
        lineage: what the metrics say of data and teacher: `train`, `choose` and `fit`, each with
            its `n` and `sha256`.
        parts: those of `training.loop.key`.
    """

    recipe: Recipe
    model: PreTrainedModel
    hub_tokenizer: PreTrainedTokenizerFast
    lineage: dict[str, Any]
    parts: dict[str, str]

    @abstractmethod
    def learn(self, run: Path, callbacks: Sequence[TrainerCallback]) -> "Learnt":
        """Trains the model.

        Args:
            run: where unfinished work is kept, and gone on with if some is there.
            callbacks: that a Trainer calls as well.

        Raises:
            CheckpointError: the unfinished work was made from something else.
            Interrupted: a signal asked to stop.
            OSError: `run` cannot be written, as where a disk is full.
        """

    @abstractmethod
    def score(self, part: Part) -> dict[str, Any]:
        """The model's scores on one part of the data, as `metrics.json` has them."""

    def save(self, output: Path, metrics: dict[str, Any]) -> None:
        """Writes the checkpoint to `output`, whole or not at all."""
        with writing(output):
            save_checkpoint(output, self.model, self.hub_tokenizer, self.recipe, metrics)


@dataclass(frozen=True)
class Learnt:
    """What came of a job.

    Attributes:
        job: with the model as it was learnt, and the recipe with what was chosen on the way.
        steps: that were taken.
        log: what was measured on the way.
    """

    job: Job
    steps: int
    log: list[dict[str, Any]]


@dataclass(frozen=True)
class TrainerJob(Job):
    """A recipe that transformers' Trainer runs, step by step.

    Attributes:
        trainer: its callbacks are the task's own, and the progress bar.
    """

    trainer: Trainer

    def learn(self, run: Path, callbacks: Sequence[TrainerCallback]) -> Learnt:
        """See `Job`."""
        if is_main_process():
            begin(run, self.recipe, self.parts)
        PartialState().wait_for_everyone()
        with Stop().listening() as stop:
            for callback in (SaveAndStop(stop), *callbacks):
                self.trainer.add_callback(callback)
            with writing(run):
                self.trainer.train(resume_from_checkpoint=last_complete(run))
        self.finish()
        return Learnt(self, self.trainer.state.global_step, self.trainer.state.log_history)

    def finish(self) -> None:
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
