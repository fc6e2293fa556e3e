"""Stages the models: files as they would be published, each in a repository of its stage's."""

import dataclasses
import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from export.compress.job import Job
from export.compress.material import Material
from export.errors import Finding, Verdict
from export.graph.optimizers import choose_optimizers
from export.measure.gate import SAME_LOGITS, gate_for
from export.publish.publish import publish
from export.publish.request import Request
from export.quantize.int8 import Int8, default_activations
from service.runtime.tasks.classification import Classifier
from training.models.checkpoint import Checkpoint

TO_PUBLISH = "models"
TO_COMPARE = "compared"
VERDICT = "verdict.json"
EXACT = gate_for(None, max_logit_difference=SAME_LOGITS["float32"], max_accuracy_drop=1.0)

Precision = Literal["fp32", "int8"]
Say = Callable[[str], None]


@dataclass(frozen=True)
class Staged:
    """The folders of the stages that export, read.

    Attributes:
        directories: of the versions, the teacher first, then the students; the last is the one
            to publish.
        verdict: of the gate on that one.
    """

    directories: tuple[Path, ...]
    verdict: Verdict

    @property
    def models(self) -> list[Classifier]:
        """Each model as the service has it in memory."""
        return [Classifier.load(directory) for directory in self.directories]

    @property
    def to_publish(self) -> tuple[Path, Path]:
        """The versions of the teacher and of the student."""
        return self.directories[0], self.directories[-1]


def stage_teacher(folder: Path, job: Job, material: Material, say: Say) -> None:
    """Writes the teacher in FP32, with the arithmetic of its checkpoint or not at all.

    Args:
        folder: of the stage.

    Raises:
        GateError: its graph does not compute what the checkpoint does.
    """
    request = _request(job, material, material.teacher, job.names.teacher, "fp32")
    publish(material.teacher, folder / TO_PUBLISH, request, _indented(say))


def stage_student(
    folder: Path, job: Job, material: Material, student: Checkpoint, say: Say
) -> None:
    """Writes the student as it is to be published, and in FP32 to compare with.

    What it lost is judged when all is measured: the gate's verdict is written beside it.
    """
    name = job.names.student
    if job.precision == "int8":
        say(f"  {name} in FP32")
        request = _request(job, material, student, name, "fp32")
        publish(student, folder / TO_COMPARE, request, _indented(say))
    say(f"  {name} in {job.precision.upper()}")
    verdicts: list[Verdict] = []
    request = dataclasses.replace(
        _request(job, material, student, name, job.precision),
        gate=job.limits.gate,
        judged=verdicts.append,
    )
    publish(student, folder / TO_PUBLISH, request, _indented(say))
    values = dataclasses.asdict(verdicts[0])
    (folder / VERDICT).write_text(json.dumps(values, indent=2) + "\n", encoding="utf-8")


def read_staged(teacher: Path, student: Path, job: Job) -> Staged:
    """What the two stages wrote."""
    name = job.names.student
    places = [teacher / TO_PUBLISH / job.names.teacher / "1", student / TO_PUBLISH / name / "1"]
    if job.precision == "int8":
        places.insert(1, student / TO_COMPARE / name / "1")
    values = json.loads((student / VERDICT).read_text(encoding="utf-8"))
    findings = tuple(Finding(**found) for found in values["findings"])
    return Staged(tuple(places), Verdict(findings, tuple(values["unseen"])))


def _request(
    job: Job, material: Material, checkpoint: Checkpoint, name: str, precision: Precision
) -> Request:
    parts = material.parts

    def fusions(path: Path) -> tuple[str, ...]:
        return choose_optimizers(path, checkpoint.tokenizer.highest_id, checkpoint.max_length)

    return Request(
        name,
        precision,
        "float32",
        job.licence,
        {material.set_name: parts.measure},
        EXACT,
        windows=checkpoint.windows,
        fit=parts.fit,
        choose_optimizers=None if job.keep_fusions else fusions,
        int8=Int8(default_activations(checkpoint.model), texts=lambda: list(parts.fit.texts)),
    )


def _indented(say: Say) -> Say:
    return lambda line: say(f"    {line}")
