"""Loss functions of distillation, on tensors. Know nothing of models or data."""

import torch
from torch.nn import functional

UNLABELLED = -100  # torch's own mark

Pair = tuple[torch.Tensor, torch.Tensor]


def distillation_loss(
    student_logits: torch.Tensor,
    teacher_logits: torch.Tensor,
    targets: torch.Tensor,
    *,
    hard: float,
    kl: float,
    temperature: float,
    mse: float = 0.0,
) -> torch.Tensor:
    """`hard * CE(student, targets) + kl * T^2 * KL(teacher || student) + mse * MSE`.

    The first two are the dual loss of Hinton et al. 2015, arXiv:1503.02531; T^2 keeps the soft
    term's gradient on one scale as T changes. The third, on the logits as they are, is the loss
    of Ba and Caruana 2014, arXiv:1312.6184. All are averaged over the batch.

    Args:
        student_logits: (batch, classes).
        teacher_logits: (batch, classes); no gradient flows into them.
        targets: (batch,), class indices; UNLABELLED rows have no hard term.

    Returns:
        A scalar.
    """
    teacher_logits = teacher_logits.detach()
    cross_entropy = functional.cross_entropy(
        student_logits, targets, ignore_index=UNLABELLED, reduction="sum"
    ) / len(targets)
    soft = functional.kl_div(
        functional.log_softmax(student_logits / temperature, dim=-1),
        functional.log_softmax(teacher_logits / temperature, dim=-1),
        reduction="batchmean",
        log_target=True,
    )
    squared = functional.mse_loss(student_logits, teacher_logits)
    return hard * cross_entropy + kl * temperature**2 * soft + mse * squared


def cosine_loss(student: torch.Tensor, teacher: torch.Tensor) -> torch.Tensor:
    """One less the cosine between sentence embeddings, averaged over the batch.

    Args:
        student: (batch, width).
        teacher: (batch, width); no gradient flows into it.
    """
    return (1 - functional.cosine_similarity(student, teacher.detach(), dim=-1)).mean()


def hidden_loss(
    student: torch.Tensor, teacher: torch.Tensor, attention_mask: torch.Tensor
) -> torch.Tensor:
    """Mean squared difference of hidden states over the tokens (TinyBERT, arXiv:1909.10351).

    Args:
        student: (batch, time, width).
        teacher: (batch, time, width); no gradient flows into it.
        attention_mask: (batch, time), 0 for padding, which does not count.
    """
    real = attention_mask.bool()
    return functional.mse_loss(student[real], teacher.detach()[real])


def relation_loss(student: Pair, teacher: Pair, attention_mask: torch.Tensor) -> torch.Tensor:
    """KL between the scaled dot-product relations of two models' tokens.

    A relation is `softmax(a b^T / sqrt(size))`. With queries and keys it is the attention
    distribution, with values twice the value relation of MiniLM (Wang et al. 2020,
    arXiv:2002.10957, equations 5 and 7). Averaged over heads and tokens.

    Args:
        student: a and b, each (batch, heads, time, size).
        teacher: the same of the teacher, whose size may differ; no gradient flows into it.
        attention_mask: (batch, time), 0 for padding, which neither relates nor is related to.
    """
    divergence = functional.kl_div(
        _log_relation(*student, attention_mask),
        _log_relation(*teacher, attention_mask).detach(),
        reduction="none",
        log_target=True,
    ).sum(dim=-1)
    return divergence.mean(dim=1)[attention_mask.bool()].mean()


def _log_relation(a: torch.Tensor, b: torch.Tensor, attention_mask: torch.Tensor) -> torch.Tensor:
    scores = (a @ b.transpose(-1, -2) / a.shape[-1] ** 0.5).float()
    padding = attention_mask[:, None, None, :] == 0
    # Not -inf: 0 * (inf - inf) would be no number.
    return functional.log_softmax(scores.masked_fill(padding, -1e9), dim=-1)
