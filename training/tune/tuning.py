"""Tunes a recipe: trials of other values, judged by accuracy on the validation texts.

The test set is never read.
"""

import contextlib
import dataclasses
import math
import multiprocessing
import os
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from multiprocessing.connection import wait
from pathlib import Path
from typing import Any

import optuna
import torch
from optuna.trial import TrialState
from tqdm.auto import tqdm
from transformers import (
    PrinterCallback,
    TrainerCallback,
    TrainerControl,
    TrainerState,
    TrainingArguments,
)

from training.data.writing import blocked
from training.errors import LaunchError, RecipeError, StudyError
from training.loop.processes import join_processes
from training.recipe.models import LinearModel
from training.recipe.recipe import Recipe, with_values
from training.tasks.classification import prepare
from training.tasks.tasks import task_of_recipe
from training.tune.plot import accuracy
from training.tune.report import Best, describe, write_results
from training.tune.space import Space, drawn_values, own_values, space_sha256
from training.tune.study import JOURNAL, SharedStudy


@dataclass(frozen=True)
class Plan:
    """What is tuned, where, and for how many trials in all."""

    recipe: Recipe
    space: Space
    directory: Path
    trials: int

    @property
    def untested(self) -> Recipe:
        """The recipe without its test set, as trials run it."""
        data = self.recipe.data.model_copy(update={"test": None})
        return self.recipe.model_copy(update={"data": data})

    def open(self) -> SharedStudy:
        """The study as it stands."""
        return SharedStudy(self.directory, self.space, self.recipe.training.seed)


def tune(plan: Plan, jobs: int = 1) -> Best:
    """Runs trials until the study has as many as planned, those of other runs counted.

    Raises:
        LaunchError: a launcher started several processes.
        StudyError: `plan.directory` holds something else or another study, a worker ended
            early, or no trial was completed.
        CheckpointError, DataError, RecipeError: a model, the data or the recipe cannot be used.
    """
    plan, study = _begin(plan)
    with Display(study, plan.trials) as display:
        if jobs == 1:
            work(plan, display.update)
        else:
            _work_together(plan, jobs, display)
    return write_results(plan.directory, plan.recipe, plan.space, study.settled())


def refuse_other_tasks(recipe: Recipe) -> None:
    """Raises RecipeError where the recipe has no trials to compare; before its space is read.

    They are of classifiers that a Trainer trains.
    """
    if isinstance(recipe.model, LinearModel):
        raise RecipeError(
            "a linear recipe finds its own best: it fits every value of model.ngrams, "
            "model.smoothing and model.inverse_penalty (lists), so run it by `stillhouse train`"
        )
    if (task := task_of_recipe(recipe)) != "text-classification":
        raise RecipeError(
            f"trials are compared by accuracy: tune is for text-classification, not for {task}: "
            "run the recipe with other values (--set training.learning_rate=1e-3), each with an "
            "--output of its own, and compare their metrics.json"
        )


def _begin(plan: Plan) -> tuple[Plan, SharedStudy]:
    """Joins the study, or makes it; tells what is wrong before any trial.

    Returns:
        The plan with its recipe's epochs counted, and the study.
    """
    directory = plan.directory
    is_study = (directory / JOURNAL).is_file()
    is_empty = directory.is_dir() and not any(directory.iterdir())
    if directory.exists() and not is_study and not is_empty:
        raise StudyError(f"{directory} holds no study: choose another --study")
    if why := blocked(directory / JOURNAL):
        raise StudyError(f"{directory} cannot be written: {why}; choose another --study")
    if join_processes(plan.recipe).num_processes > 1:
        raise LaunchError("a trial is trained by one process: tune with --jobs, not a launcher")
    refuse_other_tasks(plan.recipe)
    with tempfile.TemporaryDirectory(prefix="stillhouse-") as folder:
        # Leaves the teacher's logits in the cache, for all workers to find.
        job = prepare(plan.untested, Path(folder), keep=False)
    if job.sets.train.problem == "regression":
        raise RecipeError("trials are compared by accuracy, which a regression has not")
    whole = job.recipe.training
    # What is left open beside it, such as a learning rate by the width, is each trial's own.
    counted = {name: getattr(whole, name) for name in ("epochs", "steps", "evaluations_per_epoch")}
    training = plan.recipe.training.model_copy(update=counted)
    plan = dataclasses.replace(plan, recipe=plan.recipe.model_copy(update={"training": training}))
    directory.mkdir(parents=True, exist_ok=True)
    study = plan.open()
    identity = {
        "recipe": plan.untested.sha256,
        "search space": space_sha256(plan.space),
        "data or teacher": {name: job.parts[name] for name in ("data", "teacher")},
    }
    resolved = plan.recipe.model_copy(update={"training": whole})
    study.join(identity, own_values(resolved, plan.space))
    return plan, study


def work(plan: Plan, look: Callable[[], None] = lambda: None) -> None:
    """Runs one trial after another until there are enough; a worker's whole life.

    Args:
        look: called after each evaluation and each trial.

    Raises:
        CheckpointError, DataError: a trial's model or data cannot be read.
    """
    study = plan.open()
    parent = multiprocessing.parent_process()
    while parent is None or parent.is_alive():
        with study.next_trial(plan.trials) as trial:
            if trial is None:
                return
            try:
                study.complete(trial, _accuracy_of(plan.untested, trial, look))
            except optuna.TrialPruned:
                study.prune(trial)
            except (RecipeError, torch.OutOfMemoryError) as error:
                study.fail(trial, str(error))
            except BaseException as error:
                study.abandon(trial.number, f"{type(error).__name__}: {error}")
                raise
        look()


def _accuracy_of(recipe: Recipe, trial: optuna.Trial, look: Callable[[], None]) -> float:
    """Trains with a trial's values, and keeps nothing of it.

    Raises:
        RecipeError: the values do not fit together.
        optuna.TrialPruned: the trial is worse than others were.
    """
    recipe = with_values(recipe, drawn_values(trial.params))
    report = Report(trial, look)
    with tempfile.TemporaryDirectory(prefix="stillhouse-") as folder:
        job = prepare(recipe, Path(folder), keep=False)
        trial.set_user_attr("n", len(job.sets.choose))
        trainer = job.trainer
        trainer.remove_callback(PrinterCallback)
        trainer.add_callback(report)
        trainer.train()
    if report.kept is None:
        raise RecipeError(
            f"{recipe.training.epochs} epochs end before the first evaluation: there are "
            f"{recipe.training.evaluations_per_epoch or 2} an epoch"
        )
    return report.kept


class Report(TrainerCallback):
    """Tells the study of each evaluation, and stops a trial that it finds worse than others.

    Attributes:
        kept: the accuracy of the checkpoint that a run of this recipe would keep; None: there was
            no evaluation.
    """

    def __init__(self, trial: optuna.Trial, look: Callable[[], None]) -> None:
        self.kept: float | None = None
        self._rank = -math.inf
        self._step = 0
        self._trial = trial
        self._look = look

    def on_evaluate(
        self,
        args: TrainingArguments,
        state: TrainerState,
        control: TrainerControl,  # noqa: ARG002  the Trainer passes it
        **known: Any,
    ) -> None:
        """Called by the Trainer."""
        found, chosen_by = known["metrics"], str(args.metric_for_best_model)
        rank = found[f"eval_{chosen_by}"] * (-1 if chosen_by.endswith("loss") else 1)
        # The Trainer has no best yet, or what was best before has since been cut or rounded.
        if state.best_metric is None or rank > self._rank:
            self._rank, self.kept = rank, found["eval_accuracy"]
        self._step += 1
        self._trial.report(found["eval_accuracy"], step=self._step)
        self._look()
        if self._trial.should_prune():
            raise optuna.TrialPruned


def _work_together(plan: Plan, jobs: int, display: "Display") -> None:
    context = multiprocessing.get_context("spawn")  # torch does not survive a fork
    workers = [context.Process(target=_work_alone, args=(plan, jobs)) for _ in range(jobs)]
    for worker in workers:
        worker.start()
    try:
        while any(worker.is_alive() for worker in workers):
            wait([worker.sentinel for worker in workers if worker.is_alive()], timeout=1)
            display.update()
    finally:
        for worker in workers:  # on Ctrl-C they were told as well
            worker.join()
    if codes := [worker.exitcode for worker in workers if worker.exitcode]:
        raise StudyError(f"a worker ended early (exit code {codes[0]}): run again to go on")


def _work_alone(plan: Plan, jobs: int) -> None:
    if "OMP_NUM_THREADS" not in os.environ:
        torch.set_num_threads(max(1, len(os.sched_getaffinity(0)) // jobs))
    with contextlib.suppress(KeyboardInterrupt):  # the parent tells of it
        work(plan)


class Display:
    """A bar of settled trials, and a line for each as it ends."""

    def __init__(self, study: SharedStudy, trials: int) -> None:
        self._study = study
        self._shown = {trial.number for trial in study.trials() if trial.state.is_finished()}
        self._bar = tqdm(total=trials, desc="trials", unit="trial", initial=len(study.settled()))

    def __enter__(self) -> "Display":
        return self

    def __exit__(self, *_: object) -> None:
        self._bar.close()

    def update(self) -> None:
        """Shows what is new."""
        trials = self._study.trials()
        for trial in trials:
            if trial.state.is_finished() and trial.number not in self._shown:
                self._shown.add(trial.number)
                self._bar.write(describe(trial))
        running = [
            f"{trial.number}: {accuracy(trial):.4f} at {trial.last_step}"
            for trial in trials
            if trial.state == TrialState.RUNNING and trial.last_step is not None
        ]
        self._bar.n = len(self._study.settled())
        self._bar.set_postfix_str(", ".join(running))
