"""How good answers are, by the task; all models on the same texts, compared with the first."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from export.bench.loading import Loaded
from export.bench.results import Figure, Judged
from export.errors import ExportError
from export.evaluate.answering import Answers, said_by
from export.evaluate.evaluation import against, answers_scores
from export.measure.embedding import has_labels
from export.measure.tagged import spans_of
from training.data.labelled import LabelledText
from training.data.tags.tagged import TaggedText
from training.score.entities import f1_drop, score_entities
from training.score.intervals import wilson_interval
from training.score.neighbours import kept, retrieval
from training.score.paired import compare
from training.score.scores import RegressionScores

QUALITY = {
    "single_label": "accuracy",
    "multi_label": "share of texts with all labels right",
    "regression": "correlation (Pearson)",
}
BoolArray = npt.NDArray[np.bool_]


class Judge(Protocol):
    """Knows what should be said of texts.

    Attributes:
        quality: what models are judged by; None: by nothing.
        agreement: what `Judged.agreement` is; None: it is not known.
    """

    quality: str | None
    agreement: str | None

    def judged(self, loaded: Sequence[Loaded], answers: Sequence[Sequence[Any]]) -> list[Judged]:
        """How good the answers of each model are: one for each text, the first model's first."""


class LabelJudge:
    """Of classifiers, whatever the problem."""

    def __init__(self, data: LabelledText) -> None:
        self._data = data
        self.quality = QUALITY[data.problem]
        self.agreement = None if data.problem == "regression" else "the same labels"

    def judged(self, loaded: Sequence[Loaded], answers: Sequence[Sequence[Any]]) -> list[Judged]:
        """See `Judge`."""
        pairs = zip(loaded, answers, strict=True)
        said = [said_by(model, np.stack(each)) for model, each in pairs]
        return [self._one(said[0], each, first=not place) for place, each in enumerate(said)]

    def _one(self, first_said: Answers, said: Answers, *, first: bool) -> Judged:
        # Scored in its own order of labels, by which two that are equally likely are told apart.
        found = answers_scores(said, _with_labels(self._data, said.labels))
        if isinstance(found, RegressionScores):
            if found.pearson is None:
                return Judged(quality=None)
            return Judged(quality=Figure.of(found.pearson, found.pearson_low, found.pearson_high))
        judged = Judged(
            quality=Figure.of(found.accuracy, found.accuracy_low, found.accuracy_high),
            macro_f1=Figure.of(found.macro_f1, found.macro_f1_low, found.macro_f1_high),
        )
        if first:
            return judged
        said = _in_order(said, first_said.labels)
        paired = against(first_said, said, self._data)
        assert paired is not None  # there are labels
        return judged.model_copy(
            update={
                "agreement": share((said.given == first_said.given).all(axis=1)),
                "lost": Figure.of(paired.difference, paired.low, paired.high),
            }
        )


class TagJudge:
    """Of taggers, by whole entities."""

    quality: str | None = "entity F1"
    agreement: str | None = "the same entities"

    def __init__(self, data: TaggedText) -> None:
        self._data = data

    def judged(
        self,
        loaded: Sequence[Loaded],  # noqa: ARG002  as of others
        answers: Sequence[Sequence[Any]],
    ) -> list[Judged]:
        """See `Judge`."""
        data = self._data
        said = [spans_of(each) for each in answers]
        found = []
        for place, spans in enumerate(said):
            scores = score_entities(data.spans, spans, data.types)
            judged = Judged(
                quality=Figure.of(scores.entity_f1, scores.entity_f1_low, scores.entity_f1_high),
                macro_f1=Figure(value=scores.macro_f1),
            )
            if place:
                same = [set(one) == set(other) for one, other in zip(spans, said[0], strict=True)]
                update = {
                    "agreement": share(np.array(same)),
                    "lost": Figure.of(*f1_drop(data.spans, said[0], spans)),
                }
                judged = judged.model_copy(update=update)
            found.append(judged)
        return found


class EmbeddingJudge:
    """Of embedders, by the label of each text's nearest, where there are labels."""

    agreement: str | None = "the same nearest text"

    def __init__(self, data: LabelledText) -> None:
        self._data = data
        self._labelled = has_labels(data)
        self.quality = "nearest text of the same label" if self._labelled else None

    def judged(
        self,
        loaded: Sequence[Loaded],  # noqa: ARG002  as of others
        answers: Sequence[Sequence[Any]],
    ) -> list[Judged]:
        """See `Judge`."""
        vectors = [np.stack(each) for each in answers]
        hits = [self._hits(each) for each in vectors]
        found = []
        for place, (each, right) in enumerate(zip(vectors, hits, strict=True)):
            judged = Judged(quality=None if right is None else share(right))
            if place:
                judged = judged.model_copy(update={"agreement": share(kept(vectors[0], each))})
                if right is not None and hits[0] is not None:
                    paired = compare(hits[0], right)
                    lost = Figure.of(paired.difference, paired.low, paired.high)
                    judged = judged.model_copy(update={"lost": lost})
            found.append(judged)
        return found

    def _hits(self, vectors: npt.NDArray[Any]) -> BoolArray | None:
        return retrieval(vectors, self._data.targets).hits if self._labelled else None


def share(which: BoolArray) -> Figure:
    """The share of texts, with its interval at 95% (Wilson's)."""
    right = int(which.sum())
    return Figure.of(right / len(which), *wilson_interval(right, len(which)))


def refuse_other_labels(loaded: Sequence[Loaded], data: LabelledText) -> None:
    """Raises ExportError unless all models answer the same question, which the data asks."""
    for one in loaded:
        if one.problem != data.problem:
            raise ExportError(f"{one.title} is {one.problem}, and the texts are {data.problem}")
        if data.problem != "regression" and set(one.labels) != set(data.labels):
            raise ExportError(
                f"{one.title} has the labels {list(one.labels)}, and {loaded[0].title} "
                f"{list(data.labels)}: they have to be called alike (`stillhouse rename-labels` "
                "for a published version, id2label in the config.json of a checkpoint)"
            )


def _in_order(said: Answers, labels: tuple[str, ...]) -> Answers:
    """Answers with their labels in another order; a number has no order."""
    places = _places(said.labels, labels)
    return replace(
        said,
        labels=labels,
        probabilities=said.probabilities[:, places],
        given=said.given[:, places],
    )


def _with_labels(data: LabelledText, labels: tuple[str, ...]) -> LabelledText:
    """Texts with their labels in another order; a number has no order."""
    if data.problem == "regression":
        return data
    places = _places(data.labels, labels)
    if data.problem == "multi_label":
        return replace(data, targets=data.targets[:, places], labels=labels)
    return replace(data, targets=np.argsort(places)[data.targets], labels=labels)


def _places(labels: tuple[str, ...], wanted: tuple[str, ...]) -> npt.NDArray[np.int64]:
    """Where each of the wanted labels is."""
    return np.array([labels.index(label) for label in wanted], np.int64)
