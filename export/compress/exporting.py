"""Stages the models: files as they would be published, each in a repository of its stage's."""

import dataclasses
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from export.compress.job import Job
from export.compress.material import Material
from export.compress.reads import export_reads
from export.errors import ExportError, Finding, Verdict
from export.graph.optimizers import choose_optimizers
from export.measure.gate import SAME_LOGITS, gate_for
from export.publish.publish import publish
from export.publish.request import Precision, Request
from export.quantize.int8 import Int8, default_activations
from export.stages.engine import Workshop
from service.runtime.model import Input
from service.runtime.tasks.classification import Classifier
from training.models.checkpoint import Checkpoint

VERDICT = "verdict.json"
COMPARED = 500  # texts at least, with labels or without
EXACT = gate_for(None, max_logit_difference=SAME_LOGITS["float32"], max_accuracy_drop=1.0)

Say = Callable[[str], None]


@dataclass(frozen=True)
class Staged:
    """A candidate as it would be published.

    Attributes:
        name: of the candidate; of the published model it may be another.
        directory: of the version.
        verdict: of the gate, on its file against its checkpoint.
    """

    name: str
    precision: Precision
    directory: Path
    verdict: Verdict

    @property
    def title(self) -> str:
        """What tables and plots call it."""
        return f"{self.name} {self.precision.upper()}"

    def model(self) -> Classifier:
        """As the service has it in memory."""
        return Classifier.load(self.directory)


def stage(
    name: str,
    checkpoint: Checkpoint,
    precisions: Sequence[str],
    job: Job,
    material: Material,
    shop: Workshop,
    *,
    part: bool = True,
) -> tuple[Staged, ...]:
    """A checkpoint's files, in each precision.

    In FP32 a file has the arithmetic of its checkpoint or is not written at all. What INT8 lost is
    judged later: the gate's verdict is written beside it.

    Args:
        part: of the step that runs, and not counted as one.

    Raises:
        GateError: a graph does not compute what the checkpoint does.
    """
    gate = job.limits.gate(checkpoint.recipe)

    def write(folder: Path) -> None:
        for precision in precisions:
            verdict = _write(folder, name, checkpoint, precision, job, material, shop)
            values = dataclasses.asdict(verdict)
            text = json.dumps(values, indent=2) + "\n"
            (folder / precision / VERDICT).write_text(text, encoding="utf-8")

    reads = {
        **export_reads(job, material, name, checkpoint, gate),
        "precisions": list(precisions),
    }
    title = f"export {name}"
    made = shop.stage("export", title, reads, write, part=part)
    return tuple(_read(made.folder / precision, name) for precision in precisions)


def _write(
    folder: Path,
    name: str,
    checkpoint: Checkpoint,
    precision: str,
    job: Job,
    material: Material,
    shop: Workshop,
) -> Verdict:
    int8 = precision == "int8"
    verdicts: list[Verdict] = []

    def fusions(path: Path) -> tuple[str, ...]:
        return choose_optimizers(path, checkpoint.tokenizer.highest_id, checkpoint.max_length)

    fit = material.parts.fit
    request = Request(
        name,
        "int8" if int8 else "fp32",
        "float32",
        job.licence,
        {"choose": material.parts.choose},
        job.limits.gate(checkpoint.recipe) if int8 else EXACT,
        windows=checkpoint.windows,
        texts=_more(material),
        fit=fit,
        choose_optimizers=None if job.keep_fusions else fusions,
        int8=Int8(default_activations(checkpoint.model), texts=lambda: list(fit.texts)),
        judged=verdicts.append if int8 else None,
    )
    publish(checkpoint, folder / precision, request, lambda line: shop.tell(f"  {line}"))
    return verdicts[0] if int8 else Verdict((), ())


def _more(material: Material) -> list[Input]:
    """Texts without labels to compare on, where those that choose are few to show an agreement."""
    train, lacking = material.parts.train.texts, COMPARED - len(material.parts.choose)
    return list(train[:: max(1, len(train) // lacking)])[:lacking] if lacking > 0 else []


def _read(folder: Path, name: str) -> Staged:
    values = json.loads((folder / VERDICT).read_text(encoding="utf-8"))
    findings = tuple(Finding(**found) for found in values["findings"])
    directory = folder / name / "1"
    if not directory.is_dir():
        raise ExportError(f"{directory} is not there: remove {folder.parent}, and run it again")
    precision: Precision = "int8" if folder.name == "int8" else "fp32"
    return Staged(name, precision, directory, Verdict(findings, tuple(values["unseen"])))
