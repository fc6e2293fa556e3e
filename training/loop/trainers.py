"""The Trainer with our order of texts, and with a student's losses in place of its own."""

from typing import Any, cast

import datasets
import torch
from transformers import Trainer

from training.loop.head import Head, weights_for
from training.loop.sampling import BucketSampler
from training.models.heads import hard_loss
from training.recipe.teaching import Distillation
from training.teach.losses import distillation_loss
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
