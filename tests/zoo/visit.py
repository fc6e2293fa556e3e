"""One family of the zoo through every stage: checked, taught from, exported in FP32 and INT8."""

import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from export.check.check import Trial, compare, judge, load_version, prepare
from export.errors import ExportError
from export.graph.building import FloatArray
from export.quantize.by_token import WEIGHT_BITS
from export.quantize.quantization import quantizer
from service.repository.manifest import MODEL_FILE
from service.runtime.engine import open_session
from service.runtime.model import Input
from tests.zoo.saving import Builder
from training.errors import TrainingError
from training.models.checkpoints.checkpoint import Checkpoint
from training.models.embedding.embedding import SentenceEncoder
from training.score.neighbours import normalized
from training.teach.embeddings import predict_vectors
from training.teach.logits import predict_logits


@dataclass(frozen=True)
class Row:
    """The largest difference of a logit from transformers' pipeline, by stage.

    Attributes:
        teacher: torch, in the batches that a student's training asks for.
        int8_batch: of a probability, between a text alone and in a batch: INT8 of its own.
        refused: what `check` says instead; the rest is None then.
    """

    name: str
    teacher: float | None = None
    alone: float | None = None
    batch: float | None = None
    limit: float | None = None
    int8: float | None = None
    int8_batch: float | None = None
    refused: str | None = None


def visit(name: str, build: Builder, directory: Path, *, pairs: bool | None = None) -> Row:
    """Builds a family's checkpoint in `directory` and takes it through the stages.

    Args:
        pairs: what a user says of whether it reads pairs.
    """
    build(directory)
    try:
        trial = prepare(str(directory), pairs=pairs)
        found = judge(trial).differences
    except (ExportError, TrainingError) as error:
        return Row(name, refused=str(error).replace(f"{directory}: ", ""))
    texts = [*trial.short, *trial.long]
    taught = _taught(trial.checkpoint, texts)
    expected = np.stack(trial.hub.numbers(texts))
    int8, moved = int8_of(trial)
    return Row(
        name,
        float(np.abs(taught - expected).max()),
        found.alone,
        found.batch,
        found.limit,
        int8,
        moved,
    )


def _taught(checkpoint: Checkpoint, texts: Sequence[Input]) -> FloatArray:
    """What a student would learn."""
    if checkpoint.task == "text-classification":
        reading = checkpoint.reading
        return predict_logits(checkpoint.model, reading.tokenizer, texts, types=reading.types)
    encoder = SentenceEncoder(checkpoint.model, checkpoint.embedding)
    vectors = predict_vectors(encoder, checkpoint.tokenizer, texts)
    return normalized(vectors) if checkpoint.embedding.normalize else vectors


def int8_of(trial: Trial) -> tuple[float, float]:
    """The largest difference of a number in INT8, and of an answer alone and in a batch."""
    with quantizer(trial.graph, "token") as ready, tempfile.TemporaryDirectory() as folder:
        graph = ready.quantized(ready.nodes)
        loaded = load_version(trial, graph, Path(folder))
        # With the products that a manifest of 8-bit weights asks for; that of a trial is in FP32.
        path = Path(folder) / "checked" / "1" / MODEL_FILE
        session = open_session(path, 1, (), WEIGHT_BITS)
        model: Any = type(loaded)(loaded.manifest, loaded.tokenizer, session)
        differences = compare(model, trial)
        texts = [*trial.short, *trial.long]
        together = trial.task.numbers(model, texts)
        apart = [one for text in texts for one in trial.task.numbers(model, [text])]
        probabilities = getattr(model, "probabilities", lambda vectors: vectors)
        moved = [
            np.abs(probabilities(one[None]) - probabilities(other[None])).max()
            for one, other in zip(together, apart, strict=True)
        ]
    return differences.largest, float(max(moved))
