"""Stages a model in one way of INT8, as a candidate is staged, but for comparison alone."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from export.compress.exporting import Staged, read_verdict, write_verdict, written
from export.compress.job import Job
from export.compress.material import Material
from export.compress.reads import export_reads
from export.compress.ways.in_torch import read_in_torch, stage_in_torch
from export.errors import ExportError, Verdict
from export.measure.gate import SAME_BY_TOKEN, SAME_IN_ANY_BATCH, Gate
from export.quantize.ways import TITLES, Way
from export.stages.engine import Workshop
from service.runtime.tasks.classification import Classifier
from training.models.checkpoints.checkpoint import Checkpoint


@dataclass(frozen=True)
class Other:
    """A model in a way of INT8 that it is not published in.

    Attributes:
        name: of the candidate.
        key: of the stage that made it.
        verdict: of the gate, on it against its checkpoint.
        model: brings it into memory, as the service has models there.
    """

    name: str
    way: Way
    key: str
    verdict: Verdict
    model: Callable[[], Classifier]

    @property
    def title(self) -> str:
        """What tables and plots call it."""
        return title_of(self.name, self.way)


def title_of(name: str, way: Way) -> str:
    """What tables and plots call a model in one way of INT8."""
    return f"{name} INT8 {TITLES[way]}"


def stage_way(
    exact: Staged,
    way: Way,
    checkpoint: Checkpoint,
    job: Job,
    material: Material,
    shop: Workshop,
) -> Other:
    """A checkpoint in one way of INT8; what the gate says is kept, and refuses nothing.

    Args:
        exact: its file in FP32.

    Raises:
        ExportError: it cannot be made so.
    """
    gate = _gate(job.limits.gate(checkpoint.recipe), way)
    reads = {**export_reads(job, material, exact.name, checkpoint, gate), "way": way}

    def say(line: str) -> None:
        shop.tell(f"  {line}")

    def write(folder: Path) -> None:
        if way == "torch":
            verdict = stage_in_torch(folder, exact, checkpoint, material, gate, say)
        else:
            verdict = written(folder, exact.name, checkpoint, way, gate, job, material, shop)
        write_verdict(folder, verdict)

    title = title_of(exact.name, way)
    made = shop.stage("export", f"export {title}", reads, write, part=True)

    def model() -> Classifier:
        if way == "torch":
            return read_in_torch(made.folder, exact, checkpoint)
        directory = made.folder / exact.name / "1"
        if not directory.is_dir():
            raise ExportError(f"{directory} is not there: remove {made.folder}, and run it again")
        return Classifier.load(directory)

    return Other(exact.name, way, made.record.key, read_verdict(made.folder), model)


def _gate(gate: Gate, way: Way) -> Gate:
    """The same for all but for what a batch may move, where static scales move nothing."""
    same = SAME_IN_ANY_BATCH if way == "static" else SAME_BY_TOKEN
    return replace(gate, max_batch_difference=same)
