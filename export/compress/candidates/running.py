"""Runs trainings: in this process, or several at a time in processes of their own."""

import contextlib
import multiprocessing
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch

from training.errors import Interrupted, TrainingError
from training.loop.pausing import Pause
from training.recipe.recipe import Recipe
from training.tasks.run import run_recipe
from training.workers import follow_parent


class Run:
    """Trains recipes into checkpoints, in this process or in processes of a pool.

    Attributes:
        at_once: how many train at a time now, and share the cores.
    """

    def __init__(self, pool: ProcessPoolExecutor | None = None) -> None:
        self.at_once = 1
        self._pool = pool

    def __call__(
        self, recipe: Recipe, output: Path, until: float, *, end: bool, seconds: float
    ) -> None:
        """Trains, up to a share of the schedule.

        Args:
            output: the checkpoint; what is unfinished lies beside it, and is gone on with.
            end: come to an end there.
            seconds: after which it is to stop, as far as it is.

        Raises:
            Paused: it came as far as that, or the time is over.
        """
        if self._pool is None:
            train(recipe, output, until, end, seconds)
            return
        threads = max(1, torch.get_num_threads() // self.at_once)
        try:
            self._pool.submit(_on, threads, train, recipe, output, until, end, seconds).result()
        except BrokenProcessPool as error:
            raise TrainingError(
                "a process that trains died, as where memory is short: give fewer --jobs; the "
                "same command goes on from what is done"
            ) from error


@contextmanager
def runner(jobs: int) -> Iterator[Run]:
    """What trains, `jobs` at a time."""
    if jobs == 1:
        yield Run()
        return
    context = multiprocessing.get_context("spawn")  # torch does not survive a fork
    with ProcessPoolExecutor(jobs, context, follow_parent) as pool:
        yield Run(pool)


def _on(threads: int, do: Callable[..., None], *given: Any) -> None:
    torch.set_num_threads(threads)
    do(*given)


def train(recipe: Recipe, output: Path, until: float, end: bool, seconds: float) -> None:
    """See `Run`."""
    pause = Pause(until, end=end, seconds=seconds)
    resume = output.with_name(f"{output.name}.run").exists()
    try:
        with contextlib.redirect_stdout(sys.stderr):  # the Trainer prints there
            run_recipe(recipe, output, resume=resume, callbacks=[pause])
    except Interrupted as stopped:  # what it learnt is saved
        raise KeyboardInterrupt from stopped
