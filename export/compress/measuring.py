"""Measures ONNX candidates on the same texts: quality, agreement, and latency of one text."""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import numpy.typing as npt

from export.compress.results import Candidate, Comparison, Disagreement, Measured
from export.measure.comparison import decisions, truth
from export.measure.served import one_batch, served_logits
from export.measure.timing import latencies, processor
from service.repository.manifest import MODEL_FILE
from service.repository.routes import Cascade
from service.runtime.model import Input
from service.runtime.tasks.classification import Classifier
from training.data.inputs import halves
from training.data.labelled import LabelledText
from training.score.intervals import wilson_interval
from training.score.paired import compare

SHOWN_DISAGREEMENTS = 25
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
        probabilities: (n, labels); of a regression its numbers.
        given: (n, labels), which labels it gives; None of a regression.
        confidence: (n,), as a cascade compares it.
    """

    probabilities: Array
    given: Array | None
    confidence: Array


def measured(
    models: Sequence[Classifier],
    chosen: int,
    cascade: Cascade | None,
    data: LabelledText,
    set_name: str,
) -> Measured:
    """Measures the candidates on the texts that nothing was chosen or fitted on.

    Args:
        models: the teacher first; each one's manifest has its metrics on `data`.
        chosen: the place of the student to publish.
        set_name: what `data` is called in the manifests.
    """
    texts = list(data.texts)
    said = [_said(model, texts) for model in models]
    teacher, student = said[0], said[chosen]
    comparison = quality = escalated = None
    if (before := _right(teacher, data)) is not None:
        after = _right(student, data)
        assert after is not None  # a student answers the same problem
        comparison = _comparison(before, after)
        if cascade is not None:
            sure = student.confidence >= cascade.hops[0].threshold
            quality = float(np.where(sure, after, before).mean())
            escalated = float((~sure).mean())
    rows = _differing(teacher, student)
    return Measured(
        set_name=set_name,
        quality_name=QUALITY[models[0].manifest.problem_type],
        hardware=f"{processor()}, one thread of {os.cpu_count()} CPUs",
        candidates=tuple(
            _candidate(place, model, said[place], teacher, texts, set_name)
            for place, model in enumerate(models)
        ),
        chosen=chosen,
        comparison=comparison,
        cascade_quality=quality,
        cascade_escalated=escalated,
        disagreed=len(rows),
        disagreements=tuple(
            _disagreement(int(row), teacher, student, data) for row in rows[:SHOWN_DISAGREEMENTS]
        ),
    )


def _said(classifier: Classifier, texts: Sequence[Input]) -> _Said:
    logits = served_logits(classifier, texts)
    probabilities = classifier.probabilities(logits)
    if classifier.manifest.problem_type == "regression":
        return _Said(probabilities, None, np.ones(len(texts)))
    given = decisions(classifier, logits)
    return _Said(probabilities, given, np.asarray(classifier.confidence(probabilities)))


def _right(said: _Said, data: LabelledText) -> Array | None:
    """(n,), whether all that is said of a text is right; None of a regression."""
    if said.given is None:
        return None
    right: Array = (said.given == truth(data)).all(axis=1)
    return right


def _candidate(
    place: int,
    classifier: Classifier,
    said: _Said,
    teacher: _Said,
    texts: Sequence[Input],
    set_name: str,
) -> Candidate:
    manifest = classifier.manifest
    agreement = low = high = None
    if said.given is not None:
        same = int((said.given == teacher.given).all(axis=1).sum())
        agreement = same / len(texts)
        low, high = wilson_interval(same, len(texts))
    (taken,) = latencies([partial(one_batch, classifier)], texts)
    return Candidate(
        role="student" if place else "teacher",
        precision=manifest.precision,
        parameters=manifest.parameters,
        bytes=manifest.files[MODEL_FILE].bytes,
        metrics=manifest.metrics[set_name],
        agreement=agreement,
        agreement_low=low,
        agreement_high=high,
        temperature=manifest.temperature,
        p50_ms=taken.p50_ms,
        p99_ms=taken.p99_ms,
    )


def _comparison(teacher: Array, student: Array) -> Comparison:
    found = compare(teacher, student)
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
    if teacher.given is None:
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
