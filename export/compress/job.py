"""What `stillhouse compress` is asked: the teacher, the texts, and what may be lost."""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from export.measure.gate import Gate
from training.recipe.recipe import Recipe

WANTED_LOSS = 0.005  # of the cascade, where no other is asked for


@dataclass(frozen=True)
class Names:
    """What the results are called in the model repository."""

    teacher: str = "teacher"
    student: str = "student"
    cascade: str = "auto"


@dataclass(frozen=True)
class Limits:
    """What may be lost.

    Attributes:
        gate: by the student's INT8 against its own FP32.
        student_loss: by the student against its teacher, as a share of the labelled texts.
        cascade_loss: by the cascade against the teacher; None: the least that the texts show.
        confidence: the probability that the cascade's loss is within it.
        publish_anyway: publish whatever was lost.
    """

    gate: Gate
    student_loss: float = 0.1
    cascade_loss: float | None = None
    confidence: float = 0.95
    publish_anyway: bool = False

    @property
    def wanted_loss(self) -> float:
        """Of the cascade, if the texts show it."""
        return WANTED_LOSS if self.cascade_loss is None else self.cascade_loss


@dataclass(frozen=True)
class Job:
    """What to compress, and into what.

    Attributes:
        teacher: a checkpoint directory or hub id.
        recipe: of the student, whole: its data and its teacher are this job's.
        unlabelled: the source of texts that the teacher is to label, where there are no others.
        models: the model repository.
        work: where the stages keep their results.
        precision: of the student that is published.
        keep_fusions: do not look which of ONNX Runtime's fusions make a graph slower.
        licence: of both.
    """

    teacher: str
    recipe: Recipe
    models: Path
    work: Path
    limits: Limits
    licence: str
    unlabelled: str | None = None
    names: Names = Names()
    precision: Literal["fp32", "int8"] = "int8"
    keep_fusions: bool = False
