"""The Trainer with our order of texts, and with a student's losses in place of its own."""

import math
from typing import Any, cast

import datasets
import torch
from transformers import Trainer, TrainerCallback, TrainerControl, TrainerState, TrainingArguments
from transformers.trainer_callback import ProgressCallback

from training.errors import RecipeError
from training.loop.head import Head, weights_for
from training.loop.progress import Progress
from training.loop.sampling import BucketSampler
from training.models.embedding.embedding import SentenceEncoder
from training.models.heads import hard_loss
from training.quiet import hush
from training.recipe.teaching import Distillation, Losses
from training.teach.losses import (
    cosine_loss,
    distillation_loss,
    similarity_loss,
    token_distillation_loss,
)
from training.teach.rows import lengths_of
from training.teach.white_box import WhiteBox


class BucketTrainer(Trainer):
    """The Trainer, reading batches of like length in random order, rare labels as its head says.

    Args:
        head: what the labels are, and how they weigh.
    """

    def __init__(self, *args: Any, head: Head, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.head = head

    def _get_train_sampler(self, train_dataset: datasets.Dataset | None = None) -> BucketSampler:
        rows = cast(datasets.Dataset, train_dataset or self.train_dataset)
        size, seed = self.args.train_batch_size, self.args.seed
        return BucketSampler(lengths_of(rows), size, seed, self.head.row_weights(rows))

    def compute_loss(
        self,
        model: torch.nn.Module,
        inputs: dict[str, Any],
        return_outputs: bool = False,
        num_items_in_batch: torch.Tensor | int | None = None,
    ) -> Any:
        """The model's own loss, or while it trains by class weights `hard_loss`."""
        weights = self.head.class_weights
        if weights is None or not model.training:
            return super().compute_loss(model, inputs, return_outputs, num_items_in_batch)
        targets = inputs.pop("labels")
        outputs = model(**inputs)
        loss = hard_loss(outputs.logits, targets, self.head.problem, weights.to(targets.device))
        return (loss, outputs) if return_outputs else loss


class DistillationTrainer(BucketTrainer):
    """The Trainer with a student's mix of losses in place of plain cross-entropy."""

    def __init__(
        self, *args: Any, distillation: Distillation, white_box: WhiteBox | None, **kwargs: Any
    ) -> None:
        super().__init__(*args, **kwargs)
        self._weights = weights_for(distillation, self.head.problem)
        self._temperature = distillation.temperature
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
        targets, head = inputs.pop("labels"), self.head
        inner: torch.Tensor | float = 0.0
        if self._white_box is None:
            outputs = model(**inputs)
        else:
            outputs, inner = self._white_box.run(model, inputs)
        weights = self._weights
        class_weights = head.class_weights
        loss = inner + distillation_loss(
            outputs.logits,
            soft,
            targets,
            hard=weights.hard,
            kl=weights.kl,
            mse=weights.mse,
            temperature=self._temperature,
            problem=head.problem,
            class_weights=None if class_weights is None else class_weights.to(targets.device),
        )
        return (loss, outputs) if return_outputs else loss


class TaggingTrainer(BucketTrainer):
    """The Trainer of taggers, with a student's mix of losses where there is a teacher."""

    def __init__(self, *args: Any, distillation: Distillation | None, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._distillation = distillation

    def compute_loss(
        self,
        model: torch.nn.Module,
        inputs: dict[str, Any],
        return_outputs: bool = False,
        num_items_in_batch: torch.Tensor | int | None = None,
    ) -> Any:
        """`training.teach.losses.token_distillation_loss`; without a teacher the model's own."""
        soft = inputs.pop("teacher_logits", None)
        if soft is None or self._distillation is None:
            return super().compute_loss(model, inputs, return_outputs, num_items_in_batch)
        targets, taught = inputs.pop("labels"), inputs.pop("taught")
        outputs = model(**inputs)
        weights = self._distillation.weights
        loss = token_distillation_loss(
            outputs.logits,
            soft,
            targets,
            taught,
            hard=weights.hard,
            kl=weights.kl,
            mse=weights.mse,
            temperature=self._distillation.temperature,
        )
        return (loss, outputs) if return_outputs else loss


class EmbeddingTrainer(Trainer):
    """The Trainer of an embedder that learns a teacher's vectors; it is judged by its loss.

    Args:
        encoder: the model with its pooling, which gives vectors.
        losses: the weights of `cosine` and `similarity`.
        white_box: what it learns from inside its teacher; None: nothing.
    """

    def __init__(
        self,
        *args: Any,
        encoder: SentenceEncoder,
        losses: Losses,
        white_box: WhiteBox | None,
        **kwargs: Any,
    ) -> None:
        super().__init__(*args, **kwargs)
        self._encoder = encoder
        self._losses = losses
        self._white_box = white_box

    def _get_train_sampler(self, train_dataset: datasets.Dataset | None = None) -> BucketSampler:
        rows = cast(datasets.Dataset, train_dataset or self.train_dataset)
        return BucketSampler(lengths_of(rows), self.args.train_batch_size, self.args.seed)

    def compute_loss(
        self,
        model: torch.nn.Module,
        inputs: dict[str, Any],
        return_outputs: bool = False,
        num_items_in_batch: torch.Tensor | int | None = None,  # noqa: ARG002  the Trainer passes it
    ) -> Any:
        """See `training.teach.losses`."""
        wanted = inputs["teacher_logits"]
        # `model` may be wrapped, to share its gradients with other processes.
        read = {name: inputs[name] for name in ("input_ids", "attention_mask")}
        if self._white_box is None:
            found = self._encoder.pooled(model, **read)
            loss = torch.zeros((), device=found.device)
        else:
            outputs, loss = self._white_box.run(model, read)
            found = self._encoder.vectors(outputs, read["attention_mask"])
        if self._losses.cosine:
            loss = loss + self._losses.cosine * cosine_loss(found, wanted)
        if self._losses.similarity:
            loss = loss + self._losses.similarity * similarity_loss(found, wanted)
        return (loss, {"vectors": found}) if return_outputs else loss

    def prediction_step(
        self,
        model: torch.nn.Module,
        inputs: dict[str, Any],
        prediction_loss_only: bool,  # noqa: ARG002  the Trainer passes it
        ignore_keys: list[str] | None = None,  # noqa: ARG002
    ) -> tuple[torch.Tensor | None, torch.Tensor | None, torch.Tensor | None]:
        """The loss alone."""
        with torch.no_grad(), self.compute_loss_context_manager():
            loss = self.compute_loss(model, self._prepare_inputs(inputs))
        return loss.detach(), None, None


class Diverged(TrainerCallback):
    """Ends a training whose weights are no numbers any more, before it saves any of them."""

    def on_evaluate(
        self,
        args: TrainingArguments,
        state: TrainerState,
        control: TrainerControl,  # noqa: ARG002  the Trainer passes it
        **known: Any,
    ) -> None:
        """Called by the Trainer.

        Raises:
            RecipeError: the loss on the texts that choose is not finite.
        """
        loss = known["metrics"]["eval_loss"]
        if math.isfinite(loss):
            return
        remove = "" if args.save_strategy == "no" else f", and remove {args.output_dir}"
        raise RecipeError(
            f"the model diverged: its loss on the texts that choose is {loss} at step "
            f"{state.global_step}: lower training.learning_rate ({args.learning_rate:g}){remove}"
        )


def settle(trainer: Trainer) -> None:
    """Has a Trainer that was just made average losses, draw its bar and diverge as all here do."""
    trainer.add_callback(Diverged())
    # Whatever a model's `forward` takes, its loss is the mean over a batch: else the Trainer
    # multiplies it by the number of processes, and does not divide it by added batches.
    trainer.model_accepts_loss_kwargs = False
    if not trainer.args.disable_tqdm:
        trainer.remove_callback(ProgressCallback)
        trainer.add_callback(Progress())
    hush()  # the Trainer has switched bars on
