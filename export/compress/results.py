"""What a compression found, as written to its report. Measures and draws nothing."""

from datetime import datetime
from typing import Literal

from export.compress.records import Entry, Step, Use
from export.compress.soft.scored import Labels, Result, Scored
from service.repository.routes import Cascade

Outcome = Literal["published", "unchanged", "refused"]
LabelledBy = Literal["people", "teacher"]
DIGITS = 9  # of shares that are compared
TEACHER, ENCODER = "the teacher in FP32", "the encoder of --base in FP32"  # times are told against


def loss_between(before: float, after: float) -> float:
    """What is lost of a quality; as floats 0.956 - 0.946 is more than 0.01."""
    return round(before - after, DIGITS)


class Comparison(Result):
    """A model against the teacher on the same texts, text by text.

    Attributes:
        loss: of accuracy, the teacher's less the model's, with its 95% interval.
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


class Candidate(Scored):
    """One ONNX file, through the service's own classifier, on the texts of `measure`.

    Attributes:
        name: of the candidate; the published model's is another where it is the winner.
        bytes: of the ONNX file.
        agreement: share of texts that get the teacher's label, with Wilson's 95% interval;
            None of a regression.
        comparison: with the teacher in FP32; None of itself, and of a regression.
        chosen_loss: of quality on the texts that choose, by which it was judged.
        able: whether it kept the promise there, and its file what its gate asks.
        gate: what the gate found of an INT8 file.
        temperature: that it is served with, fitted on the texts of `fit`.
        p50_ms, p99_ms, mean_ms: of one text alone, tokenising included, on one thread.
        texts_per_second: on one thread, in batches of texts of like length.
        memory_bytes: that a process grows by which loads it and answers; None: not measured.
        way: of INT8, by its title, where it is for comparison alone; None: a candidate.
    """

    name: str
    precision: str
    parameters: int
    bytes: int
    agreement: float | None
    agreement_low: float | None
    agreement_high: float | None
    comparison: Comparison | None
    chosen_loss: float
    able: bool
    gate: tuple[str, ...]
    temperature: float
    p50_ms: float
    p99_ms: float
    mean_ms: float
    texts_per_second: float
    memory_bytes: int | None = None
    way: str | None = None

    @property
    def title(self) -> str:
        """What tables and plots call it."""
        return " ".join(filter(None, (self.name, self.precision.upper(), self.way)))


class Disagreement(Result):
    """A text that the published student and the teacher label differently."""

    text: str
    truth: str
    teacher: str
    teacher_confidence: float
    student: str
    student_confidence: float


class Auto(Result):
    """A cascade on the texts of `measure`.

    Attributes:
        reached: the share of these texts that comes to each model of the chain.
        comparison: with the teacher in FP32.
        mean_ms: of one text alone: what each model takes, by the share that reaches it.
    """

    chain: tuple[str, ...]
    quality: float
    reached: tuple[float, ...]
    comparison: Comparison
    mean_ms: float


class Measured(Result):
    """The figures of all candidates: what the stage `measure` keeps.

    Attributes:
        set_name: `test`, or `measure` where it was held out of the given texts.
        quality_name: what `Candidate.quality` is.
        labels: the teacher, where it is a file of soft labels; None: it is a model.
        candidates: first the teacher in FP32; of a file of soft labels the encoder that candidates
            start from, untrained, which has a size and a time and no scores.
        chosen: the place of the model to publish in `candidates`; None: none keeps the promise.
        refused: the places of those that were chosen before and lost too much on these texts, in
            the order of the looks; where no other was found the first of them is `chosen` too.
        auto: the cascade on these texts; None: there is none.
        disagreements: with the teacher, the surest first; `disagreed` counts all.
        compared: teacher and student in other ways of INT8: no candidates, and never published.
        lacking: ways of INT8 that they cannot be had in, each with its reason.
    """

    set_name: str
    quality_name: str
    hardware: str
    labels: Labels | None = None
    candidates: tuple[Candidate, ...]
    chosen: int | None
    refused: tuple[int, ...] = ()
    auto: Auto | None
    disagreed: int
    disagreements: tuple[Disagreement, ...]
    compared: tuple[Candidate, ...] = ()
    lacking: tuple[str, ...] = ()

    @property
    def rows(self) -> tuple[Candidate, ...]:
        """All that answers, the candidates first."""
        return (*self.scored, *self.compared)

    @property
    def teacher(self) -> Candidate | Labels:
        """What quality is told against: the teacher in FP32, or a file's labels."""
        return self.labels or self.candidates[0]

    @property
    def reference(self) -> Candidate:
        """What times and sizes are told against: the teacher in FP32, or the encoder."""
        return self.candidates[0]

    @property
    def reference_name(self) -> str:
        """In words."""
        return ENCODER if self.labels else TEACHER

    @property
    def scored(self) -> tuple[Candidate, ...]:
        """The models that answer: all, but for an encoder that is there for its time."""
        return self.candidates[1:] if self.labels else self.candidates

    @property
    def student(self) -> Candidate | None:
        """Those of the model to publish."""
        return None if self.chosen is None else self.candidates[self.chosen]

    @property
    def earlier(self) -> tuple[Candidate, ...]:
        """Those of the choices before it, which lost too much on these texts."""
        return tuple(self.candidates[place] for place in self.refused if place != self.chosen)

    @property
    def shown(self) -> Candidate | Labels:
        """The model that the report is about: the chosen one, or who comes nearest."""
        return self.student or self.nearest or self.teacher

    @property
    def nearest(self) -> Candidate | None:
        """The model that loses least on the texts that choose; None: there is none."""
        return min(self.candidates[1:], key=lambda one: one.chosen_loss, default=None)


class Tried(Result):
    """What was tried, and what became of it.

    Attributes:
        share: of its schedule that it was trained for.
        quality: on the texts that choose, of its best checkpoint; None: it has none.
        outcome: in words: exported, or why it was left.
        seconds: that its training took in this run.
        recipe: whole, as TOML.
    """

    name: str
    candidate: str
    share: float
    quality: float | None
    outcome: str
    seconds: float
    recipe: str


class Verdict(Result):
    """Whether a single model keeps the promise.

    Attributes:
        name: of the candidate that keeps it, or of the one that comes nearest; None: there is
            none.
        limit: what may be lost.
        loss: on the texts of `measure`, against the teacher in FP32; with its 95% interval.
        faster, smaller: by which factor the mean time of a text alone and the file are smaller.
        than: whose: the teacher's in FP32, or the encoder's that candidates start from.
        advice: what would help, a sentence each; none where it is kept.
    """

    keeps: bool
    name: str | None
    limit: float
    loss: float | None
    low: float | None
    high: float | None
    n: int
    faster: float | None
    smaller: float | None
    than: str = TEACHER
    advice: tuple[str, ...]


class Report(Result):
    """One run of `stillhouse compress`.

    Attributes:
        headline: what became of it, in one sentence.
        warnings: what a reader must not overlook, the worst first.
        teacher_sha256: fingerprint of weights, config and reading, or of a file of soft labels.
        labelled_by: whoever gave the labels that `measured` is against.
        promise: of a file of soft labels, what it is judged against, in one sentence; else None.
        absent: candidates, and a cascade, that are none here, and why, a sentence each.
        verdict: whether a single model keeps the promise; the headline says it first.
        auto: what the cascade gives, in one sentence; None: there is none.
        tried: all trials, in the order of what they cost.
        refused: why nothing was published, with the option that would publish.
        entries: the versions; none where it was refused.
        routes: what was written to the routes, a sentence each.
        recipe: of the chosen one; None: there is none, or it is the teacher itself.
        command: that makes the same again.
        pairs: whether the models read pairs of texts.
    """

    started_at: datetime
    outcome: Outcome
    headline: str
    warnings: tuple[str, ...]
    teacher: str
    teacher_sha256: str
    labelled_by: LabelledBy
    promise: str | None = None
    absent: tuple[str, ...] = ()
    uses: tuple[Use, ...]
    verdict: Verdict
    auto: str | None
    measured: Measured
    tried: tuple[Tried, ...]
    cascade: Cascade | None
    refused: tuple[str, ...]
    entries: tuple[Entry, ...]
    routes: tuple[str, ...]
    recipe: str | None
    command: str
    code_version: str
    steps: tuple[Step, ...]
    pairs: bool = False
