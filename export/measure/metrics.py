"""Scores of a served model on labelled texts, as its manifest has them."""

import numpy as np
import numpy.typing as npt

from export.measure.comparison import decisions
from service.repository.sections import LabelMetrics, Metrics
from service.runtime.tasks.classification import Classifier
from training.data.labelled import LabelledText
from training.score.entities import EntityScores
from training.score.scores import (
    LabelScores,
    RegressionScores,
    Scores,
    score,
    score_multi_label,
    score_regression,
)


def served_scores(
    classifier: Classifier, logits: npt.NDArray[np.float32], data: LabelledText
) -> Scores | RegressionScores:
    """Scores the logits that a served model gave to `data`."""
    probabilities = classifier.probabilities(logits).astype(np.float64)
    return scores_of(probabilities, decisions(classifier, logits), data)


def scores_of(
    probabilities: npt.NDArray[np.float64], given: npt.NDArray[np.bool_], data: LabelledText
) -> Scores | RegressionScores:
    """Scores what was said of `data`, by its kind of problem.

    Args:
        probabilities: (n, labels); of a regression its numbers.
        given: (n, labels), the labels that each text was given.
    """
    targets = np.asarray(data.targets)
    if data.problem == "regression":
        return score_regression(probabilities[:, 0], targets)
    if data.problem == "multi_label":
        return score_multi_label(probabilities, targets, given)
    return score(probabilities, targets)


def as_metrics(found: Scores | RegressionScores, labels: tuple[str, ...]) -> Metrics:
    """As the manifest has them."""
    if isinstance(found, RegressionScores):
        return Metrics(
            n=found.n,
            pearson=found.pearson,
            spearman=found.spearman,
            mean_absolute_error=found.mean_absolute_error,
        )
    return Metrics(
        n=found.n,
        accuracy=found.accuracy,
        accuracy_low=found.accuracy_low,
        accuracy_high=found.accuracy_high,
        macro_f1=found.macro_f1,
        micro_f1=found.micro_f1,
        ece=found.ece,
        by_label={
            label: _label_metrics(one) for label, one in zip(labels, found.by_label, strict=True)
        },
    )


def as_entity_metrics(found: EntityScores, types: tuple[str, ...], error: float | None) -> Metrics:
    """A tagger's scores as the manifest has them.

    Args:
        types: in the order of the scores.
        error: of its confidence in single tokens.
    """
    pairs = zip(types, found.by_type, strict=True)
    return Metrics(
        n=found.n,
        macro_f1=found.macro_f1,
        ece=error,
        entity_precision=found.entity_precision,
        entity_recall=found.entity_recall,
        entity_f1=found.entity_f1,
        entity_f1_low=found.entity_f1_low,
        entity_f1_high=found.entity_f1_high,
        by_label={name: _label_metrics(one) for name, one in pairs},
    )


def _label_metrics(found: LabelScores) -> LabelMetrics:
    return LabelMetrics(
        n=found.n,
        precision=found.precision,
        recall=found.recall,
        recall_low=found.recall_low,
        recall_high=found.recall_high,
        f1=found.f1,
    )
