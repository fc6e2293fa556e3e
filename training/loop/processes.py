"""The processes that share one training: those of `accelerate launch`, or this one alone.

Knows nothing of what they train.
"""

import os
from datetime import timedelta

import torch
from accelerate import PartialState

from training.errors import LaunchError, RecipeError
from training.recipe.models import LinearModel
from training.recipe.recipe import Recipe

# The main process computes the teacher's logits while the others wait: a big teacher takes hours.
LONGEST_WAIT = timedelta(days=1)


def join_processes(recipe: Recipe) -> PartialState:
    """Joins the processes that were launched together, without a launcher this one alone.

    Raises:
        LaunchError: several processes were asked for and one was started.
        RecipeError: the recipe's batches cannot be shared evenly.
    """
    on_cpu = not torch.cuda.is_available()
    if on_cpu:
        # accelerate would number the CPU by process, and torch cannot load to a `cpu:0`: a
        # Trainer that several processes resume would fail.
        os.environ["ACCELERATE_TORCH_DEVICE"] = "cpu"
    processes = PartialState(cpu=on_cpu, timeout=LONGEST_WAIT)
    # accelerate names a meeting point where it was asked for several processes.
    asked = {"ACCELERATE_USE_CPU", "MASTER_PORT"} <= os.environ.keys()
    if asked and processes.num_processes == 1:
        raise LaunchError(
            "accelerate started one process, not several: give it --multi_gpu, which works "
            "on CPUs too (without it, it leaves their start to mpirun)"
        )
    check_shares(recipe, processes.num_processes)
    return processes


def check_shares(recipe: Recipe, n: int) -> None:
    """Checks that `n` processes can share each batch evenly.

    Raises:
        RecipeError: they cannot.
    """
    if n > 1 and isinstance(recipe.model, LinearModel):
        raise RecipeError("a linear model is fitted by one process: run it without a launcher")
    size = recipe.training.batch_size
    if size % n:
        raise RecipeError(
            f"training.batch_size {size} cannot be shared evenly by {n} processes: "
            f"it is the batch of all together, so make it a multiple of {n}"
        )


def is_main_process() -> bool:
    """Whether this process is the one that writes and reports; the only one always is."""
    return bool(PartialState().is_main_process)
