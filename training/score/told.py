"""Scores with the names of their labels, as metrics and reports tell them."""

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

from training.score.scores import RegressionScores, Scores


def told(scores: Scores | RegressionScores, labels: Sequence[str]) -> dict[str, Any]:
    """Scores as a table, those of each label under its name.

    A classifier's hold `never_given` too: the labels that texts have and no answer gives.

    Args:
        labels: in the order of the logits.
    """
    values = dataclasses.asdict(scores)
    if isinstance(scores, Scores):
        values["by_label"] = dict(zip(labels, values["by_label"], strict=True))
        values["never_given"] = scores.never_given(labels)
    return values


def line(scores: Mapping[str, Any]) -> str:
    """The scores of a set in a line: the one that counts first, with its interval and n."""
    n = f"n {scores['n']}"
    if "pearson" in scores:
        return (
            f"Pearson {_interval(scores, 'pearson')}, mean absolute error "
            + (f"{scores['mean_absolute_error']:.4g}")
            + f" ({n})"
        )
    said = f"accuracy {_interval(scores, 'accuracy')}, macro F1 {scores['macro_f1']:.4f}"
    if scores.get("micro_f1") is not None:
        said = f"macro F1 {scores['macro_f1']:.4f}, micro F1 {scores['micro_f1']:.4f}, " + (
            f"all labels right {_interval(scores, 'accuracy')}"
        )
    return f"{said} ({n})"


def _interval(scores: Mapping[str, Any], name: str) -> str:
    if scores[name] is None:
        return "unknown, for one side does not vary"
    found = f"{scores[name]:.4f}"
    if scores.get(f"{name}_low") is None:
        return found
    return f"{found} ({scores[f'{name}_low']:.4f} to {scores[f'{name}_high']:.4f})"


def warnings(title: str, labels: Sequence[str]) -> list[str]:
    """A sentence where labels were never given, so that nobody overlooks it.

    Args:
        title: of the texts.
        labels: that some of the texts have and no answer gave.
    """
    if not labels:
        return []
    names = ", ".join(map(repr, labels))
    return [
        f"the model never gives {names} on {title}, though texts there have "
        f"{'it' if len(labels) == 1 else 'them'}: give it more such texts, or set "
        'training.class_weights = "balanced"'
    ]
