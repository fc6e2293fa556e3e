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

from export.errors import ExportError
from export.graph.building import FloatArray
from export.graph.files import save_graph
from export.measure.comparison import reads_otherwise
from export.measure.edges import long_texts, odd_texts
from export.tasks.task import Pipeline
from export.tasks.tasks import AnyTask, task_for
from service.errors import RepositoryError
from service.repository.files import file_sha256
from service.repository.manifest import (
    FILE_NAME,
    MODEL_FILE,
    TOKENIZER_FILE,
    Manifest,
    SpecialTokens,
)
from service.repository.sections import File, Lineage
from service.runtime.model import Input
from service.runtime.tasks.loading import load_model
from service.runtime.tasks.task import OnnxModel
from training.data.inputs import shown
from training.data.texts import are_pairs
from training.models.checkpoints.checkpoint import Checkpoint, load_checkpoint
from training.problem import ProblemType, Task

SAME = 1e-4  # of a logit, in FP32
LONGEST = 2048  # tokens: longer texts are compared by their ids, and run up to here
MOST_TEXTS = 32  # of the user's own
BATCH = 8


@dataclass(frozen=True)
class Trial:
    """A checkpoint in torch, as a graph and in transformers' pipeline, and texts for all three.

    Attributes:
        long: texts at the limit of tokens and beyond it.
    """

    task: AnyTask
    checkpoint: Checkpoint
    graph: onnx.ModelProto
    hub: Pipeline
    short: list[Input]
    long: list[Input]


@dataclass(frozen=True)
class Differences:
    """The largest difference of a number, such as a logit, from transformers' pipeline.

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
        return float(np.max([self.alone, self.batch, self.limit]))  # which keeps a NaN


@dataclass(frozen=True)
class Found:
    """What `check` found.

    Attributes:
        family: transformers' name of the architecture.
        batches_by_hub: whether transformers' pipeline can read this checkpoint in batches.
        texts: how many texts were compared.
        embeds: of an embedder: how it makes one vector of a text.
        against: who was compared with.
    """

    source: str
    family: str
    parameters: int
    task: Task
    problem: ProblemType
    labels: tuple[str, ...]
    pairs: bool
    max_length: int
    pad_id: int
    padding_side: str
    truncation_side: str
    batches_by_hub: bool
    texts: int
    differences: Differences
    embeds: str | None
    against: str

    def lines(self) -> list[str]:
        """What a person is told."""
        named = ", ".join(self.labels[:8]) + (", ..." if len(self.labels) > 8 else "")
        alone = "" if self.batches_by_hub else " (transformers reads it one text at a time)"
        found = self.differences
        what = "a logit" if self.labels else "a number"
        kind = self.problem if self.task == "text-classification" else self.task
        return [
            f"{self.source}: {self.family}, {self.parameters:,} parameters, {kind}",
            *([f"labels ({len(self.labels)}): {named}"] if self.labels else []),
            f"reads {'pairs of texts, ' if self.pairs else ''}{self.max_length} tokens, "
            f"cuts the {self.truncation_side} end off; pads with id {self.pad_id}{alone}",
            *([self.embeds] if self.embeds else []),
            f"as served, against {self.against} on {self.texts} texts: {what} differs by "
            f"{found.alone:.1g} alone, {found.batch:.1g} in batches, {found.limit:.1g} at the "
            "limit and beyond",
        ]


def check(
    source: str,
    texts: Sequence[Input] = (),
    max_length: int | None = None,
    *,
    pairs: bool | None = None,
    special_tokens: SpecialTokens | None = None,
) -> Found:
    """Checks a checkpoint; see `prepare` and `judge`."""
    return judge(prepare(source, texts, max_length, pairs=pairs, special_tokens=special_tokens))


def prepare(
    source: str,
    texts: Sequence[Input] = (),
    max_length: int | None = None,
    *,
    pairs: bool | None = None,
    special_tokens: SpecialTokens | None = None,
) -> Trial:
    """Reads a checkpoint and exports it, and sees that both sides read texts as the same tokens.

    Args:
        source: a directory or a hub id.
        texts: some of the user's own, which are compared too.
        max_length: lowers the owner's, as a recipe does.
        pairs: whether it reads pairs; None: as its files say, or else the texts.
        special_tokens: what one is that stands in a text; None: as its recipe says, else text.

    Raises:
        CheckpointError: it cannot be read, or is of a kind that is not supported.
        ExportError: it has no graph, or its texts become other tokens.
    """
    checkpoint = load_checkpoint(source, max_length, pairs=pairs, special_tokens=special_tokens)
    return trial_of(checkpoint.reads(are_pairs(texts) or None), texts)


def trial_of(checkpoint: Checkpoint, texts: Sequence[Input] = ()) -> Trial:
    """Of a checkpoint that is read already; see `prepare`."""
    limit = checkpoint.max_length
    task = task_for(checkpoint)
    reading = checkpoint.reading
    graph = task.graph(checkpoint)
    hub = task.pipeline(checkpoint)
    short = [*odd_texts(pairs=reading.pairs), *texts[:MOST_TEXTS]]

    def long_ones(most: int) -> list[Input]:
        pairs, strategy = reading.pairs, reading.truncation_strategy
        return long_texts(short, hub.tokens, most, pairs=pairs, strategy=strategy)

    long = long_ones(limit)
    _same_ids(checkpoint, hub, [*short, *long])
    if limit > LONGEST:  # the ids of the longest are alike: that long is run
        long = long_ones(LONGEST)[:1]
    return Trial(task, checkpoint, graph, hub, short, long)


def judge(trial: Trial) -> Found:
    """Compares what would be served with transformers.

    Raises:
        ExportError: they differ, or the service cannot run it.
    """
    checkpoint, hub = trial.checkpoint, trial.hub
    reading, source = checkpoint.reading, checkpoint.source
    with tempfile.TemporaryDirectory() as folder:
        model = load_version(trial, trial.graph, Path(folder))
        differences = compare(model, trial)
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
        checkpoint.parameters,
        checkpoint.task,
        checkpoint.problem,
        checkpoint.labels,
        checkpoint.pairs,
        reading.max_length,
        reading.pad_id,
        reading.padding_side,
        reading.truncation_side,
        hub.batches,
        len(trial.short) + len(trial.long),
        differences,
        checkpoint.embedding.told() if checkpoint.task == "feature-extraction" else None,
        hub.title,
    )


def compare(model: OnnxModel, trial: Trial) -> Differences:
    """Compares a version in the service's runtime with transformers' pipeline."""
    short, long = trial.short, trial.long
    expected, expected_long = trial.hub.numbers(short), trial.hub.numbers(long)

    def numbers(*batches: list[Input]) -> list[FloatArray]:
        return [one for batch in batches for one in trial.task.numbers(model, batch)]

    batches = [short[start : start + BATCH] for start in range(0, len(short), BATCH)]
    mixed = numbers([short[0], *long])
    return Differences(
        _largest(numbers(*([text] for text in short)), expected),
        max(_largest(numbers(*batches), expected), _largest(mixed[1:], expected_long)),
        max(
            _largest(numbers(*([text] for text in long)), expected_long),
            _largest(mixed[:1], expected[:1]),
        ),
    )


def load_version(trial: Trial, graph: onnx.ModelProto, folder: Path) -> OnnxModel:
    """A version of a graph in `folder`, as the service loads it: its warm-up and hashes too.

    Raises:
        ExportError: the service cannot run it.
    """
    checkpoint = trial.checkpoint
    place = folder / "checked" / "1"
    place.mkdir(parents=True)
    written = save_graph(graph, place / MODEL_FILE)
    checkpoint.reading.save(place / TOKENIZER_FILE)
    manifest = Manifest(
        **trial.task.manifest_fields(checkpoint),
        name="checked",
        version=1,
        max_length=checkpoint.max_length,
        pad_id=checkpoint.reading.pad_id,
        special_tokens=checkpoint.special_tokens,
        precision="fp32",
        weights="float32",
        inputs=tuple(node.name for node in graph.graph.input),
        outputs=tuple(node.name for node in graph.graph.output),
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
        return load_model(place)
    except RepositoryError as error:
        raise ExportError(f"the service cannot run it: {error}") from error


def _same_ids(checkpoint: Checkpoint, hub: Pipeline, texts: Sequence[Input]) -> None:
    types = checkpoint.reading.types
    found = checkpoint.tokenizer.encode(texts)
    for text, ours, theirs in zip(texts, found, hub.encoded(texts), strict=True):
        if theirs["input_ids"] and reads_otherwise(ours, [theirs], types=types):
            raise ExportError(
                f"{checkpoint.source}: the tokenizer reads {shown(text, 40)} as other tokens than "
                "transformers does: save it again with AutoTokenizer.from_pretrained and "
                "save_pretrained of transformers 5"
            )


def _largest(found: Sequence[FloatArray], expected: Sequence[FloatArray]) -> float:
    return float(
        np.max([np.abs(ours - theirs).max() for ours, theirs in zip(found, expected, strict=True)])
    )
