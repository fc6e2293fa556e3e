"""What `stillhouse compress` is asked: the teacher, the texts, and what may be lost."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from export.compress.candidates.catalogue import Wanted
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
        gate: gives the gate of a candidate's INT8 file against its own checkpoint.
        loss: by the student against its teacher, as a share of the labelled texts.
        cascade_loss: by the cascade against the teacher; None: `WANTED_LOSS`, or the least that
            the texts show.
        confidence: the probability that the cascade's loss is within it.
        publish_anyway: publish whatever was lost.
    """

    gate: Callable[[Recipe | None], Gate]
    loss: float = 0.01
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
        teacher: a checkpoint directory or hub id, or a file of soft labels.
        recipe: whose data, and text to transfer, all candidates share.
        own_length: whether its `data.max_length` was asked for, and is not the recipe's default.
        wanted: the candidates.
        unlabelled: the source of texts that the teacher is to label, where there are no others.
        models: the model repository.
        work: where the stages keep their results.
        budget: seconds that the search may take.
        jobs: trials that run at a time.
        base: the encoder that candidates start from, where the teacher is a file of soft labels;
            None: it is a checkpoint.
        keep_fusions: do not look which of ONNX Runtime's fusions make a graph slower.
        licence: of all.
        every_int8: make teacher and student in every other way of INT8 too, to compare them.
    """

    teacher: str
    recipe: Recipe
    wanted: Wanted
    models: Path
    work: Path
    limits: Limits
    licence: str
    own_length: bool = False
    unlabelled: str | None = None
    names: Names = Names()
    budget: float = 1800.0
    jobs: int = 1
    keep_fusions: bool = False
    base: str | None = None
    every_int8: bool = False
