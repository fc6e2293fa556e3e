"""Makes the teacher and the student in the ways of INT8 that the search did not try."""

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass

from export.compress.exporting import Staged
from export.compress.job import Job
from export.compress.material import Material
from export.compress.search.found import Found
from export.compress.search.judging import Judged
from export.compress.ways.staging import Other, stage_way, title_of
from export.errors import ExportError
from export.quantize.ways import WAYS, Way, refuse_way
from export.stages.engine import Workshop
from service.repository.manifest import read_manifest
from training.models.checkpoints.checkpoint import Checkpoint


@dataclass(frozen=True)
class Others:
    """What was made to be compared.

    Attributes:
        lacking: ways that cannot be had, each with its reason.
    """

    made: tuple[Other, ...] = ()
    lacking: tuple[str, ...] = ()


@dataclass(frozen=True)
class _Subject:
    """A model that is made in other ways.

    Attributes:
        files: that the search has of it, one in FP32 among them.
    """

    checkpoint: Checkpoint
    files: Sequence[Staged]

    @property
    def exact(self) -> Staged:
        """Its file in FP32."""
        return next(one for one in self.files if one.precision == "fp32")

    @property
    def there(self) -> Collection[Way]:
        """The ways that the search has it in."""
        found = (read_manifest(one.directory).quantization for one in self.files)
        return {one.activations for one in found if one is not None}


def make_others(
    job: Job, material: Material, found: Found, student: Judged | None, shop: Workshop
) -> Others:
    """Every way of INT8 that the search did not try, of the teacher and of the student.

    Args:
        student: the chosen model; None: the one that comes nearest stands in for it.
    """
    made: list[Other] = []
    lacking: list[str] = []
    for subject in _subjects(material, found, student):
        name = subject.exact.name
        for way in [one for one in WAYS if one not in subject.there]:
            try:
                refuse_way(subject.checkpoint.model, way)
                other = stage_way(subject.exact, way, subject.checkpoint, job, material, shop)
            except ExportError as error:
                lacking.append(f"{title_of(name, way)}: {error}")
                shop.tell(f"not to be had: {lacking[-1]}")
            else:
                made.append(other)
    return Others(tuple(made), tuple(lacking))


def _subjects(material: Material, found: Found, student: Judged | None) -> Iterator[_Subject]:
    own = found.judged[0].staged.name
    teacher = [one.staged for one in found.judged if one.staged.name == own]
    yield _Subject(material.teacher, teacher)
    trained = [one for entrant in found.entrants for one in entrant.judged]
    chosen = student or min(trained, key=lambda one: one.loss, default=None)
    for entrant in found.entrants:
        if chosen in entrant.judged:
            files = [one.staged for one in entrant.judged]
            yield _Subject(entrant.trainee.checkpoint, files)
            return
