"""PyTorch's own dynamic INT8 of a checkpoint, fitted, compared and scored as a file is.

What is kept is what was found of it; the model itself is made of its checkpoint when it is asked.
"""

import hashlib
from pathlib import Path

from pydantic import BaseModel, ConfigDict

from export.compress.exporting import CHOOSE, Staged, more_texts
from export.compress.material import Material
from export.errors import Verdict
from export.measure.gate import Gate
from export.progress import Say
from export.quantize.torch_int8 import TorchSession, saved_bytes, torch_int8
from export.tasks.classification import ClassificationExport
from service.repository.manifest import MODEL_FILE, Manifest
from service.repository.sections import File, Metrics
from service.runtime.tasks.classification import Classifier
from training.models.checkpoints.checkpoint import Checkpoint

FOUND = "torch.json"


class _Found(BaseModel):
    """What was found of it.

    Attributes:
        bytes: of its weights, as PyTorch saves them.
        temperature, thresholds: see `Manifest`.
        metrics: on the texts that choose.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    bytes: int
    temperature: float = 1.0
    thresholds: tuple[float, ...] | None = None
    metrics: Metrics | None = None


def stage_in_torch(
    folder: Path, exact: Staged, checkpoint: Checkpoint, material: Material, gate: Gate, say: Say
) -> Verdict:
    """Fits, compares and scores it, and keeps in `folder` what was found.

    Args:
        exact: the checkpoint's file in FP32, which it reads texts like.

    Returns:
        what the gate says of it.

    Raises:
        ExportError: there is no such thing, or a logit is no number.
    """
    task, choose = ClassificationExport(), material.parts.choose
    found = _Found(bytes=saved_bytes(torch_int8(checkpoint.model)))
    fitted = task.fit(_model(exact, checkpoint, found), material.parts.fit, say)
    found = found.model_copy(update=fitted)
    model = _model(exact, checkpoint, found)
    texts = [*choose.texts, *more_texts(material)]
    verdict = task.judge(task.compare(checkpoint, model, texts, choose), gate)
    found = found.model_copy(update={"metrics": task.metrics(model, CHOOSE, choose, say)})
    (folder / FOUND).write_text(found.model_dump_json(indent=2) + "\n", encoding="utf-8")
    return verdict


def read_in_torch(folder: Path, exact: Staged, checkpoint: Checkpoint) -> Classifier:
    """What `stage_in_torch` kept, in memory as the service has models there."""
    text = (folder / FOUND).read_text(encoding="utf-8")
    return _model(exact, checkpoint, _Found.model_validate_json(text))


def _model(exact: Staged, checkpoint: Checkpoint, found: _Found) -> Classifier:
    """With the manifest that it would have, were it published."""
    like = exact.model()
    weights = File(sha256=hashlib.sha256(FOUND.encode()).hexdigest(), bytes=found.bytes)
    manifest: Manifest = like.manifest.model_copy(
        update={
            "precision": "int8",
            "weights": "int8",
            "temperature": found.temperature,
            "thresholds": found.thresholds,
            "files": {**like.manifest.files, MODEL_FILE: weights},
            "metrics": {} if found.metrics is None else {CHOOSE: found.metrics},
            "parity": None,
        }
    )
    session = TorchSession(torch_int8(checkpoint.model), manifest.inputs)
    return Classifier(manifest, like.tokenizer, session)
