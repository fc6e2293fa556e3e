"""Tables of scores for a terminal."""

from collections.abc import Iterator, Sequence

from training.score.scores import LabelScores


def label_table(found: Sequence[LabelScores], labels: Sequence[str]) -> Iterator[str]:
    """The scores of each label, with the interval of its recall."""
    width = max(5, *(len(label) for label in labels))
    yield ""
    yield f"{'label':<{width}}  {'n':>6}  precision  recall  (95%)             F1"
    for label, one in zip(labels, found, strict=True):
        interval = ""
        if one.recall_low is not None and one.recall_high is not None:
            interval = f"{one.recall_low:.3f} to {one.recall_high:.3f}"
        yield (
            f"{label:<{width}}  {one.n:>6}  {_share(one.precision):>9}  {_share(one.recall):>6}  "
            f"{interval:<16}  {one.f1:.3f}"
        )


def _share(value: float | None) -> str:
    return "-" if value is None else f"{value:.3f}"
