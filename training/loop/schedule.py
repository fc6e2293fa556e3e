"""A recipe's schedule in the Trainer's own terms."""

from pathlib import Path
from typing import Any

import torch
from transformers import PreTrainedModel, TrainingArguments

from training.errors import RecipeError
from training.loop.metrics import Judged, chosen_by
from training.loop.passing import check_optimizer, check_trackers, passed_arguments
from training.models.devices import fast_bf16
from training.recipe.recipe import Recipe
from training.telling import tell

# Steps that are aimed at where a recipe says neither epochs nor steps: so many, or what it takes to
# read each text as often as that, up to the most.
STEPS, READ, MOST_STEPS = 2_000, 3, 6_000
MOST_EPOCHS = 60
WIDTH, RATE = 768, 5e-5  # of an encoder, and the learning rate that suits it
RATES = (2e-5, 3e-4)  # the least and the most that are chosen by a width
EVALUATIONS = 10  # in all, where epochs are counted here
SCHEDULERS = {"constant": "constant_with_warmup"}  # the Trainer's "constant" has none
EVALUATIONS_PER_EPOCH = 2  # where they are given


def rate_for(width: int) -> float:
    """The learning rate that suits an encoder so wide: the narrower, the higher."""
    least, most = RATES
    return float(f"{min(max(RATE * (WIDTH / width) ** 1.5, least), most):.2g}")


def width_of(model: PreTrainedModel) -> int:
    """Of the states that an encoder's layers pass on."""
    return int(model.config.get_text_config().hidden_size)


def resolved(recipe: Recipe, rows: int, model: PreTrainedModel | None) -> Recipe:
    """The recipe with all that it left open of its schedule.

    Few texts are read often, and very many once: whole epochs that come near the steps aimed at.

    Args:
        rows: texts that are read in an epoch.
        model: that is trained; an encoder's width chooses the learning rate where it is not given.
            None: it is not known yet.
    """
    schedule, is_encoder = recipe.training, recipe.model.architecture == "encoder"
    chosen: dict[str, Any] = {}
    if schedule.learning_rate is None:  # of an encoder, or the recipe would not have been read
        chosen["learning_rate"] = rate_for(WIDTH if model is None else width_of(model))
    if schedule.precision == "auto":
        chosen["precision"] = "bf16" if is_encoder and fast_bf16() else "fp32"
    if schedule.epochs is None:
        wanted = (schedule.steps or _steps(recipe, rows)) / _steps_per_epoch(recipe, rows)
        epochs = min(max(round(wanted), 1), MOST_EPOCHS)
        chosen |= {"epochs": float(epochs), "steps": None}
        if schedule.evaluations_per_epoch is None:
            chosen["evaluations_per_epoch"] = round(EVALUATIONS / epochs, 4)
    return recipe.model_copy(update={"training": schedule.model_copy(update=chosen)})


def tell_chosen(asked: Recipe, whole: Recipe, rows: int) -> None:
    """Says what the recipe left open of its schedule, and what it is."""
    for key, why in (("epochs", f"{rows} texts"), ("learning_rate", "an encoder so wide")):
        if getattr(asked.training, key) is None:
            tell(f"training.{key} is not given: {getattr(whole.training, key):g} for {why}")


def check_trainer_table(recipe: Recipe) -> None:
    """Refuses a `[trainer]` table that cannot be used, before any long work.

    Raises:
        RecipeError: which key and why.
    """
    arguments = trainer_arguments(resolved(recipe, 1, None), Path(), 1, keep=False, problem=None)
    check_optimizer(arguments)
    check_trackers((recipe.trainer or {}).get("report_to", []))


def trainer_arguments(
    recipe: Recipe, run: Path, rows: int, *, keep: bool, problem: Judged | None = "single_label"
) -> TrainingArguments:
    """What the Trainer is told.

    Args:
        recipe: with its epochs, see `resolved`.
        run: the Trainer's directory.
        rows: texts that it reads in an epoch.
        keep: write checkpoints to `run` and end on the best; otherwise nothing is written and
            no bar is drawn.
        problem: by which the best is chosen; None: it is not known yet, so by the loss.

    Raises:
        RecipeError: the `[trainer]` table cannot be used.
    """
    schedule = recipe.training
    assert schedule.epochs is not None
    assert schedule.learning_rate is not None
    steps_per_epoch = _steps_per_epoch(recipe, rows)
    evaluations = schedule.evaluations_per_epoch or EVALUATIONS_PER_EPOCH
    evaluate_every = max(1, int(steps_per_epoch / evaluations))
    options: dict[str, Any] = {
        "per_device_eval_batch_size": 64,
        "save_total_limit": 2,
        "logging_steps": max(1, evaluate_every // 10),
        "report_to": [],
        "dataloader_pin_memory": False,
        "disable_tqdm": not keep,
        "use_cpu": not torch.cuda.is_available(),
        **passed_arguments(recipe.trainer or {}),
    }
    try:
        arguments = TrainingArguments(
            output_dir=str(run),
            num_train_epochs=schedule.epochs,
            per_device_train_batch_size=schedule.batch_size,
            learning_rate=schedule.learning_rate,
            warmup_steps=schedule.warmup_ratio,  # below 1: a share of all steps
            weight_decay=schedule.weight_decay,
            max_grad_norm=schedule.max_grad_norm,
            lr_scheduler_type=SCHEDULERS.get(schedule.scheduler, schedule.scheduler),
            bf16=schedule.precision == "bf16",
            seed=schedule.seed,
            eval_strategy="steps",
            eval_steps=evaluate_every,
            save_strategy="steps" if keep else "no",
            save_steps=evaluate_every,
            load_best_model_at_end=keep,
            # The Trainer wants the loss low, and any other high.
            metric_for_best_model=chosen_by(schedule, problem) if problem else "loss",
            remove_unused_columns=False,
            # The recipe's batch is that of all processes together, each takes its part.
            accelerator_config={"split_batches": True},
            **options,
        )
    except (ImportError, TypeError, ValueError) as error:
        if not recipe.trainer:
            raise
        raise RecipeError(f"[trainer] cannot be passed on: {error}") from error
    # One GPU a process: several in one would each be given a batch of the recipe's size.
    arguments._n_gpu = min(arguments.n_gpu, 1)
    return arguments


def _steps(recipe: Recipe, rows: int) -> int:
    """That the size asks for; an altered copy is no other text."""
    altering = recipe.distillation.augmentation if recipe.distillation else None
    texts = rows // (1 + ((altering.copies or 0) if altering else 0))
    return min(max(STEPS, READ * _steps_per_epoch(recipe, texts)), MOST_STEPS)


def _steps_per_epoch(recipe: Recipe, rows: int) -> int:
    """Batches, or as many of them as are added up before the weights move."""
    together = recipe.training.batch_size
    added = (recipe.trainer or {}).get("gradient_accumulation_steps", 1)
    if not isinstance(added, int) or added < 1:  # transformers takes it, and fails when it trains
        raise RecipeError(
            f"trainer.gradient_accumulation_steps: a whole number from 1 on, not {added!r}"
        )
    return max(1, -(-rows // (together * added)))
