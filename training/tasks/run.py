"""Runs a recipe of any task: data in, a checkpoint directory out.

A task makes ready what it needs, and learns; where there is a loop it is `transformers.Trainer`.
"""

import shutil
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from transformers import TrainerCallback

from training.errors import CheckpointError
from training.loop.key import key_of
from training.loop.metrics import refuse_diverged
from training.loop.processes import join_processes
from training.models.checkpoints.saving import refuse_existing
from training.recipe.recipe import Recipe
from training.score.told import warnings
from training.tasks.tasks import prepare, refuse_resume


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
        DataError, RecipeError: the data or the recipe cannot be used; the model diverged; or
            `resume` is set, and what the recipe trains is fitted in one go.
        Interrupted: a signal asked to stop; `resume` goes on.
    """
    if resume:
        refuse_resume(recipe)
    processes = join_processes(recipe)
    refuse_existing(output)
    run = output.with_name(f"{output.name}.run")
    if run.exists() and not resume:
        raise CheckpointError(f"an unfinished run is at {run}: pass --resume, or remove it")
    processes.wait_for_everyone()  # all have looked before any writes
    started = time.monotonic()
    with processes.main_process_first():  # the others find the teacher's logits in the cache
        job = prepare(recipe, run)
    learnt = job.learn(run, callbacks)
    job = learnt.job
    refuse_diverged(job.model)

    metrics: dict[str, Any] = {
        **job.lineage,
        "validation": job.score("choose"),
        "seconds": round(time.monotonic() - started, 1),
        "steps": learnt.steps,
        "processes": processes.num_processes,
        "parameters": sum(p.numel() for p in job.model.parameters()),
        "recipe_sha256": job.recipe.sha256,
        "key": key_of(job.parts),
        "log": learnt.log,
    }
    measured = "measure" if recipe.data.test is None else "test"
    metrics[measured] = job.score("measure")
    metrics["warnings"] = [
        warning
        for name in ("validation", measured)
        for warning in warnings(
            f"the {name} texts",
            metrics[name].get("never_given", []),
            of_tokens="entity_f1" in metrics[name],
            weighed=recipe.training.class_weights != "none",
        )
    ]
    processes.wait_for_everyone()  # all have read the best checkpoint out of `run`
    if processes.is_main_process:
        job.save(output, metrics)
        shutil.rmtree(run, ignore_errors=True)
    return metrics
