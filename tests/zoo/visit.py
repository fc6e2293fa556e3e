"""One family of the zoo through every stage: checked, taught from, exported in FP32 and INT8."""

import tempfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from export.check.check import Trial, compare, judge, load_version, prepare
from export.errors import ExportError
from export.quantize.quantization import quantizer
from tests.zoo.saving import Builder
from training.errors import TrainingError
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


def visit(name: str, build: Builder, directory: Path) -> Row:
    """Builds a family's checkpoint in `directory` and takes it through the stages."""
    build(directory)
    try:
        trial = prepare(str(directory))
        found = judge(trial).differences
    except (ExportError, TrainingError) as error:
        return Row(name, refused=str(error).replace(f"{directory}: ", ""))
    texts = [*trial.short, *trial.long]
    taught = predict_logits(trial.checkpoint.model, trial.checkpoint.tokenizer, texts)
    expected = trial.hub.logits(texts)
    int8, moved = _int8(trial)
    return Row(
        name,
        float(np.abs(taught - expected).max()),
        found.alone,
        found.batch,
        found.limit,
        int8,
        moved,
    )


def _int8(trial: Trial) -> tuple[float, float]:
    checkpoint = trial.checkpoint
    tokenizer = checkpoint.tokenizer
    feeds = []
    for item in tokenizer.encode([*trial.short, trial.long[0]]):
        input_ids, attention_mask = tokenizer.pad([item])
        feeds.append({"input_ids": input_ids, "attention_mask": attention_mask})
    with quantizer(trial.graph, "static") as ready, tempfile.TemporaryDirectory() as folder:
        if ready.needs_ranges:
            ready.calibrate(feeds, "minmax")
        graph = ready.quantized(ready.nodes)
        classifier = load_version(checkpoint, graph, Path(folder))
        differences = compare(classifier, trial)
        items = tokenizer.encode([*trial.short, *trial.long])
        together = classifier.probabilities(classifier.logits(items))
        apart = classifier.probabilities(
            np.concatenate([classifier.logits([item]) for item in items])
        )
    return differences.largest, float(np.abs(together - apart).max())
