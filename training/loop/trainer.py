"""Runs a recipe: data in, a checkpoint directory out.

`transformers.Trainer` is the loop; this module makes ready what it needs.
"""

import shutil
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import datasets
from transformers import (
    PreTrainedModel,
    PreTrainedTokenizerFast,
    Trainer,
    TrainerCallback,
    TrainingArguments,
    set_seed,
)
from transformers.trainer_callback import ProgressCallback

from service.runtime.tokenizer import Tokenizer
from training.data.labelled import LabelledText
from training.data.loading import load_split
from training.data.splitting.splits import Split
from training.errors import CheckpointError
from training.loop.head import Head, check_head, new_head
from training.loop.key import key_of, run_parts
from training.loop.metrics import metrics_for, scores_of
from training.loop.processes import is_main_process, join_processes
from training.loop.progress import Progress
from training.loop.resuming import begin, last_complete
from training.loop.schedule import check_trainer_table, resolved, trainer_arguments
from training.loop.stopping import SaveAndStop, Stop
from training.loop.trainers import BucketTrainer, DistillationTrainer
from training.models.checkpoint import (
    refuse_existing,
    save_checkpoint,
)
from training.models.hashes import fingerprint
from training.models.initialization import new_model
from training.models.reading import reading_of
from training.quiet import hush
from training.recipe.recipe import Recipe
from training.score.told import warnings
from training.teach.lesson import Collator, Lesson, new_lesson
from training.teach.logits import predict_logits
from training.teach.opening import labelling_in, open_teachers
from training.teach.rows import new_rows, token_ids
from training.teach.teacher import CheckpointTeacher
from training.telling import tell


@dataclass(frozen=True)
class Job:
    """A recipe made ready: data read, teacher asked, model and Trainer built.

    `recipe` has its epochs counted; `parts` are those of `training.loop.key`.
    """

    recipe: Recipe
    trainer: Trainer
    model: PreTrainedModel
    hub_tokenizer: PreTrainedTokenizerFast
    tokenizer: Tokenizer
    sets: Split
    lineage: dict[str, Any]  # what the metrics say of data and teacher
    lesson: Lesson
    parts: dict[str, str]


def run_recipe(
    recipe: Recipe,
    output: Path,
    *,
    resume: bool = False,
    callbacks: Sequence[TrainerCallback] = (),
) -> dict[str, Any]:
    """Trains what `recipe` says and writes the best checkpoint to `output`.

    Unfinished work lies beside `output` in `<output>.run`, from where `resume` goes on. Under
    `accelerate launch` the processes share each batch, and the main one writes.

    Args:
        callbacks: that the Trainer calls as well.

    Returns:
        The metrics that were written.

    Raises:
        CheckpointError: `output` exists, or an unfinished run does and `resume` is not set, or
            what it was made from has changed.
        DataError, RecipeError: the data or the recipe cannot be used.
        Interrupted: a signal asked to stop; `resume` goes on.
    """
    processes = join_processes(recipe)
    refuse_existing(output)
    run = output.with_name(f"{output.name}.run")
    if run.exists() and not resume:
        raise CheckpointError(f"an unfinished run is at {run}: pass --resume, or remove it")
    processes.wait_for_everyone()  # all have looked before any writes
    started = time.monotonic()
    with processes.main_process_first():  # the others find the teacher's logits in the cache
        job = prepare(recipe, run)
    if processes.is_main_process:
        begin(run, job.recipe, job.parts)
    processes.wait_for_everyone()
    with Stop().listening() as stop:
        for callback in (SaveAndStop(stop), *callbacks):
            job.trainer.add_callback(callback)
        job.trainer.train(resume_from_checkpoint=last_complete(run))
    if job.lesson.white_box is not None:
        job.lesson.white_box.remove_projections()

    metrics: dict[str, Any] = {
        **job.lineage,
        "validation": _scores(job.model, job.tokenizer, job.sets.choose),
        "seconds": round(time.monotonic() - started, 1),
        "steps": job.trainer.state.global_step,
        "processes": processes.num_processes,
        "parameters": sum(p.numel() for p in job.model.parameters()),
        "recipe_sha256": job.recipe.sha256,
        "key": key_of(job.parts),
        "log": job.trainer.state.log_history,
    }
    measured = "measure" if recipe.data.test is None else "test"
    metrics[measured] = _scores(job.model, job.tokenizer, job.sets.measure)
    metrics["warnings"] = [
        warning
        for name in ("validation", measured)
        for warning in warnings(f"the {name} texts", metrics[name].get("never_given", []))
    ]
    processes.wait_for_everyone()  # all have read the best checkpoint out of `run`
    if processes.is_main_process:
        save_checkpoint(output, job.model, job.hub_tokenizer, job.recipe, metrics)
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
    hush()
    check_trainer_table(recipe)
    spec = recipe.distillation
    teachers = open_teachers(recipe)
    first = teachers[0] if teachers else None
    sets = load_split(
        recipe.data, first.labels if first else None, first.problem if first else None
    )
    train = sets.train
    check_head(recipe, train.labels, train.problem)
    if spec is not None:
        teachers = [labelling_in(one, spec.label_precision, train.texts) for one in teachers]
    set_seed(recipe.training.seed)  # before the model, whose new weights are random

    start = first.checkpoint if isinstance(first, CheckpointTeacher) else None
    model, hub_tokenizer = new_model(recipe, train.labels, start, train.problem)
    reading = reading_of(hub_tokenizer, model, recipe.data.max_length)
    base = fingerprint(model, reading)  # before it is given what only training needs
    tokenizer = reading.tokenizer
    if recipe.distillation is None:
        lesson = Lesson(new_rows(token_ids(train.texts, tokenizer), train.targets))
    else:
        lesson = new_lesson(recipe, recipe.distillation, sets, model, hub_tokenizer, teachers)
    lineage: dict[str, Any] = {
        "train": {
            "n": len(train),
            "transfer_n": lesson.transfer_n,
            "transfer_sha256": lesson.transfer_sha256,
            "augmented_n": lesson.augmented_n,
            "sha256": train.sha256,
        },
        "choose": {"n": len(sets.choose), "sha256": sets.choose.sha256},
        "fit": {"n": len(sets.fit), "sha256": sets.fit.sha256},
    }
    if teachers:
        hashes = [teacher.sha256 for teacher in teachers]
        lineage["teacher_sha256"] = hashes if len(hashes) > 1 else hashes[0]
        lineage["label_precision"] = [teacher.precision for teacher in teachers]
    whole = resolved(recipe, len(lesson.rows))
    if keep and whole is not recipe and is_main_process():
        tell(
            f"training.epochs is not given: {whole.training.epochs:g} for {len(lesson.rows)} texts"
        )
    held_out = new_rows(token_ids(sets.choose.texts, tokenizer), sets.choose.targets)
    arguments = trainer_arguments(whole, run, len(lesson.rows), keep=keep, problem=train.problem)
    head = new_head(recipe, train.targets, train.labels, train.problem)
    return Job(
        recipe=whole,
        trainer=_trainer(recipe, arguments, model, hub_tokenizer, lesson, held_out, head),
        model=model,
        hub_tokenizer=hub_tokenizer,
        tokenizer=tokenizer,
        sets=sets,
        lineage=lineage,
        lesson=lesson,
        parts=run_parts(recipe, (train, sets.choose), teachers, base, lesson.transfer_sha256),
    )


def _trainer(
    recipe: Recipe,
    arguments: TrainingArguments,
    model: PreTrainedModel,
    hub_tokenizer: PreTrainedTokenizerFast,
    lesson: Lesson,
    validation: datasets.Dataset,
    head: Head,
) -> Trainer:
    options: dict[str, Any] = {
        "model": model,
        "args": arguments,
        "train_dataset": lesson.rows,
        "eval_dataset": validation,
        "data_collator": Collator(hub_tokenizer, lesson.teacher_tokenizer),
        "compute_metrics": metrics_for(head.problem),
        "head": head,
    }
    if recipe.distillation is None:
        trainer: Trainer = BucketTrainer(**options)
    else:
        trainer = DistillationTrainer(
            **options, distillation=recipe.distillation, white_box=lesson.white_box
        )
    # Whatever a model's `forward` takes, its loss is the mean over a batch: else the Trainer
    # multiplies it by the number of processes, and does not divide it by added batches.
    trainer.model_accepts_loss_kwargs = False
    if not arguments.disable_tqdm:
        trainer.remove_callback(ProgressCallback)
        trainer.add_callback(Progress())
    hush()  # the Trainer has switched bars on
    return trainer


def _scores(model: PreTrainedModel, tokenizer: Tokenizer, data: LabelledText) -> dict[str, Any]:
    return scores_of(predict_logits(model, tokenizer, data.texts), data)
