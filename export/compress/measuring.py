"""Measures ONNX candidates on the same texts: quality, calibration, and latency of one text."""

import time
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from export.compress.results import Candidate, Disagreement
from export.measure.parity import served_logits
from service.repository.manifest import MODEL_FILE
from service.runtime.tasks.classification import Classifier
from training.data.labelled import LabelledText
from training.score.scores import (
    expected_calibration_error,
    fit_temperature,
    score,
    softmax,
)

WARM_UP = 20
TIMED_TEXTS = 300
SHOWN_DISAGREEMENTS = 25


def candidate(
    role: str,
    classifier: Classifier,
    validation: LabelledText,
    test: LabelledText,
    teacher_labels: npt.NDArray[np.integer],
) -> Candidate:
    """Measures one model.

    Args:
        validation: what the temperature is fitted on.
        test: what everything else is measured on.
        teacher_labels: (n,), the teacher's answers to `test`.
    """
    manifest = classifier.manifest
    logits = served_logits(classifier, test.texts)
    temperature = fit_temperature(served_logits(classifier, validation.texts), validation.targets)
    targets = np.asarray(test.targets)
    scores = score(softmax(logits), targets)
    p50, p99 = latency(classifier, test.texts)
    return Candidate(
        role=role,
        precision=manifest.precision,
        parameters=manifest.parameters,
        bytes=manifest.files[MODEL_FILE].bytes,
        n=scores.n,
        accuracy=scores.accuracy,
        accuracy_low=scores.accuracy_low,
        accuracy_high=scores.accuracy_high,
        macro_f1=scores.macro_f1,
        agreement=float((logits.argmax(axis=1) == teacher_labels).mean()),
        ece=scores.ece,
        temperature=temperature,
        ece_scaled=expected_calibration_error(softmax(logits / temperature), targets),
        p50_ms=p50,
        p99_ms=p99,
    )


def latency(classifier: Classifier, texts: Sequence[str]) -> tuple[float, float]:
    """Milliseconds for one text alone, tokenising included: the median, and 99 of 100."""
    some = [texts[row % len(texts)] for row in range(WARM_UP + TIMED_TEXTS)]
    taken = []
    for text in some:
        started = time.perf_counter()
        classifier.logits(classifier.tokenizer.encode([text]))
        taken.append(time.perf_counter() - started)
    p50, p99 = np.percentile(taken[WARM_UP:], [50, 99]) * 1000
    return float(p50), float(p99)


def disagreements(
    student: Classifier, teacher: Classifier, test: LabelledText
) -> tuple[int, list[Disagreement]]:
    """How many texts the two label differently, and those of which the student is surest."""
    said = [
        model.probabilities(served_logits(model, test.texts)).astype(np.float64)
        for model in (student, teacher)
    ]
    ours, theirs = (probabilities.argmax(axis=1) for probabilities in said)
    surest = [probabilities.max(axis=1) for probabilities in said]
    rows = np.flatnonzero(ours != theirs)
    rows = rows[np.argsort(-surest[0][rows], kind="stable")]
    return len(rows), [
        Disagreement(
            text=test.texts[row],
            truth=test.labels[test.targets[row]],
            teacher=test.labels[theirs[row]],
            teacher_confidence=float(surest[1][row]),
            student=test.labels[ours[row]],
            student_confidence=float(surest[0][row]),
        )
        for row in rows[:SHOWN_DISAGREEMENTS]
    ]
