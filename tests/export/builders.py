"""Served classifiers from graphs, and models that are not what their graph will be."""

import json
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import torch
from transformers.modeling_outputs import SequenceClassifierOutput

from export.measure.gate import Gate
from export.measure.served import served_logits
from export.publish.request import Request
from export.quantize.int8 import Int8
from service.repository.manifest import (
    FILE_NAME,
    MODEL_FILE,
    TOKENIZER_FILE,
    Manifest,
    read_manifest,
)
from service.repository.sections import File, Lineage
from service.runtime.engine import open_session
from service.runtime.tasks.classification import Classifier
from tests.service.builders import publish_tiny, write_manifest
from tests.tiny import tiny_bilstm, toy_texts
from training.data.labelled import LabelledText
from training.models.checkpoints.checkpoint import Checkpoint
from training.models.students.bilstm import BiLstmForSequenceClassification

LABELS = ("negative", "positive")
TEXTS = [
    "good",
    "a film",
    "the cast is superb and the plot is warm with an hour of clever scenes",
    "Überraschung! 電影 zz-top",
    "x" * 30,
    "word " * 100,  # more tokens than the model has positions
    *(text for text, _ in toy_texts(30, seed=9)),
]
LENIENT = Gate(max_logit_difference=None, max_accuracy_drop=1.0, min_agreement=0.0)
STRICT = Gate(max_logit_difference=1e-4, max_accuracy_drop=0.0, min_agreement=1.0)


def labelled(n: int = 40, seed: int = 6, labels: tuple[str, ...] = LABELS) -> LabelledText:
    """A toy set."""
    rows = toy_texts(n, seed)
    targets = np.array([LABELS.index(name) for _, name in rows])
    return LabelledText([t for t, _ in rows], targets, labels)


def request(gate: Gate = STRICT, **changes: Any) -> Request:
    """What to publish: FP32 under the name tiny, measured on a toy set, unless changed."""
    values = {
        "name": "tiny",
        "precision": "fp32",
        "weights": "float32",
        "licence": "MIT",
        "sets": {"toy": labelled()},
        "gate": gate,
        "int8": Int8(texts=lambda: TEXTS),
    }
    return Request(**{**values, **changes})


def served(graph: onnx.ModelProto, checkpoint: Checkpoint, folder: Path) -> Classifier:
    """The service's own classifier over a graph, with no repository around it."""
    folder.mkdir(exist_ok=True)
    onnx.save(graph, folder / MODEL_FILE)
    manifest = Manifest(
        name="tiny",
        version=1,
        labels=checkpoint.labels,
        max_length=checkpoint.max_length,
        precision="fp32",
        weights="float32",
        parameters=0,
        files={name: File(sha256="0" * 64, bytes=0) for name in (MODEL_FILE, TOKENIZER_FILE)},
        lineage=Lineage(teacher=None, recipe_sha256=None, data_sha256=None, code_version="0"),
        licence="MIT",
        created_at=datetime(2026, 1, 1, tzinfo=UTC),
    )
    return Classifier(manifest, checkpoint.tokenizer, open_session(folder / MODEL_FILE, 1))


def batch_difference(classifier: Classifier, texts: Sequence[str]) -> float:
    """The largest difference of a probability between a text alone and in padded batches."""
    alone, together = (served_logits(classifier, texts, batch=size) for size in (1, 16))
    moved = classifier.probabilities(alone) - classifier.probabilities(together)
    return float(np.abs(moved).max())


def publish_narrow(root: Path, name: str) -> None:
    """A model of pairs that cuts the second text alone: a first one of 12 words has no room."""
    directory = publish_tiny(root, name, pairs=True, max_length=8)
    cut_second_only(directory, 8)
    before = read_manifest(directory)
    (directory / FILE_NAME).unlink()
    write_manifest(
        directory, name=name, max_length=8, pairs=True, inputs=before.inputs, labels=before.labels
    )


def cut_second_only(directory: Path, length: int) -> None:
    """Has a tokenizer's file say that of a pair the second text alone is cut."""
    path = directory / TOKENIZER_FILE
    cut = {"direction": "Right", "max_length": length, "strategy": "OnlySecond", "stride": 0}
    path.write_text(json.dumps({**json.loads(path.read_text()), "truncation": cut}))


class Swapped(BiLstmForSequenceClassification):
    """In torch its two labels trade places; its graph, made of the weights, does not know."""

    def forward(self, *args: Any, **options: Any) -> SequenceClassifierOutput:
        """As its base, the logits reversed."""
        output = super().forward(*args, **options)
        assert output.logits is not None
        turned = output.logits.flip(-1)
        return SequenceClassifierOutput(logits=turned)


class Zeroed(BiLstmForSequenceClassification):
    """Loses its classifier's weights on the way to the graph."""

    def state_dict(self, *args: Any, **options: Any) -> dict[str, Any]:  # type: ignore[override]  # torch has overloads
        """As its base, the classifier all zeros."""
        values: dict[str, Any] = super().state_dict(*args, **options)
        blank = torch.zeros_like(values["classifier.weight"])
        return {**values, "classifier.weight": blank}


class NotANumber(BiLstmForSequenceClassification):
    """Loses a weight to NaN on the way to the graph."""

    def state_dict(self, *args: Any, **options: Any) -> dict[str, Any]:  # type: ignore[override]  # torch has overloads
        """As its base, one bias not a number."""
        values: dict[str, Any] = super().state_dict(*args, **options)
        return {**values, "classifier.bias": values["classifier.bias"] * float("nan")}


def broken(kind: type[BiLstmForSequenceClassification]) -> BiLstmForSequenceClassification:
    """One of the models above."""
    return tiny_bilstm(kind=kind)
