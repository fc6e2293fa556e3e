"""What a classifier's head is asked to say, by problem: its loss against labels.

Knows nothing of teachers.
"""

import torch
from torch.nn import functional

from training.problem import UNLABELLED, ProblemType


def hard_loss(
    logits: torch.Tensor,
    targets: torch.Tensor,
    problem: ProblemType,
    weights: torch.Tensor | None = None,
) -> torch.Tensor:
    """Cross-entropy with one label a text, binary cross-entropy with several, squared error.

    Averaged over the batch, and with several labels over them too; a text without a label counts
    in the mean and has no loss.

    Args:
        logits: (batch, labels), of a regression (batch, 1).
        targets: single label (batch,) class indices, UNLABELLED where there is none; multi-label
            (batch, labels) of 0 and 1, and regression (batch,) numbers, NaN where there is none.
        weights: (labels,): single label, of each class's loss; multi-label, of the loss of texts
            that have the label (torch's `pos_weight`).

    Returns:
        A scalar.
    """
    logits = logits.float() if logits.dtype in (torch.float16, torch.bfloat16) else logits
    if problem == "single_label":
        summed = functional.cross_entropy(
            logits, targets, weight=weights, ignore_index=UNLABELLED, reduction="sum"
        )
        return summed / len(targets)
    targets = targets.to(logits.dtype)
    known = ~torch.isnan(targets)
    wanted = targets.nan_to_num()
    if problem == "multi_label":
        each = functional.binary_cross_entropy_with_logits(
            logits, wanted, pos_weight=weights, reduction="none"
        )
    else:
        each = (logits.squeeze(-1) - wanted) ** 2
    return (each * known).mean()


def token_loss(logits: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
    """Cross-entropy averaged over the tokens of a batch that have a label.

    Args:
        logits: (batch, time, labels).
        labels: (batch, time), UNLABELLED for padding and for what is not learnt from.

    Returns:
        A scalar; 0 where no token has a label.
    """
    summed = functional.cross_entropy(
        logits.flatten(0, 1), labels.flatten(), ignore_index=UNLABELLED, reduction="sum"
    )
    return summed / (labels != UNLABELLED).sum().clamp(min=1)
