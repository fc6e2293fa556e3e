"""The recipe's `[trainer]` table: what goes to `TrainingArguments` as it is.

What the recipe decides elsewhere is refused here, so that no value is said twice.
"""

import dataclasses
import difflib
from collections.abc import Mapping
from typing import Any

from transformers import Trainer, TrainingArguments
from transformers.integrations.integration_utils import get_reporting_integration_callbacks

from training.errors import RecipeError

# Who decides what the Trainer would be told.
DECIDED = {
    "output_dir": "--output",
    "resume_from_checkpoint": "--resume",
    "num_train_epochs": "training.epochs",
    "max_steps": "training.epochs or training.steps",
    "per_device_train_batch_size": "training.batch_size",
    "auto_find_batch_size": "training.batch_size",
    "learning_rate": "training.learning_rate",
    "warmup_ratio": "training.warmup_ratio",
    "warmup_steps": "training.warmup_ratio",
    "weight_decay": "training.weight_decay",
    "max_grad_norm": "training.max_grad_norm",
    "lr_scheduler_type": "training.scheduler",
    "bf16": "training.precision",
    "fp16": "training.precision",
    "seed": "training.seed",
    "data_seed": "training.seed",
    "full_determinism": "training.seed",
    "eval_strategy": "training.evaluations_per_epoch",
    "eval_steps": "training.evaluations_per_epoch",
    "save_strategy": "training.evaluations_per_epoch",
    "save_steps": "training.evaluations_per_epoch",
    "metric_for_best_model": "training.choose_by",
    "greater_is_better": "training.choose_by",
    "load_best_model_at_end": "training.choose_by",
    "label_smoothing_factor": "distillation.losses",
    "train_sampling_strategy": "the order of texts, in batches of like length",
    "dataloader_drop_last": "the texts that choose, each of which counts",
    "prediction_loss_only": "training.choose_by",
    "eval_do_concat_batches": "training.choose_by",
    "batch_eval_metrics": "training.choose_by",
    "remove_unused_columns": "the rows, which hold what is read and no more",
    "accelerator_config": "training.batch_size, that of all processes together",
}


def passed_arguments(table: Mapping[str, Any]) -> dict[str, Any]:
    """The table as arguments of `TrainingArguments`.

    Raises:
        RecipeError: with one line for each key that cannot be passed.
    """
    known = sorted(field.name for field in dataclasses.fields(TrainingArguments) if field.init)
    wrong = []
    for key in table:
        if key in DECIDED:
            wrong.append(f"  trainer.{key}: the recipe decides it by {DECIDED[key]}")
        elif key not in known:
            near = difflib.get_close_matches(key, known, n=3)
            advice = f"; near it are {', '.join(near)}" if near else ""
            wrong.append(f"  trainer.{key}: transformers.TrainingArguments has none{advice}")
    if wrong:
        raise RecipeError("[trainer] cannot be passed on:\n" + "\n".join(wrong))
    return dict(table)


def check_trackers(report_to: str | list[str]) -> None:
    """Refuses trackers that are not there, which the Trainer would find after the labelling.

    Raises:
        RecipeError: `trainer.report_to` names one that is unknown or not installed.
    """
    names = [report_to] if isinstance(report_to, str) else report_to
    try:
        for tracker in get_reporting_integration_callbacks([n for n in names if n != "none"]):
            tracker()
    except (ImportError, RuntimeError, ValueError, AssertionError) as error:
        raise RecipeError(f"trainer.report_to: {error}") from error


def check_optimizer(arguments: TrainingArguments) -> None:
    """Refuses an optimiser that is not there, which the Trainer would find after the labelling.

    Raises:
        RecipeError: `trainer.optim` names one of a library that is not installed.
    """
    try:
        Trainer.get_optimizer_cls_and_kwargs(arguments)
    except (ImportError, ValueError) as error:  # some are made for a model, and say so
        if isinstance(error, ImportError) or "install" in str(error):
            raise RecipeError(f"trainer.optim: {error}") from error
