"""The verdict in words."""

from types import SimpleNamespace
from typing import Any

import pytest

from export.compress.report.verdict import headline, verdict


def test_what_the_texts_that_choose_refused_is_told_by_their_loss() -> None:
    """The advice is a limit above the larger of the two losses, and none past a gate."""
    one = SimpleNamespace(
        title="nano INT8",
        chosen_loss=0.03,
        quality=0.896,
        comparison=None,
        metrics=SimpleNamespace(n=500),
        mean_ms=1.0,
        bytes=1,
        gate=(),
        texts_per_second=2000.0,
        memory_bytes=None,
    )
    teacher = SimpleNamespace(quality=0.9, mean_ms=3.0, bytes=4, texts_per_second=500.0)
    measured: Any = SimpleNamespace(
        quality_name="accuracy",
        student=None,
        nearest=one,
        teacher=teacher,
        reference=teacher,
        reference_name="the teacher in FP32",
        candidates=(teacher, one),
        labels=None,
        earlier=(),
    )
    limits: Any = SimpleNamespace(loss=0.01)
    told = verdict(limits, measured)
    assert "loses 0.40 points of accuracy on 500 texts and 3.00 on those that choose" in (
        headline(told, measured)
    )
    assert "more loss: --max-accuracy-loss 0.031 allows what nano INT8 lost" in told.advice
    one.gate = ("agreement 0.9",)
    assert not any("more loss" in line for line in verdict(limits, measured).advice)


@pytest.mark.parametrize(
    ("loss", "low", "high", "said"),
    [
        (0.004, -0.001, 0.009, "it loses 0.40 points (-0.10 to 0.90) of accuracy on 500 texts"),
        (-0.1, -0.2, -0.05, "it gains 10.00 points (5.00 to 20.00) of accuracy on 500 texts"),
        (-0.1, None, None, "it gains 10.00 points of accuracy on 500 texts"),
    ],
)
def test_a_gain_is_told_as_one(
    loss: float, low: float | None, high: float | None, said: str
) -> None:
    """A loss below zero has to be read twice. Both speeds are named: alone, and in batches."""
    student = SimpleNamespace(texts_per_second=2000.0, memory_bytes=None, mean_ms=1.0)
    teacher = SimpleNamespace(texts_per_second=500.0, memory_bytes=None, mean_ms=3.0)
    measured: Any = SimpleNamespace(
        quality_name="accuracy", student=student, nearest=None, reference=teacher, earlier=()
    )
    verdict: Any = SimpleNamespace(
        name="nano INT8",
        keeps=True,
        loss=loss,
        low=low,
        high=high,
        n=500,
        limit=0.01,
        faster=3.0,
        smaller=4.0,
        than="the teacher in FP32",
    )
    assert headline(verdict, measured) == (
        f"nano INT8 keeps the promise: {said}, at most 1 may be lost, and is 3.0 times faster for "
        "a text alone (in batches 2,000 a second on a core, and not 500) and 4.0 times smaller "
        "than the teacher in FP32."
    )
