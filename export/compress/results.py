"""What a compression found, as written to its report. Measures and draws nothing."""

from datetime import datetime
from typing import Literal

from pydantic import BaseModel, ConfigDict

from service.repository.routes import Cascade
from service.repository.sections import Metrics

Outcome = Literal["published", "unchanged", "refused"]


class Result(BaseModel):
    """Base of all parts: frozen, and an unknown key is an error."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Candidate(Result):
    """One ONNX file, through the service's own classifier, on the texts of `measure`.

    Attributes:
        role: teacher, or student.
        bytes: of the ONNX file.
        agreement: share of texts that get the teacher's label, with Wilson's 95% interval;
            None of a regression.
        temperature: that it is served with, fitted on the texts of `fit`.
        p50_ms, p99_ms: of one text alone, tokenising included, on one thread.
    """

    role: Literal["teacher", "student"]
    precision: str
    parameters: int
    bytes: int
    metrics: Metrics
    agreement: float | None
    agreement_low: float | None
    agreement_high: float | None
    temperature: float
    p50_ms: float
    p99_ms: float

    @property
    def title(self) -> str:
        """What tables and plots call it."""
        return f"{self.role} {self.precision.upper()}"

    @property
    def quality(self) -> float:
        """The share or correlation that it is judged by; see `Measured.quality_name`."""
        value = self.metrics.accuracy
        return float(value if value is not None else self.metrics.pearson or 0.0)

    @property
    def interval(self) -> tuple[float, float]:
        """The 95% interval of `quality`; its own two ends where none is known."""
        low, high = self.metrics.accuracy_low, self.metrics.accuracy_high
        known = low is not None and high is not None
        return (low or 0.0, high or 0.0) if known else (self.quality, self.quality)


class Comparison(Result):
    """The published student against the teacher on the same texts, text by text.

    Attributes:
        loss: of accuracy, the teacher's less the student's, with its 95% interval.
        teacher_alone, student_alone: texts that only one of them gets right.
        p: of the exact McNemar test, that they are equally often right.
    """

    n: int
    loss: float
    loss_low: float
    loss_high: float
    teacher_alone: int
    student_alone: int
    p: float


class Disagreement(Result):
    """A text that the published student and the teacher label differently."""

    text: str
    truth: str
    teacher: str
    teacher_confidence: float
    student: str
    student_confidence: float


class Measured(Result):
    """The figures of all candidates: what the stage `measure` keeps.

    Attributes:
        set_name: `test`, or `measure` where it was held out of the given texts.
        quality_name: what `Candidate.quality` is.
        chosen: the place of the student to publish in `candidates`.
        cascade_quality: of the cascade on these texts; None: there is none.
        cascade_escalated: the share of these texts that the teacher was asked.
        disagreements: the surest first; `disagreed` counts all.
    """

    set_name: str
    quality_name: str
    hardware: str
    candidates: tuple[Candidate, ...]
    chosen: int
    comparison: Comparison | None
    cascade_quality: float | None
    cascade_escalated: float | None
    disagreed: int
    disagreements: tuple[Disagreement, ...]

    @property
    def teacher(self) -> Candidate:
        """The teacher's figures."""
        return next(one for one in self.candidates if one.role == "teacher")

    @property
    def student(self) -> Candidate:
        """Those of the student to publish."""
        return self.candidates[self.chosen]


class Use(Result):
    """What a set of texts was used for.

    Attributes:
        source: where they are from, in words.
        sha256: of the rows; None where there are none.
    """

    name: str
    n: int
    used_for: str
    source: str
    sha256: str | None


class Step(Result):
    """What was done, and how long it took; `reused` from an earlier run, which took so long."""

    title: str
    key: str | None
    seconds: float
    reused: bool


class Entry(Result):
    """A version of the repository: published now, or there before and the same."""

    name: str
    version: int
    directory: str
    new: bool


class Report(Result):
    """One run of `stillhouse compress`.

    Attributes:
        headline: what became of it, in one sentence.
        warnings: what a reader must not overlook, the worst first.
        teacher_sha256: fingerprint of weights, config and reading.
        labelled_by: whoever gave the labels that `measured` is against.
        refused: why nothing was published, with the option that would publish.
        entries: the versions; none where it was refused.
        routes: what was written to the routes, a sentence each.
        pairs: whether the models read pairs of texts.
    """

    started_at: datetime
    outcome: Outcome
    headline: str
    warnings: tuple[str, ...]
    teacher: str
    teacher_sha256: str
    labelled_by: Literal["people", "teacher"]
    uses: tuple[Use, ...]
    measured: Measured
    cascade: Cascade | None
    refused: tuple[str, ...]
    entries: tuple[Entry, ...]
    routes: tuple[str, ...]
    recipe: str
    code_version: str
    steps: tuple[Step, ...]
    pairs: bool = False
