"""What a compression found, as written to its report. Measures and draws nothing."""

from datetime import datetime

from pydantic import BaseModel, ConfigDict


class Result(BaseModel):
    """Base of all parts: frozen, and an unknown key is an error."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Candidate(Result):
    """One ONNX file, through the service's own classifier.

    Attributes:
        role: teacher, or student.
        bytes: of the ONNX file.
        accuracy_low, accuracy_high: Wilson's 95% interval.
        agreement: share of texts that get the teacher's label.
        ece: expected calibration error, as the model is.
        temperature: fitted on the validation texts.
        ece_scaled: with that temperature.
        p50_ms, p99_ms: of one text alone, tokenising included, on one thread.
    """

    role: str
    precision: str
    parameters: int
    bytes: int
    n: int
    accuracy: float
    accuracy_low: float
    accuracy_high: float
    macro_f1: float
    agreement: float
    ece: float
    temperature: float
    ece_scaled: float
    p50_ms: float
    p99_ms: float

    @property
    def title(self) -> str:
        """What tables and plots call it."""
        return f"{self.role} {self.precision.upper()}"


class Disagreement(Result):
    """A text that the published student and the teacher label differently."""

    text: str
    truth: str
    teacher: str
    teacher_confidence: float
    student: str
    student_confidence: float


class Step(Result):
    """What was done, and how long it took."""

    title: str
    seconds: float


class Report(Result):
    """One run of `stillhouse compress`.

    Attributes:
        published: the version's directory, `<models>/<name>/<version>`.
        measured_on: the set of all figures; `validation` where no test set was given, which
            also chose the student's best epoch, and so flatters it a little.
        disagreements: the surest first; `disagreed` counts all.
    """

    started_at: datetime
    teacher: str
    published: str
    measured_on: str
    recipe: str
    data_sha256: str
    hardware: str
    candidates: list[Candidate]
    disagreed: int
    disagreements: list[Disagreement]
    steps: list[Step]
