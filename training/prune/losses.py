"""The losses whose gradients say what matters, each summed over the texts of a batch."""

import torch
from torch.nn import functional

from training.models.heads import hard_loss, token_loss
from training.problem import UNLABELLED, ProblemType
from training.prune.importance import Batch, Loss
from training.recipe.teaching import Distillation


def labels_loss(problem: ProblemType, *, of_tokens: bool) -> Loss:
    """The task's own loss."""

    def loss(logits: torch.Tensor, batch: Batch) -> torch.Tensor:
        labels = batch["labels"]
        if of_tokens:
            return token_loss(logits, labels) * len(labels)
        return hard_loss(logits, labels, problem) * len(labels)

    return loss


def drawn_loss(spec: Distillation, problem: ProblemType, seed: int, *, of_tokens: bool) -> Loss:
    """The loss of labels drawn from the teacher's probabilities, as soft as distillation's.

    A regression has none: its logit is multiplied by a sign that is drawn, and the gradient's
    square is that of the squared difference from the teacher.
    """
    chosen = torch.Generator().manual_seed(seed)
    softened = spec.temperature

    def loss(logits: torch.Tensor, batch: Batch) -> torch.Tensor:
        soft = batch["teacher_logits"].cpu() / softened
        if of_tokens:
            soft, taught = soft.flatten(0, 1), batch["taught"].flatten()
            labels = _drawn(soft, chosen).to(logits.device).masked_fill(~taught, UNLABELLED)
            return functional.cross_entropy(
                logits.flatten(0, 1) / softened, labels, ignore_index=UNLABELLED, reduction="sum"
            )
        if problem == "regression":
            signs = torch.randint(0, 2, soft.shape, generator=chosen) * 2.0 - 1
            return (logits * signs.to(logits.device)).sum()
        if problem == "multi_label":
            yes = torch.bernoulli(soft.sigmoid(), generator=chosen).to(logits.device)
            return functional.binary_cross_entropy_with_logits(
                logits / softened, yes, reduction="sum"
            )
        labels = _drawn(soft, chosen).to(logits.device)
        return functional.cross_entropy(logits / softened, labels, reduction="sum")

    return loss


def _drawn(logits: torch.Tensor, chosen: torch.Generator) -> torch.Tensor:
    return torch.multinomial(logits.softmax(dim=-1), 1, generator=chosen).squeeze(-1)
