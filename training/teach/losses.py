"""Loss functions of distillation, on tensors. Know nothing of models or data."""

import torch
from torch.nn import functional

from training.models.heads import hard_loss, token_loss
from training.problem import UNLABELLED, ProblemType

Pair = tuple[torch.Tensor, torch.Tensor]
SHARPNESS = 0.05  # the temperature of cosines, as contrastive training of embedders has it


def distillation_loss(
    student_logits: torch.Tensor,
    teacher_logits: torch.Tensor,
    targets: torch.Tensor,
    *,
    hard: float,
    kl: float,
    temperature: float,
    mse: float = 0.0,
    problem: ProblemType = "single_label",
    class_weights: torch.Tensor | None = None,
) -> torch.Tensor:
    """`hard * CE(student, targets) + kl * T^2 * KL(teacher || student) + mse * MSE`.

    The first two are the dual loss of Hinton et al. 2015, arXiv:1503.02531; T^2 keeps the soft
    term's gradient on one scale as T changes. The third, on the logits as they are, is the loss
    of Ba and Caruana 2014, arXiv:1312.6184. All are averaged over the batch.

    With several labels a text each is a yes or no of its own: CE is binary, KL is between two
    Bernoulli distributions, and both are averaged over the labels. A regression's CE is the
    squared difference from the label; it has no KL.

    Args:
        student_logits: (batch, labels).
        teacher_logits: (batch, labels); no gradient flows into them.
        targets: by problem, see `training.models.heads.hard_loss`; rows without a label have no
            hard term.
        class_weights: of the hard term alone.

    Returns:
        A scalar.

    Raises:
        ValueError: a KL is asked of a regression.
    """
    teacher_logits = teacher_logits.detach()
    loss = hard * hard_loss(student_logits, targets, problem, class_weights)
    loss = loss + mse * functional.mse_loss(student_logits, teacher_logits)
    if problem == "regression":
        if kl:
            raise ValueError("a regression's logit is no distribution, so it has no KL")
        return loss
    log_probabilities = _log_softmax if problem == "single_label" else _log_bernoulli
    soft = functional.kl_div(
        log_probabilities(student_logits / temperature),
        log_probabilities(teacher_logits / temperature),
        reduction="sum",
        log_target=True,
    )
    distributions = len(targets) if problem == "single_label" else student_logits.numel()
    return loss + kl * temperature**2 * soft / distributions


def token_distillation_loss(
    student_logits: torch.Tensor,
    teacher_logits: torch.Tensor,
    targets: torch.Tensor,
    taught: torch.Tensor,
    *,
    hard: float,
    kl: float,
    mse: float,
    temperature: float,
) -> torch.Tensor:
    """`distillation_loss` of each token, averaged over the tokens that count.

    Args:
        student_logits, teacher_logits: (batch, time, labels).
        targets: (batch, time), UNLABELLED where there is no hard term.
        taught: (batch, time), whether the teacher's word counts: of no special token, no padding,
            and no part of a word that is not learnt.

    Returns:
        A scalar.
    """
    student, teacher = student_logits[taught], teacher_logits[taught].detach()
    tokens = taught.sum().clamp(min=1)
    soft = functional.kl_div(
        _log_softmax(student / temperature),
        _log_softmax(teacher / temperature),
        reduction="sum",
        log_target=True,
    )
    # A token without a label counts in the mean, as a text without one does.
    labelled = (targets != UNLABELLED).sum() / tokens
    loss = hard * labelled * token_loss(student_logits, targets)
    loss = loss + kl * temperature**2 * soft / tokens
    if mse:
        loss = loss + mse * functional.mse_loss(student, teacher, reduction="sum") / (
            tokens * student.shape[-1]
        )
    return loss


def _log_softmax(logits: torch.Tensor) -> torch.Tensor:
    return functional.log_softmax(logits, dim=-1)


def _log_bernoulli(logits: torch.Tensor) -> torch.Tensor:
    """(batch, labels, 2): of no and of yes, exact for large logits of either sign."""
    return torch.stack([functional.logsigmoid(-logits), functional.logsigmoid(logits)], dim=-1)


def cosine_loss(student: torch.Tensor, teacher: torch.Tensor) -> torch.Tensor:
    """One less the cosine between sentence embeddings, averaged over the batch.

    Args:
        student: (batch, width).
        teacher: (batch, width); no gradient flows into it.
    """
    return (1 - functional.cosine_similarity(student, teacher.detach(), dim=-1)).mean()


def similarity_loss(student: torch.Tensor, teacher: torch.Tensor) -> torch.Tensor:
    """KL between how two models see the texts of a batch beside each other.

    Each text's cosines with the others, divided by `SHARPNESS`, are a distribution over them by
    softmax (as the relations of Park et al. 2019, arXiv:1904.05068, and the contrast of
    Fang et al. 2021, arXiv:2101.04731). It needs no vectors of one size.

    Args:
        student: (batch, its width); of a batch of one there is no loss.
        teacher: (batch, its own width); no gradient flows into it.
    """
    if len(student) < 2:
        return student.sum() * 0.0
    divergence = functional.kl_div(
        _log_similarities(student),
        _log_similarities(teacher.detach()),
        reduction="batchmean",
        log_target=True,
    )
    return divergence


def _log_similarities(vectors: torch.Tensor) -> torch.Tensor:
    """(batch, batch - 1): of each text among the others."""
    even = functional.normalize(vectors.float(), dim=-1)
    rows = len(even)
    others = ~torch.eye(rows, dtype=torch.bool, device=even.device)
    return functional.log_softmax((even @ even.T)[others].view(rows, -1) / SHARPNESS, dim=-1)


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
