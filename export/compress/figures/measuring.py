"""Measures ONNX models on the same texts: quality, agreement, and what a text costs."""

import dataclasses
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from export.compress.answers import answers
from export.compress.exporting import CHOOSE
from export.compress.figures.timing import Times, timed
from export.compress.results import (
    Auto,
    Candidate,
    Comparison,
    Disagreement,
    Measured,
    loss_between,
)
from export.compress.search.judging import Judged
from export.compress.soft.labels import SoftLabels
from export.compress.soft.scored import Labels
from export.compress.ways.others import Others
from export.compress.ways.staging import Other
from export.measure.comparison import decisions, truth
from export.measure.memory import memory_of
from export.measure.metrics import as_metrics, served_scores
from export.measure.served import Logits, served_logits
from export.measure.timing import processor
from export.quantize.ways import TITLES
from export.stages.engine import Workshop
from service.repository.manifest import MODEL_FILE
from service.repository.routes import Cascade
from service.repository.sections import Metrics
from service.runtime.model import Input
from service.runtime.tasks.classification import Classifier
from training.data.inputs import halves
from training.data.labelled import LabelledText
from training.score.intervals import wilson_interval
from training.score.paired import compare

TIMED_TEXTS = 300
TOGETHER = 16  # texts of a batch
MEMORY_TEXTS = 32
SHOWN_DISAGREEMENTS = 25
NO_OTHERS = Others()
QUALITY = {
    "single_label": "accuracy",
    "multi_label": "share of texts with all labels right",
    "regression": "correlation (Pearson)",
}

Array = npt.NDArray[Any]


@dataclass(frozen=True)
class _Said:
    """What one model says of the texts.

    Attributes:
        metrics: on all of them.
        given: (n, labels), which labels it gives; None of a regression.
        right: (n,), whether all of them are; None of a regression.
        confidence: (n,), as a cascade compares it.
    """

    metrics: Metrics
    given: Array | None
    right: Array | None
    confidence: Array


@dataclass(frozen=True)
class Looks:
    """Places of models among all: who is chosen, and who was before and lost too much."""

    chosen: int | None
    refused: tuple[int, ...] = ()


def measured(
    judged: Sequence[Judged],
    looks: Looks,
    cascade: Cascade | None,
    links: Mapping[str, int],
    data: LabelledText,
    set_name: str,
    shop: Workshop,
    soft: SoftLabels | None = None,
    others: Others = NO_OTHERS,
) -> Measured:
    """Measures the models on the texts that confirmed the choice, and that nothing was fitted on.

    Args:
        judged: the teacher in FP32 first; of a file of soft labels an encoder, for its time.
        looks: who is chosen.
        links: the place of each model of the cascade's chain, by the name in it.
        shop: keeps what the models said.
        soft: the file, which others are then compared with in the teacher's place.
        others: that are measured with them, in the same turns, and chosen by nobody.
    """
    chosen, n = looks.chosen, len(judged)
    models = [one.staged.model() for one in judged] + [one.model() for one in others.made]
    opinion = soft.of(data) if soft else None
    said = [
        _said(model, answers(one.staged, model, data, shop), data)
        if place or opinion is None
        else _nothing_of(len(data))
        for place, (one, model) in enumerate(zip(judged, models[:n], strict=True))
    ]
    for model in models[n:]:
        logits = served_logits(model, data.texts, title=f"{model.manifest.name} on the texts")
        said.append(_said(model, logits, data))
    times = timed(models, data.texts)
    some = data.texts[:MEMORY_TEXTS]
    teacher, auto = said[0], None
    if opinion is not None:
        teacher = _Said(opinion.metrics, opinion.given, opinion.right, opinion.confidence)
    if cascade is not None:
        places = [links[name] for name in cascade.chain]
        auto = _auto(
            cascade, [said[place] for place in places], [times[p] for p in places], teacher
        )
    rows = _differing(teacher, said[chosen]) if chosen is not None else np.empty(0, np.int64)
    return Measured(
        set_name=set_name,
        quality_name=QUALITY[models[0].manifest.problem_type],
        hardware=f"{processor()}, one thread of {os.cpu_count()} CPUs",
        labels=Labels(metrics=opinion.metrics) if opinion else None,
        candidates=tuple(
            _candidate(one, model, found, teacher if place else None, taken, some)
            for place, (one, model, found, taken) in enumerate(
                zip(judged, models[:n], said[:n], times[:n], strict=True)
            )
        ),
        chosen=chosen,
        refused=looks.refused,
        auto=auto,
        disagreed=len(rows),
        disagreements=tuple(
            _disagreement(int(row), teacher, said[chosen or 0], data)
            for row in rows[:SHOWN_DISAGREEMENTS]
        ),
        compared=tuple(
            _compared(one, judged[0], model, found, teacher, taken)
            for one, model, found, taken in zip(
                others.made, models[n:], said[n:], times[n:], strict=True
            )
        ),
        lacking=others.lacking,
    )


def _said(model: Classifier, logits: Logits, data: LabelledText) -> _Said:
    metrics = as_metrics(served_scores(model, logits, data), data.labels)
    if data.problem == "regression":
        return _Said(metrics, None, None, np.ones(len(data)))
    given = decisions(model, logits)
    right = (given == truth(data)).all(axis=1)
    sure = np.asarray(model.confidence(model.probabilities(logits)))
    return _Said(metrics, given, right, sure)


def _nothing_of(n: int) -> _Said:
    """Of a model that is untrained."""
    return _Said(Metrics(n=n), None, None, np.zeros(n))


def _auto(cascade: Cascade, said: Sequence[_Said], times: Sequence[Times], teacher: _Said) -> Auto:
    """The first model of the chain that is sure answers, and else the last."""
    n = len(said[0].confidence)
    going, right = np.ones(n, np.bool_), np.zeros(n, np.bool_)
    reached, spent = [], 0.0
    for place, (one, taken) in enumerate(zip(said, times, strict=True)):
        assert one.right is not None  # a cascade gives labels
        reached.append(float(going.mean()))
        spent += reached[-1] * taken.mean_ms
        sure = going.copy()
        if place < len(cascade.hops):
            sure &= one.confidence >= cascade.hops[place].threshold
        right[sure] = one.right[sure]
        going &= ~sure
    assert teacher.right is not None
    return Auto(
        chain=cascade.chain,
        quality=float(right.mean()),
        reached=tuple(reached),
        comparison=_comparison(teacher.right, right),
        mean_ms=spent,
    )


def _candidate(
    judged: Judged,
    model: Classifier,
    said: _Said,
    teacher: _Said | None,
    times: Times,
    some: Sequence[Input],
) -> Candidate:
    return Candidate(
        name=judged.staged.name,
        chosen_loss=judged.loss,
        able=judged.able,
        memory_bytes=memory_of(judged.staged.directory, some),
        gate=tuple(f"{one.what}: {one.remedy}" for one in judged.staged.verdict.findings),
        **_figures(model, said, teacher, times),
    )


def _compared(
    other: Other, first: Judged, model: Classifier, said: _Said, teacher: _Said, times: Times
) -> Candidate:
    """Of what nothing is chosen among: its loss on the texts that choose is as it was staged."""
    metrics = model.manifest.metrics[CHOOSE]
    own = metrics.accuracy if metrics.accuracy is not None else metrics.pearson
    return Candidate(
        name=other.name,
        way=TITLES[other.way],
        chosen_loss=loss_between(first.quality, own or 0.0),
        able=False,
        gate=tuple(one.what for one in other.verdict.findings),  # no option would take it
        **_figures(model, said, teacher, times),
    )


def _figures(model: Classifier, said: _Said, teacher: _Said | None, times: Times) -> dict[str, Any]:
    """What is measured of a model, as fields of a `Candidate`."""
    manifest = model.manifest
    agreement = low = high = comparison = None
    if teacher is not None and said.given is not None and teacher.given is not None:
        n = len(said.given)
        same = int((said.given == teacher.given).all(axis=1).sum())
        agreement = same / n
        low, high = wilson_interval(same, n)
        assert teacher.right is not None
        assert said.right is not None
        comparison = _comparison(teacher.right, said.right)
    return {
        "precision": manifest.precision,
        "parameters": manifest.parameters,
        "bytes": manifest.files[MODEL_FILE].bytes,
        "metrics": said.metrics,
        "agreement": agreement,
        "agreement_low": low,
        "agreement_high": high,
        "comparison": comparison,
        "temperature": manifest.temperature,
        **dataclasses.asdict(times),
    }


def _comparison(teacher: Array, other: Array) -> Comparison:
    found = compare(teacher, other)
    return Comparison(
        n=found.n,
        loss=found.difference,
        loss_low=found.low,
        loss_high=found.high,
        teacher_alone=found.only_first,
        student_alone=found.only_second,
        p=found.p_value,
    )


def _differing(teacher: _Said, student: _Said) -> Array:
    """The texts that the two label differently, those of which the student is surest first."""
    if teacher.given is None or student.given is None:
        return np.empty(0, dtype=np.int64)
    rows = np.flatnonzero((teacher.given != student.given).any(axis=1))
    ordered: Array = rows[np.argsort(-student.confidence[rows], kind="stable")]
    return ordered


def _disagreement(row: int, teacher: _Said, student: _Said, data: LabelledText) -> Disagreement:
    return Disagreement(
        text=" | ".join(halves(data.texts[row])),
        truth=_named(truth(data)[row], data.labels),
        teacher=_named(teacher.given[row], data.labels) if teacher.given is not None else "",
        teacher_confidence=float(teacher.confidence[row]),
        student=_named(student.given[row], data.labels) if student.given is not None else "",
        student_confidence=float(student.confidence[row]),
    )


def _named(given: Array, labels: Sequence[str]) -> str:
    return ", ".join(labels[place] for place in np.flatnonzero(given).tolist()) or "none"
