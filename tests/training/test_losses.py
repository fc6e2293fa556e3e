"""The distillation loss against its formula, written out in numpy."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from training.evaluation import FloatArray
from training.losses import distillation_loss

CLASSES = 3
ROW = st.lists(st.floats(-20, 20), min_size=CLASSES, max_size=CLASSES)
ROWS = st.lists(st.tuples(ROW, ROW, st.integers(0, CLASSES - 1)), min_size=1, max_size=6)
ALPHA = st.floats(0, 1)
TEMPERATURE = st.floats(0.5, 10)


def tensors(
    rows: list[tuple[list[float], list[float], int]],
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Student's logits, teacher's logits and targets in double precision."""
    student, teacher, targets = zip(*rows, strict=True)
    return (
        torch.tensor(student, dtype=torch.float64),
        torch.tensor(teacher, dtype=torch.float64),
        torch.tensor(targets),
    )


def formula(
    student: torch.Tensor,
    teacher: torch.Tensor,
    targets: torch.Tensor,
    alpha: float,
    temperature: float,
) -> float:
    """Gives alpha T^2 sum p log(p / q) - (1 - alpha) log softmax(z)[y], averaged over the batch."""

    def probabilities(logits: FloatArray) -> FloatArray:
        powers = np.exp(logits - logits.max(axis=1, keepdims=True))
        result: FloatArray = powers / powers.sum(axis=1, keepdims=True)
        return result

    p = probabilities(teacher.numpy() / temperature)
    q = probabilities(student.numpy() / temperature)
    soft = (p * np.log(p / q)).sum(axis=1).mean()
    rows = np.arange(len(targets))
    hard = -np.log(probabilities(student.numpy())[rows, targets.numpy()]).mean()
    return float(alpha * temperature**2 * soft + (1 - alpha) * hard)


@given(rows=ROWS, alpha=ALPHA, temperature=TEMPERATURE)
def test_equals_the_formula(
    rows: list[tuple[list[float], list[float], int]], alpha: float, temperature: float
) -> None:
    """For any logits, alpha and temperature the loss is what the paper writes."""
    student, teacher, targets = tensors(rows)
    loss = distillation_loss(student, teacher, targets, alpha=alpha, temperature=temperature)
    assert loss.item() == pytest.approx(
        formula(student, teacher, targets, alpha, temperature), rel=1e-6, abs=1e-6
    )


@given(rows=ROWS, temperature=TEMPERATURE)
def test_alpha_zero_is_cross_entropy(
    rows: list[tuple[list[float], list[float], int]], temperature: float
) -> None:
    """With alpha 0 the teacher counts for nothing."""
    student, teacher, targets = tensors(rows)
    loss = distillation_loss(student, teacher, targets, alpha=0.0, temperature=temperature)
    assert torch.allclose(loss, torch.nn.functional.cross_entropy(student, targets))


@given(rows=ROWS, shift=st.floats(-5, 5), temperature=TEMPERATURE)
def test_equal_logits_cost_nothing(
    rows: list[tuple[list[float], list[float], int]], shift: float, temperature: float
) -> None:
    """With alpha 1 a student that says what the teacher says has no loss, up to a constant."""
    student, teacher, targets = tensors(rows)
    same = distillation_loss(teacher + shift, teacher, targets, alpha=1.0, temperature=temperature)
    other = distillation_loss(student, teacher, targets, alpha=1.0, temperature=temperature)
    assert abs(same.item()) < 1e-9
    assert other.item() > -1e-9


def test_gradient_keeps_its_scale() -> None:
    """At high temperature T^2 makes the gradient the difference of centred logits over n.

    This is equation 4 of Hinton et al. 2015; without T^2 it would be near 0.
    """
    student = torch.tensor([[1.0, -2.0, 1.0], [0.0, 3.0, -3.0]], dtype=torch.float64)
    teacher = torch.tensor([[2.0, 0.0, -2.0], [1.0, 1.0, -2.0]], dtype=torch.float64)
    student.requires_grad_()
    distillation_loss(student, teacher, torch.tensor([0, 1]), alpha=1.0, temperature=1e4).backward()  # type: ignore[no-untyped-call]
    expected = (student.detach() - teacher) / student.numel()
    assert torch.allclose(student.grad, expected, atol=1e-3)  # type: ignore[arg-type]


def test_no_gradient_into_the_teacher() -> None:
    """The student learns and the teacher does not."""
    student = torch.randn(2, CLASSES, requires_grad=True)
    teacher = torch.randn(2, CLASSES, requires_grad=True)
    loss = distillation_loss(student, teacher, torch.tensor([0, 1]), alpha=0.5, temperature=2.0)
    loss.backward()  # type: ignore[no-untyped-call]
    assert teacher.grad is None
    assert student.grad is not None
    assert student.grad.abs().sum() > 0
