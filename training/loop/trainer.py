"""Runs a recipe: data in, a checkpoint directory out.

`transformers.Trainer` is the loop; this module chooses its arguments and, for a student,
its loss.
"""

import dataclasses
import shutil
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import datasets
import numpy as np
import torch
from transformers import (
    EvalPrediction,
    PreTrainedModel,
    PreTrainedTokenizerFast,
    Trainer,
    TrainingArguments,
    set_seed,
)

from service.runtime.tokenizer import Tokenizer
from training.data.labelled import LabelledText, load_labelled_text, split_validation
from training.errors import CheckpointError, DataError
from training.loop.processes import join_processes
from training.loop.sampling import BucketSampler
from training.loop.schedule import trainer_arguments
from training.models.checkpoint import (
    Checkpoint,
    load_checkpoint,
    refuse_existing,
    save_checkpoint,
    serving_tokenizer,
)
from training.models.initialization import new_model
from training.recipe.recipe import Recipe, load_recipe
from training.recipe.teaching import Distillation
from training.score.scores import score, softmax
from training.teach.lesson import Collator, Lesson, new_lesson, new_rows, token_ids
from training.teach.logits import predict_logits
from training.teach.losses import distillation_loss
from training.teach.white_box import WhiteBox


class BucketTrainer(Trainer):
    """The Trainer, reading batches of like length in random order."""

    def _get_train_sampler(self, train_dataset: datasets.Dataset | None = None) -> BucketSampler:
        rows = cast(datasets.Dataset, train_dataset or self.train_dataset)
        lengths = [len(ids) for ids in rows["input_ids"]]
        return BucketSampler(lengths, self.args.train_batch_size, self.args.seed)


class DistillationTrainer(BucketTrainer):
    """The Trainer with a student's mix of losses in place of plain cross-entropy."""

    def __init__(
        self, *args: Any, distillation: Distillation, white_box: WhiteBox | None, **kwargs: Any
    ) -> None:
        super().__init__(*args, **kwargs)
        self._distillation = distillation
        self._white_box = white_box

    def compute_loss(
        self,
        model: torch.nn.Module,
        inputs: dict[str, Any],
        return_outputs: bool = False,
        num_items_in_batch: torch.Tensor | int | None = None,  # noqa: ARG002  the Trainer passes it
    ) -> Any:
        """See `training.teach.losses` and `training.teach.white_box`."""
        soft = inputs.pop("teacher_logits", None)
        if soft is None:  # evaluation: validation has labels only
            outputs = model(**inputs)
            return (outputs.loss, outputs) if return_outputs else outputs.loss
        targets = inputs.pop("labels")
        inner: torch.Tensor | float = 0.0
        if self._white_box is None:
            outputs = model(**inputs)
        else:
            outputs, inner = self._white_box.run(model, inputs)
        weights = self._distillation.weights
        loss = inner + distillation_loss(
            outputs.logits,
            soft,
            targets,
            hard=weights.hard,
            kl=weights.kl,
            mse=weights.mse,
            temperature=self._distillation.temperature,
        )
        return (loss, outputs) if return_outputs else loss


@dataclass(frozen=True)
class Job:
    """A recipe made ready: data read, teacher asked, model and Trainer built."""

    trainer: Trainer
    model: PreTrainedModel
    hub_tokenizer: PreTrainedTokenizerFast
    tokenizer: Tokenizer
    validation: LabelledText
    test: LabelledText | None
    lineage: dict[str, Any]  # what the metrics say of data and teacher
    lesson: Lesson


def run_recipe(recipe: Recipe, output: Path, *, resume: bool = False) -> dict[str, Any]:
    """Trains what `recipe` says and writes the best checkpoint to `output`.

    Unfinished work lies beside `output` in `<output>.run`, from where `resume` goes on. Under
    `accelerate launch` the processes share each batch, and the main one writes.

    Returns:
        The metrics that were written.

    Raises:
        CheckpointError: `output` exists, or an unfinished run does and `resume` is not set.
        DataError, RecipeError: the data or the recipe cannot be used.
    """
    processes = join_processes(recipe)
    refuse_existing(output)
    run = output.with_name(f"{output.name}.run")
    if run.exists() and not resume:
        raise CheckpointError(f"an unfinished run is at {run}: pass --resume, or remove it")
    if (run / "recipe.toml").is_file() and load_recipe(run / "recipe.toml").sha256 != recipe.sha256:
        raise CheckpointError(f"the unfinished run at {run} has another recipe: remove it")
    processes.wait_for_everyone()  # all have looked before any writes
    started = time.monotonic()
    with processes.main_process_first():  # the others find the teacher's logits in the cache
        job = prepare(recipe, run)
    if processes.is_main_process:
        (run / "recipe.toml").write_text(recipe.to_toml(), encoding="utf-8")
    job.trainer.train(resume_from_checkpoint=_last_complete(run))
    if job.lesson.white_box is not None:
        job.lesson.white_box.remove_projections()

    metrics: dict[str, Any] = {
        **job.lineage,
        "validation": _scores(job.model, job.tokenizer, job.validation),
        "seconds": round(time.monotonic() - started, 1),
        "steps": job.trainer.state.global_step,
        "processes": processes.num_processes,
        "parameters": sum(p.numel() for p in job.model.parameters()),
        "recipe_sha256": recipe.sha256,
        "log": job.trainer.state.log_history,
    }
    if job.test is not None:
        metrics["test"] = _scores(job.model, job.tokenizer, job.test)
    processes.wait_for_everyone()  # all have read the best checkpoint out of `run`
    if processes.is_main_process:
        save_checkpoint(output, job.model, job.hub_tokenizer, recipe, metrics)
        shutil.rmtree(run, ignore_errors=True)
    return metrics


def prepare(recipe: Recipe, run: Path, *, keep: bool = True) -> Job:
    """Does all that comes before the training itself.

    Args:
        run: the Trainer's directory.
        keep: write checkpoints to `run` and end on the best; otherwise nothing is written and
            no bar is drawn.

    Raises:
        CheckpointError, DataError, RecipeError: a model, the data or the recipe cannot be used.
    """
    data = load_labelled_text(recipe.data.train, recipe.data)
    train, validation = split_validation(data, recipe.data.validation_size, recipe.data.seed)
    test = _test_set(recipe, data.labels)  # now, for its errors should not wait for the training
    set_seed(recipe.training.seed)  # before the model, whose new weights are random

    teachers = _teachers(recipe, train.labels)
    model, hub_tokenizer = new_model(recipe, train.labels, teachers[0] if teachers else None)
    tokenizer = serving_tokenizer(hub_tokenizer, recipe.data.max_length)
    if recipe.distillation is None:
        lesson = Lesson(new_rows(token_ids(train.texts, tokenizer), train.targets))
    else:
        lesson = new_lesson(recipe, recipe.distillation, train, model, hub_tokenizer, teachers)
    lineage: dict[str, Any] = {
        "train": {
            "n": len(train),
            "transfer_n": lesson.transfer_n,
            "augmented_n": lesson.augmented_n,
            "sha256": data.sha256,
        }
    }
    if teachers:
        hashes = [teacher.sha256 for teacher in teachers]
        lineage["teacher_sha256"] = hashes if len(hashes) > 1 else hashes[0]
    held_out = new_rows(token_ids(validation.texts, tokenizer), validation.targets)
    arguments = trainer_arguments(recipe, run, len(lesson.rows), keep=keep)
    trainer = _trainer(recipe, arguments, model, hub_tokenizer, lesson, held_out)
    return Job(trainer, model, hub_tokenizer, tokenizer, validation, test, lineage, lesson)


def _teachers(recipe: Recipe, labels: tuple[str, ...]) -> list[Checkpoint]:
    """The teachers in the recipe's order; none for a model that has none."""
    sources = recipe.distillation.teachers if recipe.distillation else ()
    found = [load_checkpoint(source) for source in sources]
    for teacher in found:
        if teacher.labels != labels:
            raise DataError(
                f"the teacher's labels {teacher.labels} are not the data's {labels}: "
                f"{teacher.source} needs a data.labels that says the same"
            )
    return found


def _test_set(recipe: Recipe, labels: tuple[str, ...]) -> LabelledText | None:
    """The test set by the labels of train: a small one may not hold them all."""
    if recipe.data.test is None:
        return None
    names = recipe.data.labels or {label: label for label in labels}
    columns = recipe.data.model_copy(update={"labels": names})
    return load_labelled_text(recipe.data.test, columns, split="validation")


def _last_complete(run: Path) -> str | None:
    """The Trainer's newest checkpoint; one that it was killed while writing does not count."""
    found = [path.parent for path in run.glob("checkpoint-*/trainer_state.json")]
    return str(max(found, key=lambda path: int(path.name.split("-")[1]))) if found else None


def _trainer(
    recipe: Recipe,
    arguments: TrainingArguments,
    model: PreTrainedModel,
    hub_tokenizer: PreTrainedTokenizerFast,
    lesson: Lesson,
    validation: datasets.Dataset,
) -> Trainer:
    options: dict[str, Any] = {
        "model": model,
        "args": arguments,
        "train_dataset": lesson.rows,
        "eval_dataset": validation,
        "data_collator": Collator(hub_tokenizer, lesson.teacher_tokenizer),
        "compute_metrics": _accuracy,
    }
    if recipe.distillation is None:
        trainer: Trainer = BucketTrainer(**options)
        return trainer
    return DistillationTrainer(
        **options, distillation=recipe.distillation, white_box=lesson.white_box
    )


def _accuracy(prediction: EvalPrediction) -> dict[str, float]:
    predicted = np.asarray(prediction.predictions).argmax(axis=-1)
    return {"accuracy": float((predicted == prediction.label_ids).mean())}


def _scores(
    model: PreTrainedModel, tokenizer: Tokenizer, data: LabelledText
) -> dict[str, float | str]:
    logits = predict_logits(model, tokenizer, data.texts)
    scores = score(softmax(logits.astype(np.float64)), np.asarray(data.targets))
    return {**dataclasses.asdict(scores), "sha256": data.sha256}
