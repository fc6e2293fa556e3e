"""A student's loss by problem, against its formula written out in numpy."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from training.score.scores import FloatArray
from training.teach.losses import distillation_loss

LABELS = 3
LOGITS = st.lists(st.floats(-20, 20), min_size=LABELS, max_size=LABELS)
TABLE = st.lists(st.sampled_from([0.0, 1.0]), min_size=LABELS, max_size=LABELS)
ROWS = st.lists(st.tuples(LOGITS, LOGITS, TABLE), min_size=1, max_size=5)
WEIGHT = st.floats(0, 1)
NAN = float("nan")


def sigmoid(logits: FloatArray) -> FloatArray:
    """The logistic function."""
    result: FloatArray = 1 / (1 + np.exp(-logits))
    return result


def binary(logits: FloatArray, targets: FloatArray, yes: FloatArray | float = 1.0) -> FloatArray:
    """Minus the log-likelihood of each yes and no, a yes weighing `yes`."""
    log_yes, log_no = np.log(sigmoid(logits)), np.log(sigmoid(-logits))
    result: FloatArray = -(yes * targets * log_yes + (1 - targets) * log_no)
    return result


@given(rows=ROWS, hard=WEIGHT, kl=WEIGHT, mse=WEIGHT, temperature=st.floats(0.5, 10))
def test_several_labels_are_as_many_yes_and_no(
    rows: list[tuple[list[float], list[float], list[float]]],
    hard: float,
    kl: float,
    mse: float,
    temperature: float,
) -> None:
    """Binary cross-entropy, and T^2 KL between Bernoulli distributions, both means over labels."""
    student, teacher, targets = (np.array(each) for each in zip(*rows, strict=True))
    found = distillation_loss(
        torch.from_numpy(student),
        torch.from_numpy(teacher),
        torch.from_numpy(targets),
        hard=hard,
        kl=kl,
        mse=mse,
        temperature=temperature,
        problem="multi_label",
    )
    soft = np.zeros_like(student)
    for sign in (1, -1):  # of yes, and of no
        p, q = (sigmoid(sign * logits / temperature) for logits in (teacher, student))
        soft += p * np.log(p / q)
    parts = (
        hard * binary(student, targets).mean(),
        kl * temperature**2 * soft.mean(),
        mse * ((student - teacher) ** 2).mean(),
    )
    assert found.item() == pytest.approx(sum(parts), rel=1e-5, abs=1e-6)


def test_gradient_keeps_its_scale_with_several_labels() -> None:
    """At high temperature T^2 makes it a quarter of the difference of the logits, over the n."""
    student = torch.tensor([[1.0, -2.0], [0.0, 3.0]], dtype=torch.float64, requires_grad=True)
    teacher = torch.tensor([[2.0, 0.0], [1.0, 1.0]], dtype=torch.float64)
    loss = distillation_loss(
        student, teacher, torch.zeros(2, 2), hard=0.0, kl=1.0, temperature=1e4,
        problem="multi_label",
    )  # fmt: skip
    loss.backward()  # type: ignore[no-untyped-call]
    expected = (student.detach() - teacher) / 4 / student.numel()
    assert student.grad is not None
    assert torch.allclose(student.grad, expected, atol=1e-3)


@pytest.mark.parametrize(
    ("problem", "student", "targets", "expected"),
    [
        ("single_label", [[0.0, 0.0]] * 2, [1, -100], np.log(2) / 2),
        ("multi_label", [[0.0, 0.0]] * 2, [[1.0, 0.0], [NAN, NAN]], np.log(2) / 2),
        ("regression", [[3.0], [5.0]], [1.0, NAN], 4 / 2),
    ],
)
def test_texts_without_a_label_have_no_hard_loss(
    problem: str, student: list[list[float]], targets: list[float], expected: float
) -> None:
    """They count in the mean, and no gradient comes of them."""
    logits = torch.tensor(student, requires_grad=True)
    loss = distillation_loss(
        logits, torch.zeros_like(logits), torch.tensor(targets), hard=1.0, kl=0.0, temperature=1.0,
        problem=problem,  # type: ignore[arg-type]
    )  # fmt: skip
    loss.backward()  # type: ignore[no-untyped-call]
    assert loss.item() == pytest.approx(expected)
    assert logits.grad is not None
    assert logits.grad[0].abs().sum() > 0
    assert logits.grad[1].tolist() == [0.0] * logits.shape[1]


def test_a_number_is_compared_with_the_label_and_the_teacher() -> None:
    """Squared, each by its weight; there is no KL."""
    student, teacher = torch.tensor([[1.0], [2.0]]), torch.tensor([[0.0], [5.0]])
    targets = torch.tensor([3.0, 2.0])
    loss = distillation_loss(
        student, teacher, targets, hard=0.5, kl=0.0, mse=0.25, temperature=2.0, problem="regression"
    )
    assert loss.item() == pytest.approx(0.5 * (4 + 0) / 2 + 0.25 * (1 + 9) / 2)
    with pytest.raises(ValueError, match="has no KL"):
        distillation_loss(
            student, teacher, targets, hard=0.5, kl=0.5, temperature=2.0, problem="regression"
        )


def test_class_weights_weigh_the_labels_alone() -> None:
    """Of one label a text that of its label; of several those that it has; never the teacher."""
    weights = np.array([3.0, 0.5])
    logits = np.array([[1.0, -0.5], [0.2, 0.3]])
    teacher = torch.tensor([[0.0, 1.0], [1.0, 0.0]], dtype=torch.float64)

    def loss(problem: str, targets: list[object], hard: float, weighted: bool = True) -> float:
        found = distillation_loss(
            torch.from_numpy(logits), teacher, torch.tensor(targets), hard=hard, kl=1 - hard,
            temperature=2.0, problem=problem,  # type: ignore[arg-type]
            class_weights=torch.from_numpy(weights) if weighted else None,
        )  # fmt: skip
        return found.item()

    logs = np.log(np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True))
    single = -(3.0 * logs[0, 0] + 0.5 * logs[1, 1]) / 2
    assert loss("single_label", [0, 1], 1.0) == pytest.approx(single)
    several = np.array([[1.0, 0.0], [1.0, 1.0]])
    assert loss("multi_label", several.tolist(), 1.0) == pytest.approx(
        binary(logits, several, weights).mean(), rel=1e-6
    )
    soft = loss("single_label", [0, 1], 0.0)
    assert soft == loss("single_label", [0, 1], 0.0, weighted=False) > 0
