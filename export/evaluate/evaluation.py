"""How good a model's answers are: in all, by slice, and against another's on the same texts."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from export.errors import ExportError
from export.evaluate.answering import Answers
from export.measure.comparison import truth
from export.measure.metrics import scores_of
from training.data.labelled import LabelledText
from training.score.paired import Paired, compare
from training.score.scores import RegressionScores, Scores, confusion


@dataclass(frozen=True)
class Slice:
    """The scores of the texts with one value in a column."""

    value: str
    scores: Scores | RegressionScores


@dataclass(frozen=True)
class Evaluation:
    """A model's scores on labelled texts.

    Attributes:
        confusion: (labels, labels), a row for each true label; None where there is no one label.
        slices: the largest first.
    """

    scores: Scores | RegressionScores
    confusion: npt.NDArray[np.integer] | None
    slices: tuple[Slice, ...]


def evaluate(
    answers: Answers, data: LabelledText, values: Sequence[str] | None = None
) -> Evaluation:
    """Scores answers to `data`.

    Args:
        values: what a column says of each text, to score by; None: there is none.
    """
    table = None
    if answers.problem == "single_label":
        predicted = answers.given.argmax(axis=1)
        table = confusion(predicted, np.asarray(data.targets), len(answers.labels))
    slices = []
    if values is not None:
        kinds, places = np.unique(np.asarray(values, dtype=str), return_inverse=True)
        for place, value in enumerate(kinds):
            rows = np.flatnonzero(places == place)
            slices.append(
                Slice(str(value), answers_scores(_rows(answers, rows), data.select(rows)))
            )
        slices.sort(key=lambda one: -one.scores.n)
    return Evaluation(answers_scores(answers, data), table, tuple(slices))


def answers_scores(answers: Answers, data: LabelledText) -> Scores | RegressionScores:
    """Scores by the kind of problem.

    Raises:
        ExportError: the data is of another kind, or of other labels.
    """
    same = data.labels == answers.labels or data.problem == "regression"
    if data.problem != answers.problem or not same:
        raise ExportError(
            f"the model gives {list(answers.labels)} ({answers.problem}), the texts have "
            f"{list(data.labels)} ({data.problem}): say with --labels IN_FILE=SERVED which is which"
        )
    return scores_of(answers.probabilities, answers.given, data)


def against(first: Answers, second: Answers, data: LabelledText) -> Paired | None:
    """The paired comparison of which texts each gets right; None of a regression."""
    if first.problem == "regression":
        return None
    has = truth(data)
    first_right, second_right = ((one.given == has).all(axis=1) for one in (first, second))
    return compare(first_right, second_right)


def _rows(answers: Answers, rows: npt.NDArray[np.integer]) -> Answers:
    return Answers(
        answers.labels, answers.problem, answers.probabilities[rows], answers.given[rows]
    )
