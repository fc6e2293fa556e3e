"""The losses against their formulas, written out in numpy."""

from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from training.problem import UNLABELLED
from training.recipe.teaching import Losses
from training.score.scores import FloatArray
from training.teach.losses import (
    cosine_loss,
    distillation_loss,
    hidden_loss,
    relation_loss,
    token_distillation_loss,
)

CLASSES = 3
ROW = st.lists(st.floats(-20, 20), min_size=CLASSES, max_size=CLASSES)
ROWS = st.lists(st.tuples(ROW, ROW, st.integers(0, CLASSES - 1)), min_size=1, max_size=6)
WEIGHT = st.floats(0, 1)
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
    weights: Losses,
    temperature: float,
) -> float:
    """Gives kl T^2 sum p log(p / q) - hard log softmax(z)[y] + mse mean (z - t)^2, as means."""

    def probabilities(logits: FloatArray) -> FloatArray:
        powers = np.exp(logits - logits.max(axis=1, keepdims=True))
        result: FloatArray = powers / powers.sum(axis=1, keepdims=True)
        return result

    p = probabilities(teacher.numpy() / temperature)
    q = probabilities(student.numpy() / temperature)
    soft = (p * np.log(p / q)).sum(axis=1).mean()
    rows = np.arange(len(targets))
    hard = -np.log(probabilities(student.numpy())[rows, targets.numpy()]).mean()
    squared = ((student.numpy() - teacher.numpy()) ** 2).mean()
    parts = weights.kl * temperature**2 * soft, weights.hard * hard, weights.mse * squared
    return float(sum(parts))


@given(rows=ROWS, hard=WEIGHT, kl=WEIGHT, mse=WEIGHT, temperature=TEMPERATURE)
def test_equals_the_formula(
    rows: list[tuple[list[float], list[float], int]],
    hard: float,
    kl: float,
    mse: float,
    temperature: float,
) -> None:
    """For any logits, weights and temperature the loss is what the papers write."""
    student, teacher, targets = tensors(rows)
    found = distillation_loss(
        student, teacher, targets, hard=hard, kl=kl, mse=mse, temperature=temperature
    )
    weights = Losses(hard=hard, kl=kl, mse=mse)
    expected = formula(student, teacher, targets, weights, temperature)
    assert found.item() == pytest.approx(expected, rel=1e-6, abs=1e-6)


@given(rows=ROWS, temperature=TEMPERATURE)
def test_the_hard_loss_is_cross_entropy(
    rows: list[tuple[list[float], list[float], int]], temperature: float
) -> None:
    """With the hard loss alone the teacher counts for nothing."""
    student, teacher, targets = tensors(rows)
    loss = distillation_loss(student, teacher, targets, hard=1.0, kl=0.0, temperature=temperature)
    assert torch.allclose(loss, torch.nn.functional.cross_entropy(student, targets))


@given(rows=ROWS, shift=st.floats(-5, 5), temperature=TEMPERATURE)
def test_equal_logits_cost_nothing(
    rows: list[tuple[list[float], list[float], int]], shift: float, temperature: float
) -> None:
    """A student that says what the teacher says has no loss, up to a constant."""
    student, teacher, targets = tensors(rows)
    same = distillation_loss(
        teacher + shift, teacher, targets, hard=0.0, kl=1.0, temperature=temperature
    )
    other = distillation_loss(student, teacher, targets, hard=0.0, kl=1.0, temperature=temperature)
    assert abs(same.item()) < 1e-9
    assert other.item() > -1e-9


def test_gradient_keeps_its_scale() -> None:
    """At high temperature T^2 makes the gradient the difference of centred logits over n.

    This is equation 4 of Hinton et al. 2015; without T^2 it would be near 0.
    """
    student = torch.tensor([[1.0, -2.0, 1.0], [0.0, 3.0, -3.0]], dtype=torch.float64)
    teacher = torch.tensor([[2.0, 0.0, -2.0], [1.0, 1.0, -2.0]], dtype=torch.float64)
    student.requires_grad_()
    distillation_loss(
        student, teacher, torch.tensor([0, 1]), hard=0.0, kl=1.0, temperature=1e4
    ).backward()  # type: ignore[no-untyped-call]
    expected = (student.detach() - teacher) / student.numel()
    assert torch.allclose(student.grad, expected, atol=1e-3)  # type: ignore[arg-type]


def test_no_gradient_into_the_teacher() -> None:
    """The student learns and the teacher does not."""
    student = torch.randn(2, CLASSES, requires_grad=True)
    teacher = torch.randn(2, CLASSES, requires_grad=True)
    loss = distillation_loss(
        student, teacher, torch.tensor([0, 1]), hard=0.5, kl=0.5, mse=1.0, temperature=2.0
    )
    loss.backward()  # type: ignore[no-untyped-call]
    assert teacher.grad is None
    assert student.grad is not None
    assert student.grad.abs().sum() > 0


def test_equal_logits_have_no_squared_difference() -> None:
    """The loss on logits is nothing for equal ones, and sees a constant, unlike the KL."""
    logits = torch.tensor([[1.0, -2.0, 0.5]])
    targets = torch.tensor([0])

    def squared(student: torch.Tensor) -> float:
        parts = {"hard": 0.0, "kl": 0.0, "mse": 1.0, "temperature": 1.0}
        return distillation_loss(student, logits, targets, **parts).item()  # type: ignore[arg-type]

    assert squared(logits) == 0
    assert squared(logits + 3) == pytest.approx(9)


def test_cosine_is_of_the_angle() -> None:
    """Length does not count: the same direction costs 0, a right angle 1, the opposite 2."""
    teacher = torch.tensor([[1.0, 0.0], [0.0, 2.0], [3.0, 0.0]])
    student = torch.tensor([[5.0, 0.0], [1.0, 0.0], [-1.0, 0.0]])
    for row, expected in enumerate((0.0, 1.0, 2.0)):
        alone = cosine_loss(student[row : row + 1], teacher[row : row + 1])
        assert alone.item() == pytest.approx(expected, abs=1e-6)
    assert cosine_loss(student, teacher).item() == pytest.approx(1.0, abs=1e-6)


def test_hidden_states_of_padding_do_not_count() -> None:
    """The mean is over real tokens, whatever lies in the padding."""
    student = torch.tensor([[[1.0, 2.0], [9.0, 9.0]], [[0.0, 0.0], [2.0, 4.0]]])
    teacher = torch.tensor([[[0.0, 0.0], [-9.0, 7.0]], [[0.0, 0.0], [0.0, 0.0]]])
    mask = torch.tensor([[1, 0], [1, 1]])
    expected = (1 + 4 + 0 + 0 + 4 + 16) / 6
    assert hidden_loss(student, teacher, mask).item() == pytest.approx(expected)
    assert hidden_loss(student, student, mask).item() == 0


def relation(a: FloatArray, b: FloatArray) -> FloatArray:
    """Gives softmax(a b^T / sqrt(size)) of one head of one text."""
    scores = np.exp(a @ b.T / np.sqrt(a.shape[1]))
    result: FloatArray = scores / scores.sum(axis=1, keepdims=True)
    return result


def test_relations_are_minilms() -> None:
    """The KL of the relations, as the mean over texts' real tokens and heads, sizes apart."""
    generator = torch.Generator().manual_seed(0)
    heads, lengths = 3, (4, 2)

    def states(size: int) -> torch.Tensor:
        return torch.randn(len(lengths), heads, max(lengths), size, generator=generator)

    student, teacher = (states(5), states(5)), (states(7), states(7))
    mask = (torch.arange(max(lengths)) < torch.tensor(lengths)[:, None]).long()
    rows = []
    for text, n in enumerate(lengths):
        for head in range(heads):
            p, q = (
                relation(a[text, head, :n].numpy(), b[text, head, :n].numpy())
                for a, b in (teacher, student)
            )
            rows += (p * np.log(p / q)).sum(axis=1).tolist()
    assert relation_loss(student, teacher, mask).item() == pytest.approx(np.mean(rows), rel=1e-4)
    assert relation_loss(student, student, mask).item() == pytest.approx(0, abs=1e-6)


def test_inner_losses_teach_the_student_alone() -> None:
    """Gradients flow into the student's states, never into the teacher's, and are finite."""
    mask = torch.tensor([[1, 1, 0], [1, 1, 1]])
    for loss, shape in (
        (lambda a, b: cosine_loss(a, b), (2, 4)),
        (lambda a, b: hidden_loss(a, b, mask), (2, 3, 4)),
        (lambda a, b: relation_loss((a, a), (b, b), mask), (2, 2, 3, 4)),
    ):
        student, teacher = (torch.randn(shape, requires_grad=True) for _ in range(2))
        loss(student, teacher).backward()  # type: ignore[no-untyped-call]
        assert teacher.grad is None
        assert student.grad is not None
        assert student.grad.isfinite().all()
        assert student.grad.abs().sum() > 0


def test_tokens_weigh_as_texts_do() -> None:
    """Of a text that nobody labelled the hard term is 0, and counts in the mean all the same."""
    draw = torch.Generator().manual_seed(1)
    student, teacher = torch.randn(2, 8, CLASSES, generator=draw, dtype=torch.float64)
    targets = torch.tensor([0, 2, 1, 0, *[UNLABELLED] * 4])
    weights: Any = {"hard": 0.5, "kl": 0.5, "mse": 0.25, "temperature": 2.0}
    of_texts = distillation_loss(student, teacher, targets, **weights)
    of_tokens = token_distillation_loss(
        student.reshape(2, 4, CLASSES),
        teacher.reshape(2, 4, CLASSES),
        targets.reshape(2, 4),
        torch.ones(2, 4, dtype=torch.bool),
        **weights,
    )
    assert of_tokens.item() == pytest.approx(of_texts.item())
