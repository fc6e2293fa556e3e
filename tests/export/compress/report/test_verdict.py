"""The verdict in words."""

from types import SimpleNamespace
from typing import Any

import pytest

from export.compress.report.verdict import headline


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
