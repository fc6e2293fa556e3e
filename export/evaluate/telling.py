"""An evaluation in words and tables, for a terminal."""

from collections.abc import Iterator, Sequence

import numpy as np
import numpy.typing as npt

from export.evaluate.evaluation import Evaluation
from export.evaluate.tables import label_table
from training.score.paired import Paired
from training.score.scores import RegressionScores, Scores

WIDEST_TABLE = 12  # labels: a larger confusion is told by its largest errors
MOST_ERRORS = 15


def lines(
    title: str, found: Evaluation, labels: Sequence[str], column: str | None
) -> Iterator[str]:
    """All that an evaluation found; `column` is what its slices are of."""
    yield f"{title}: {headline(found.scores)}"
    if isinstance(found.scores, Scores):
        yield f"expected calibration error {found.scores.ece:.4f}"
        yield from label_table(found.scores.by_label, labels)
        if found.confusion is not None:
            yield from _confusion(found.confusion, labels)
        if never := found.scores.never_given(labels):
            yield f"WARNING: no text is ever given the labels {', '.join(never)}"
    if found.slices:
        yield from ("", f"by {column}")
        for one in found.slices:
            yield f"  {one.value or '(none)'}: {headline(one.scores)}"


def headline(found: Scores | RegressionScores) -> str:
    """The one figure, with its interval at 95% and its n."""
    if isinstance(found, RegressionScores):
        if found.pearson is None:
            return (
                f"no correlation, as one side does not vary; mean absolute error "
                f"{found.mean_absolute_error:.4f} (n {found.n})"
            )
        return (
            f"Pearson {found.pearson:.4f} ({found.pearson_low:.4f} to {found.pearson_high:.4f}, "
            f"n {found.n}), Spearman {found.spearman:.4f}, mean absolute error "
            f"{found.mean_absolute_error:.4f}"
        )
    several = "" if found.micro_f1 is None else f", micro F1 {found.micro_f1:.4f}"
    kind = "accuracy" if found.micro_f1 is None else "all labels right"
    return (
        f"{kind} {found.accuracy:.4f} ({found.accuracy_low:.4f} to {found.accuracy_high:.4f}, "
        f"n {found.n}), macro F1 {found.macro_f1:.4f} ({found.macro_f1_low:.4f} to "
        f"{found.macro_f1_high:.4f}){several}"
    )


def compared(first: str, second: str, found: Paired | None) -> Iterator[str]:
    """A paired comparison."""
    if found is None:
        yield "no paired comparison: which number is right is not a yes or a no"
        return
    yield (
        f"{first} less {second}, paired on {found.n} texts: {found.difference:+.4f} "
        f"({found.low:+.4f} to {found.high:+.4f}); {found.only_first} texts only {first} gets "
        f"right, {found.only_second} only {second}; McNemar p = {found.p_value:.3g}"
    )


def _confusion(table: npt.NDArray[np.integer], labels: Sequence[str]) -> Iterator[str]:
    yield ""
    if len(labels) > WIDEST_TABLE:
        wrong = table.copy()
        np.fill_diagonal(wrong, 0)
        yield "most often taken for another label"
        for place in np.argsort(-wrong, axis=None, kind="stable")[:MOST_ERRORS]:
            row, column = divmod(int(place), len(labels))
            if wrong[row, column]:
                yield f"  {labels[row]} for {labels[column]}: {wrong[row, column]}"
        return
    width = max(5, *(len(label) for label in labels), len(str(table.max())))
    yield "rows: the true label; columns: the label given"
    yield "  ".join([" " * width, *(f"{label:>{width}}" for label in labels)])
    for label, row in zip(labels, table, strict=True):
        yield "  ".join([f"{label:<{width}}", *(f"{count:>{width}}" for count in row)])
