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
from export.measure.gate import SAME_LOGITS, Gate, gate_for
from export.publish.publish import publish
from export.publish.request import Precision, Request
from export.quantize.int8 import Int8, default_activations
from export.quantize.quantization import Activations
from export.stages.engine import Workshop
from service.runtime.model import Input
from service.runtime.tasks.classification import Classifier
from training.models.checkpoints.checkpoint import Checkpoint

VERDICT = "verdict.json"
CHOOSE = "choose"  # the set that a version is measured on while it is staged
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
            write_verdict(folder / precision, verdict)

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
    if precision == "int8":
        gate, int8 = job.limits.gate(checkpoint.recipe), default_activations(checkpoint.model)
        return written(folder / precision, name, checkpoint, int8, gate, job, material, shop)
    return written(folder / precision, name, checkpoint, None, EXACT, job, material, shop)


def written(
    root: Path,
    name: str,
    checkpoint: Checkpoint,
    activations: Activations | None,
    gate: Gate,
    job: Job,
    material: Material,
    shop: Workshop,
) -> Verdict:
    """Writes a checkpoint's version under `root`.

    Args:
        activations: of INT8; None: it is in FP32, and has to be what its checkpoint is.

    Returns:
        what the gate says of INT8.
    """
    verdicts: list[Verdict] = []

    def fusions(path: Path) -> tuple[str, ...]:
        return choose_optimizers(path, checkpoint.tokenizer.highest_id, checkpoint.max_length)

    fit = material.parts.fit
    request = Request(
        name,
        "fp32" if activations is None else "int8",
        "float32",
        job.licence,
        {CHOOSE: material.parts.choose},
        gate,
        windows=checkpoint.windows,
        texts=more_texts(material),
        fit=fit,
        choose_optimizers=None if job.keep_fusions else fusions,
        int8=Int8(activations or "static", texts=lambda: list(fit.texts)),
        judged=None if activations is None else verdicts.append,
    )
    publish(checkpoint, root, request, lambda line: shop.tell(f"  {line}"))
    return verdicts[0] if verdicts else Verdict((), ())


def write_verdict(folder: Path, verdict: Verdict) -> None:
    """Keeps what the gate said beside what it was said of."""
    text = json.dumps(dataclasses.asdict(verdict), indent=2) + "\n"
    (folder / VERDICT).write_text(text, encoding="utf-8")


def read_verdict(folder: Path) -> Verdict:
    """What `write_verdict` wrote."""
    values = json.loads((folder / VERDICT).read_text(encoding="utf-8"))
    findings = tuple(Finding(**found) for found in values["findings"])
    return Verdict(findings, tuple(values["unseen"]))


def more_texts(material: Material) -> list[Input]:
    """Texts without labels to compare on, where those that choose are few to show an agreement."""
    train, lacking = material.parts.train.texts, COMPARED - len(material.parts.choose)
    return list(train[:: max(1, len(train) // lacking)])[:lacking] if lacking > 0 else []


def _read(folder: Path, name: str) -> Staged:
    directory = folder / name / "1"
    if not directory.is_dir():
        raise ExportError(f"{directory} is not there: remove {folder.parent}, and run it again")
    precision: Precision = "int8" if folder.name == "int8" else "fp32"
    return Staged(name, precision, directory, read_verdict(folder))
