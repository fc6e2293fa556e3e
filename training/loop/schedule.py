"""A recipe's schedule in the Trainer's own terms."""

from pathlib import Path

import torch
from transformers import TrainingArguments

from training.recipe.recipe import Recipe


def trainer_arguments(recipe: Recipe, run: Path, rows: int, *, keep: bool) -> TrainingArguments:
    """What the Trainer is told.

    Args:
        run: the Trainer's directory.
        rows: texts that it reads in an epoch.
        keep: write checkpoints to `run` and end on the best; otherwise nothing is written and
            no bar is drawn.
    """
    schedule = recipe.training
    steps_per_epoch = max(1, -(-rows // schedule.batch_size))
    evaluate_every = max(1, steps_per_epoch // schedule.evaluations_per_epoch)
    arguments = TrainingArguments(
        output_dir=str(run),
        num_train_epochs=schedule.epochs,
        per_device_train_batch_size=schedule.batch_size,
        per_device_eval_batch_size=64,
        learning_rate=schedule.learning_rate,
        warmup_steps=schedule.warmup_ratio,  # below 1: a share of all steps
        weight_decay=schedule.weight_decay,
        max_grad_norm=schedule.max_grad_norm,
        lr_scheduler_type=schedule.scheduler,
        bf16=schedule.precision == "bf16",
        seed=schedule.seed,
        use_cpu=not torch.cuda.is_available(),
        eval_strategy="steps",
        eval_steps=evaluate_every,
        save_strategy="steps" if keep else "no",
        save_steps=evaluate_every,
        save_total_limit=2,
        load_best_model_at_end=keep,
        metric_for_best_model=schedule.choose_by,  # the Trainer wants the loss low
        logging_steps=max(1, evaluate_every // 10),
        report_to=[],
        remove_unused_columns=False,
        dataloader_pin_memory=False,
        disable_tqdm=not keep,
        # The recipe's batch is that of all processes together, each of which takes its part.
        accelerator_config={"split_batches": True},
    )
    # One GPU a process: several in one would each be given a batch of the recipe's size.
    arguments._n_gpu = min(arguments.n_gpu, 1)
    return arguments
