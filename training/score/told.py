"""Scores with the names of their labels, as metrics and reports tell them."""

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

from training.score.entities import EntityScores
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


def told_entities(scores: EntityScores, types: Sequence[str]) -> dict[str, Any]:
    """A tagger's scores as a table, those of each type under its name.

    Args:
        types: in the order of the scores.
    """
    by_label = dict(zip(types, map(dataclasses.asdict, scores.by_type), strict=True))
    values = dataclasses.asdict(scores)
    del values["by_type"]
    return {**values, "by_label": by_label, "never_given": scores.never_given(types)}


def line(scores: Mapping[str, Any]) -> str:
    """The scores of a set in a line: the one that counts first, with its interval and n."""
    n = f"n {scores['n']}"
    if "neighbours_kept" in scores:
        return _of_vectors(scores, n)
    if "pearson" in scores:
        return (
            f"Pearson {_interval(scores, 'pearson')}, mean absolute error "
            + (f"{scores['mean_absolute_error']:.4g}")
            + f" ({n})"
        )
    if "entity_f1" in scores:
        return (
            f"entity F1 {_interval(scores, 'entity_f1')}, precision "
            f"{scores['entity_precision']:.4f}, recall {scores['entity_recall']:.4f} "
            f"({n}, {scores['entities']} entities)"
        )
    said = f"accuracy {_interval(scores, 'accuracy')}, macro F1 {scores['macro_f1']:.4f}"
    if scores.get("micro_f1") is not None:
        said = f"macro F1 {scores['macro_f1']:.4f}, micro F1 {scores['micro_f1']:.4f}, " + (
            f"all labels right {_interval(scores, 'accuracy')}"
        )
    return f"{said} ({n})"


def _of_vectors(scores: Mapping[str, Any], n: str) -> str:
    kept = f"nearest neighbours kept {_interval(scores, 'neighbours_kept')}"
    said = [f"cosine {scores['cosine']:.4f}"] if scores["cosine"] is not None else []
    if "neighbours" in scores:
        said.append(
            f"nearest text of the same label {_interval(scores, 'neighbours')}, of the teacher "
            f"{scores['teacher_neighbours']:.4f}"
        )
    return f"{', '.join([*said, kept])} ({n})"


def _interval(scores: Mapping[str, Any], name: str) -> str:
    if scores[name] is None:
        return "unknown, for one side does not vary"
    found = f"{scores[name]:.4f}"
    if scores.get(f"{name}_low") is None:
        return found
    return f"{found} ({scores[f'{name}_low']:.4f} to {scores[f'{name}_high']:.4f})"


def warnings(
    title: str, labels: Sequence[str], *, of_tokens: bool = False, weighed: bool = False
) -> list[str]:
    """A sentence where labels were never given, so that nobody overlooks it.

    Args:
        title: of the texts.
        labels: that some of the texts have and no answer gave.
        of_tokens: they are types of entities.
        weighed: training.class_weights are set.
    """
    if not labels:
        return []
    names = ", ".join(map(repr, labels))
    if of_tokens:
        return [
            f"the model never finds {names} in {title}, though there are some: give it more "
            "texts with such entities"
        ]
    or_set = "" if weighed else ', or set training.class_weights = "balanced"'
    return [
        f"the model never gives {names} on {title}, though texts there have "
        f"{'it' if len(labels) == 1 else 'them'}: give it more such texts{or_set}"
    ]
