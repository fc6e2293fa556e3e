"""What a reader of a report must not overlook, the worst first."""

from collections.abc import Iterator

from export.compress.report.verdict import loss_of
from export.compress.results import Candidate, Measured
from export.compress.soft.scored import Labels

FEW = 200  # texts, below which an interval is too wide to choose by
HALF = 0.5  # of the texts: a student that agrees on fewer has learnt something else
BASELINE = "linear"
FAR = 0.1  # of quality


def warnings(found: Measured, labelled_by: str, limit: float) -> tuple[str, ...]:
    """What is to be said before the figures.

    Args:
        limit: what may be lost.
    """
    teacher, student = found.teacher, found.student or found.nearest
    if student is None:
        return (*_never_given("teacher", teacher, None), *_guessing(teacher))
    return (
        *_far_below(found, student),
        *_gates(found),
        *_never_given("student", student, teacher),
        *_never_given("teacher", teacher, None),
        *_collapsed(teacher, student),
        *_guessing(teacher),
        *_few(student),
        *_looks(found),
        *_untold(found, limit),
        *_beaten(found),
        *_cannot_tell(labelled_by),
        *_other_gates(found),
    )


def _far_below(found: Measured, student: Candidate) -> Iterator[str]:
    if loss_of(found, student) > FAR:
        yield (
            f"the student is far below its teacher: {found.quality_name} {student.quality:.3f} "
            f"against {found.teacher.quality:.3f} (n {student.metrics.n})"
        )
    if student.agreement is not None and student.agreement < HALF:
        yield (
            f"the student agrees with its teacher on {student.agreement:.1%} of "
            f"{student.metrics.n} texts, fewer than half"
        )


def _gates(found: Measured) -> Iterator[str]:
    for one in found.candidates:
        for finding in one.gate:
            yield f"{one.title} against its checkpoint, so that it is not taken: {finding}"


def _other_gates(found: Measured) -> Iterator[str]:
    for one in found.compared:
        for finding in one.gate:
            yield f"{one.title}, for comparison alone, against its checkpoint: {finding}"


def _never_given(
    role: str, one: Candidate | Labels, teacher: Candidate | Labels | None
) -> Iterator[str]:
    for label, scores in (one.metrics.by_label or {}).items():
        before = (teacher.metrics.by_label or {}).get(label) if teacher else None
        if scores.n and scores.precision is None:
            told = f"; the teacher's recall of it is {before.recall:.2f}" if before else ""
            yield f"the {role} never gives the label {label!r}, which {scores.n} texts have{told}"


def _collapsed(teacher: Candidate | Labels, student: Candidate) -> Iterator[str]:
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


def _guessing(teacher: Candidate | Labels) -> Iterator[str]:
    counts = [scores.n for scores in (teacher.metrics.by_label or {}).values()]
    n, accuracy = teacher.metrics.n, teacher.metrics.accuracy
    if counts and accuracy is not None and sum(counts) == n and accuracy < max(counts) / n:
        yield (
            f"the teacher is right on {accuracy:.1%} of {n} texts, and always giving one label "
            f"would be on {max(counts) / n:.1%}: are its labels those of the texts? See --labels"
        )


def _few(student: Candidate) -> Iterator[str]:
    n = student.metrics.n
    if n < FEW:
        yield f"{n} texts are few to measure on: read the intervals, not the figures"
    labels = student.metrics.by_label or {}
    if missing := [label for label, scores in labels.items() if not scores.n]:
        yield f"no text to measure on has the labels {missing}: nothing is known of them"


def _looks(found: Measured) -> Iterator[str]:
    if found.student is not None and found.earlier:
        yield (
            f"the texts that are measured on refused {len(found.earlier)} other choice(s), so what "
            f"{found.student.title} loses on them is a little less than it would be on new ones"
        )


def _untold(found: Measured, limit: float) -> Iterator[str]:
    """A student that the texts that choose would not have taken."""
    one = found.student
    if one is not None and loss_of(found, one) <= limit < one.chosen_loss:
        yield (
            f"the texts that choose put the loss of {one.title} at {100 * one.chosen_loss:.2f} "
            "points, over the limit: that it keeps the promise rests on the texts that are "
            "measured on alone"
        )


def _beaten(found: Measured) -> Iterator[str]:
    """A linear model that does better than its teacher: who reads whole sentences should not."""
    for one in found.scored:
        pair = one.comparison
        if one.name == BASELINE and pair is not None and pair.loss < 0:
            yield (
                f"words and a linear model are right more often than the teacher, by "
                f"{-100 * pair.loss:.2f} points: a teacher that is trained longer would be worth "
                "more than any student of this one"
            )


def _cannot_tell(labelled_by: str) -> Iterator[str]:
    if labelled_by == "teacher":
        yield (
            "the labels are the teacher's own, as no others were given: the figures say how well "
            "the student follows it, and nothing of how often the teacher is right"
        )
