"""What is to be said of a student before anything else, and whether it may be published."""

import dataclasses
from collections.abc import Iterator

from export.compress.job import Limits
from export.compress.results import Candidate, Measured
from export.errors import Verdict

FEW = 200  # texts, below which an interval is too wide to choose by
HALF = 0.5  # of the texts: a student that agrees on fewer has learnt something else


def refusals(limits: Limits, verdict: Verdict, found: Measured) -> tuple[str, ...]:
    """Why the student may not be published, each with the option that would publish it.

    Args:
        verdict: of the gate, on the student's file against its checkpoint.
    """
    if limits.publish_anyway:
        return ()
    precision = found.student.precision
    other = "; --precision fp32 publishes it in FP32" if precision == "int8" else ""
    return (
        *_far_below(limits, found),
        *(
            f"the student's {precision.upper()} file against its checkpoint: {one.what}: "
            f"{one.remedy}{other}"
            for one in verdict.findings
        ),
    )


def _far_below(limits: Limits, found: Measured) -> Iterator[str]:
    loss = loss_of(found)
    if loss > limits.student_loss:
        yield (
            f"{below(found)}, and {limits.student_loss:.3g} may be lost: "
            f"--max-student-loss {loss + 0.0005:.3f} or --publish-anyway publishes it"
        )
    agreement = found.student.agreement
    if agreement is not None and agreement < HALF:
        yield (
            f"the student agrees with its teacher on {agreement:.1%} of {found.student.metrics.n} "
            "texts, fewer than half: --publish-anyway publishes it"
        )


def loss_of(found: Measured) -> float:
    """What the student loses of its teacher's quality, as a share."""
    return found.teacher.quality - found.student.quality


def below(found: Measured) -> str:
    """How far the student is below its teacher, in words."""
    return (
        f"the student is far below its teacher: {found.quality_name} "
        f"{found.student.quality:.3f} against {found.teacher.quality:.3f} "
        f"(n {found.student.metrics.n})"
    )


def warnings(
    limits: Limits, verdict: Verdict, found: Measured, labelled_by: str
) -> tuple[str, ...]:
    """What a reader must not overlook, the worst first."""
    teacher, student = found.teacher, found.student
    every = dataclasses.replace(limits, publish_anyway=False)
    return (
        *refusals(every, verdict, found),
        *_never_given("student", student, teacher),
        *_never_given("teacher", teacher, None),
        *_collapsed(teacher, student),
        *_guessing(teacher),
        *_few(found),
        *_cannot_tell(labelled_by),
        *(f"the gate could not look at all: {one}" for one in verdict.unseen),
    )


def _never_given(role: str, one: Candidate, teacher: Candidate | None) -> Iterator[str]:
    for label, scores in (one.metrics.by_label or {}).items():
        before = (teacher.metrics.by_label or {}).get(label) if teacher else None
        if scores.n and scores.precision is None:
            told = f"; the teacher's recall of it is {before.recall:.2f}" if before else ""
            yield f"the {role} never gives the label {label!r}, which {scores.n} texts have{told}"


def _collapsed(teacher: Candidate, student: Candidate) -> Iterator[str]:
    """Labels whose recall is surely below the teacher's; one never given is told elsewhere."""
    before = teacher.metrics.by_label or {}
    for label, now in (student.metrics.by_label or {}).items():
        was = before.get(label)
        if was is None or was.recall_low is None or now.recall_high is None:
            continue
        if now.precision is not None and now.recall_high < was.recall_low:
            yield (
                f"the label {label!r} suffers: recall {now.recall:.2f} against the teacher's "
                f"{was.recall:.2f} (n {now.n})"
            )


def _guessing(teacher: Candidate) -> Iterator[str]:
    counts = [scores.n for scores in (teacher.metrics.by_label or {}).values()]
    n, accuracy = teacher.metrics.n, teacher.metrics.accuracy
    if counts and accuracy is not None and sum(counts) == n and accuracy < max(counts) / n:
        yield (
            f"the teacher is right on {accuracy:.1%} of {n} texts, and always giving one label "
            f"would be on {max(counts) / n:.1%}: are its labels those of the texts? See --labels"
        )


def _few(found: Measured) -> Iterator[str]:
    n = found.student.metrics.n
    if n < FEW:
        yield f"{n} texts are few to measure on: read the intervals, not the figures"
    labels = found.student.metrics.by_label or {}
    if missing := [label for label, scores in labels.items() if not scores.n]:
        yield f"no text to measure on has the labels {missing}: nothing is known of them"


def _cannot_tell(labelled_by: str) -> Iterator[str]:
    if labelled_by == "teacher":
        yield (
            "the labels are the teacher's own, as no others were given: the figures say how well "
            "the student follows it, and nothing of how often the teacher is right"
        )
