"""A comparison's picture: what it draws, and what it leaves out."""

from typing import Any

import pytest

from export.bench.plot import svg
from export.bench.results import Alone, Bench, Figure, Judged, Row


def row(title: str, judged: Judged) -> Row:
    """A model of which no more is drawn."""
    alone = Alone(mean_ms=1.0, p50_ms=1.0, p95_ms=1.0, p99_ms=1.0)
    fields: dict[str, Any] = {"title": title, "judged": judged, "alone": alone, "bytes": 1_000_000}
    return Row.model_construct(**fields)


@pytest.mark.parametrize(
    ("quality", "first", "second", "drawn"),
    [
        ("correlation", Judged(quality=Figure(value=0.8)), Judged(quality=None), ["a"]),
        ("correlation", Judged(quality=None), Judged(quality=None), []),
        (None, Judged(quality=None), Judged(quality=None, agreement=Figure(value=0.5)), ["a", "b"]),
    ],
    ids=["a constant", "two constants", "agreement"],
)
def test_what_has_no_figure_is_left_out(
    quality: str | None, first: Judged, second: Judged, drawn: list[str]
) -> None:
    """A model without a correlation is not the best; the first agrees with itself."""
    fields: dict[str, Any] = {
        "rows": (row("a", first), row("b", second)),
        "quality_name": quality,
        "agreement_name": "the same labels",
        "runs": 3,
        "n": 10,
    }
    picture = svg(Bench.model_construct(**fields))
    assert [name for name in ("a", "b") if f"{name}, 1.0 MB" in picture] == drawn
