"""Reads a checkpoint, exports it, and compares what would be served with transformers itself.

Before anything long: what cannot be supported is refused here, and not after a training.
"""

import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import onnx

from export.check.hub import BATCH, Hub
from export.errors import ExportError
from export.graph.building import FloatArray
from export.graph.files import save_graph
from export.graph.onnx_graph import to_onnx
from export.measure.edges import ODD, long_texts
from service.errors import RepositoryError
from service.repository.files import file_sha256
from service.repository.manifest import (
    FILE_NAME,
    MODEL_FILE,
    TOKENIZER_FILE,
    File,
    Lineage,
    Manifest,
)
from service.runtime.tasks.classification import Classifier
from training.models.checkpoint import Checkpoint, load_checkpoint
from training.problem import ProblemType

SAME = 1e-4  # of a logit, in FP32
LONGEST = 2048  # tokens: longer texts are compared by their ids, and run up to here
MOST_TEXTS = 32  # of the user's own


@dataclass(frozen=True)
class Trial:
    """A checkpoint in torch, as a graph and in transformers' pipeline, and texts for all three.

    Attributes:
        long: texts at the limit of tokens and beyond it.
    """

    checkpoint: Checkpoint
    graph: onnx.ModelProto
    hub: Hub
    short: list[str]
    long: list[str]


@dataclass(frozen=True)
class Differences:
    """The largest difference of a logit from transformers' pipeline.

    Attributes:
        alone: of short texts one by one.
        batch: of texts of unlike length at once, padded.
        limit: of texts at the limit of tokens and beyond it.
    """

    alone: float
    batch: float
    limit: float

    @property
    def largest(self) -> float:
        """Of them all."""
        return max(self.alone, self.batch, self.limit)


@dataclass(frozen=True)
class Found:
    """What `check` found.

    Attributes:
        family: transformers' name of the architecture.
        batches_by_hub: whether transformers' pipeline can read this checkpoint in batches.
        texts: how many texts were compared.
    """

    source: str
    family: str
    parameters: int
    problem: ProblemType
    labels: tuple[str, ...]
    max_length: int
    pad_id: int
    padding_side: str
    truncation_side: str
    batches_by_hub: bool
    texts: int
    differences: Differences

    def lines(self) -> list[str]:
        """What a person is told."""
        named = ", ".join(self.labels[:8]) + (", ..." if len(self.labels) > 8 else "")
        alone = "" if self.batches_by_hub else " (transformers reads it one text at a time)"
        found = self.differences
        return [
            f"{self.source}: {self.family}, {self.parameters:,} parameters, {self.problem}",
            f"labels ({len(self.labels)}): {named}",
            f"reads {self.max_length} tokens, cuts the {self.truncation_side} end off; "
            f"pads with id {self.pad_id}{alone}",
            f"as served, against transformers' pipeline on {self.texts} texts: a logit differs by "
            f"{found.alone:.1g} alone, {found.batch:.1g} in batches, {found.limit:.1g} at the "
            "limit and beyond",
        ]


def check(source: str, texts: Sequence[str] = (), max_length: int | None = None) -> Found:
    """Checks a checkpoint; see `prepare` and `judge`."""
    return judge(prepare(source, texts, max_length))


def prepare(source: str, texts: Sequence[str] = (), max_length: int | None = None) -> Trial:
    """Reads a checkpoint and exports it, and sees that both sides read texts as the same tokens.

    Args:
        source: a directory or a hub id.
        texts: some of the user's own, which are compared too.
        max_length: lowers the owner's, as a recipe does.

    Raises:
        CheckpointError: it cannot be read, or is of a kind that is not supported.
        ExportError: it has no graph, or its texts become other tokens.
    """
    checkpoint = load_checkpoint(source, max_length)
    limit = checkpoint.max_length
    graph = to_onnx(checkpoint.model)
    hub = Hub(source, limit)
    short = [*ODD, *texts[:MOST_TEXTS]]
    long = long_texts(short, hub.tokens, limit)
    _same_ids(checkpoint, hub, [*short, *long])
    if limit > LONGEST:  # the ids of the longest are alike: that long is run
        long = long_texts(short, hub.tokens, LONGEST)[:1]
    return Trial(checkpoint, graph, hub, short, long)


def judge(trial: Trial) -> Found:
    """Compares what would be served with transformers.

    Raises:
        ExportError: they differ, or the service cannot run it.
    """
    checkpoint, hub = trial.checkpoint, trial.hub
    reading, source = checkpoint.reading, checkpoint.source
    with tempfile.TemporaryDirectory() as folder:
        classifier = load_version(checkpoint, trial.graph, Path(folder))
        differences = compare(classifier, trial)
    if not differences.largest <= SAME:  # NaN is not either
        raise ExportError(
            f"{source}: as served a logit differs by {differences.largest:.2g} from transformers "
            f"({differences.alone:.2g} alone, {differences.batch:.2g} in batches, "
            f"{differences.limit:.2g} at the limit): a {checkpoint.model.config.model_type} cannot "
            "be served as it was trained; take another family"
        )
    return Found(
        source,
        type(checkpoint.model).__name__,
        sum(parameter.numel() for parameter in checkpoint.model.parameters()),
        checkpoint.problem,
        checkpoint.labels,
        reading.max_length,
        reading.pad_id,
        reading.padding_side,
        reading.truncation_side,
        hub.batches,
        len(trial.short) + len(trial.long),
        differences,
    )


def compare(classifier: Classifier, trial: Trial) -> Differences:
    """Compares a version in the service's runtime with transformers' pipeline."""
    hub, short, long = trial.hub, trial.short, trial.long
    expected, expected_long = hub.logits(short), hub.logits(long)
    encode, logits = classifier.tokenizer.encode, classifier.logits
    alone = np.concatenate([logits(encode([text])) for text in short])
    batches = [short[start : start + BATCH] for start in range(0, len(short), BATCH)]
    together = np.concatenate([logits(encode(batch)) for batch in batches])
    ends = np.concatenate([logits(encode([text])) for text in long])
    mixed = logits(encode([short[0], *long]))
    return Differences(
        _largest(alone, expected),
        max(_largest(together, expected), _largest(mixed[1:], expected_long)),
        max(_largest(ends, expected_long), _largest(mixed[:1], expected[:1])),
    )


def load_version(checkpoint: Checkpoint, graph: onnx.ModelProto, folder: Path) -> Classifier:
    """A version of a graph in `folder`, as the service loads it: its warm-up and hashes too.

    Raises:
        ExportError: the service cannot run it.
    """
    place = folder / "checked" / "1"
    place.mkdir(parents=True)
    written = save_graph(graph, place / MODEL_FILE)
    checkpoint.reading.save(place / TOKENIZER_FILE)
    manifest = Manifest(
        name="checked",
        version=1,
        problem_type=checkpoint.problem,
        labels=checkpoint.labels,
        max_length=checkpoint.max_length,
        pad_id=checkpoint.reading.pad_id,
        precision="fp32",
        weights="float32",
        parameters=0,
        files={
            name: File(sha256=file_sha256(place / name), bytes=(place / name).stat().st_size)
            for name in (*written, TOKENIZER_FILE)
        },
        lineage=Lineage(teacher=None, recipe_sha256=None, data_sha256=None, code_version="0"),
        licence="none",
        created_at=datetime(2026, 1, 1, tzinfo=UTC),
    )
    (place / FILE_NAME).write_text(manifest.model_dump_json(), encoding="utf-8")
    try:
        return Classifier.load(place)
    except RepositoryError as error:
        raise ExportError(f"the service cannot run it: {error}") from error


def _same_ids(checkpoint: Checkpoint, hub: Hub, texts: Sequence[str]) -> None:
    found = [item.ids for item in checkpoint.tokenizer.encode(texts)]
    for text, ours, theirs in zip(texts, found, hub.ids(texts), strict=True):
        if theirs and ours != theirs:
            raise ExportError(
                f"{checkpoint.source}: the tokenizer reads {text[:40]!r} as other tokens than "
                "transformers does: save it again with AutoTokenizer.from_pretrained and "
                "save_pretrained of transformers 5"
            )


def _largest(found: FloatArray, expected: FloatArray) -> float:
    return float(np.abs(found - expected).max())
