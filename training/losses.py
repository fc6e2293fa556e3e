"""Loss functions on logits. Know nothing of models or data."""

import torch
from torch.nn import functional

UNLABELLED = -100  # torch's own mark


def distillation_loss(
    student_logits: torch.Tensor,
    teacher_logits: torch.Tensor,
    targets: torch.Tensor,
    *,
    alpha: float,
    temperature: float,
) -> torch.Tensor:
    """The dual loss of Hinton et al. 2015, arXiv:1503.02531.

    `alpha * T^2 * KL(teacher || student) + (1 - alpha) * CE(student, targets)`, both terms
    averaged over the batch; T^2 keeps the soft term's gradient on one scale as T changes.

    Args:
        student_logits: (batch, classes).
        teacher_logits: (batch, classes); no gradient flows into them.
        targets: (batch,), class indices; UNLABELLED rows have the soft term alone.

    Returns:
        A scalar.
    """
    soft = functional.kl_div(
        functional.log_softmax(student_logits / temperature, dim=-1),
        functional.log_softmax(teacher_logits.detach() / temperature, dim=-1),
        reduction="batchmean",
        log_target=True,
    )
    hard = functional.cross_entropy(
        student_logits, targets, ignore_index=UNLABELLED, reduction="sum"
    ) / len(targets)
    return alpha * temperature**2 * soft + (1 - alpha) * hard
