"""Runs trainings: in this process, or several at a time in processes of their own."""

import contextlib
import multiprocessing
import os
import sys
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from pathlib import Path
from typing import Protocol

import torch

from training.errors import Interrupted, TrainingError
from training.loop.pausing import Pause
from training.recipe.recipe import Recipe
from training.tasks.run import run_recipe
from training.workers import follow_parent


class Run(Protocol):
    """Trains a recipe into a checkpoint, up to a share of its schedule."""

    def __call__(
        self, recipe: Recipe, output: Path, until: float, end: bool, seconds: float
    ) -> None:
        """Trains.

        Args:
            output: the checkpoint; what is unfinished lies beside it, and is gone on with.
            end: come to an end there.
            seconds: after which it is to stop, as far as it is.

        Raises:
            Paused: it came as far as that, or the time is over.
        """


@contextmanager
def runner(jobs: int) -> Iterator[Run]:
    """What trains, `jobs` at a time; each of several has its share of the cores."""
    if jobs == 1:
        yield train
        return
    context = multiprocessing.get_context("spawn")  # torch does not survive a fork
    threads = max(1, len(os.sched_getaffinity(0)) // jobs)
    with ProcessPoolExecutor(jobs, context, _begin, (threads,)) as pool:

        def elsewhere(
            recipe: Recipe, output: Path, until: float, end: bool, seconds: float
        ) -> None:
            try:
                pool.submit(train, recipe, output, until, end, seconds).result()
            except BrokenProcessPool as error:
                raise TrainingError(
                    "a process that trains died, as where memory is short: give fewer --jobs; the "
                    "same command goes on from what is done"
                ) from error

        yield elsewhere


def _begin(threads: int) -> None:
    follow_parent()
    torch.set_num_threads(threads)


def train(recipe: Recipe, output: Path, until: float, end: bool, seconds: float) -> None:
    """See `Run`."""
    pause = Pause(until, end=end, seconds=seconds)
    resume = output.with_name(f"{output.name}.run").exists()
    try:
        with contextlib.redirect_stdout(sys.stderr):  # the Trainer prints there
            run_recipe(recipe, output, resume=resume, callbacks=[pause])
    except Interrupted as stopped:  # what it learnt is saved
        raise KeyboardInterrupt from stopped
