"""Models and texts by their names, measured side by side."""

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np

from export.bench.answering import run_of
from export.bench.judging import (
    EmbeddingJudge,
    Judge,
    LabelJudge,
    TagJudge,
    refuse_other_labels,
)
from export.bench.loading import How, Loaded, load, titles
from export.bench.results import Alone, Bench, Judged, Row
from export.bench.torch_int8 import in_torch_int8
from export.commands.options import columns_for
from export.errors import ExportError
from export.measure.served import refuse_no_room
from export.measure.threads import threads
from export.measure.timing import (
    RUNS,
    WARM_UP,
    Latency,
    Run,
    Throughput,
    fastest_size,
    latencies,
    processor,
    throughputs,
)
from export.progress import Say, silent, step
from export.publish.lineage import code_version
from service.runtime.model import Input
from training.data.labels import map_of_model
from training.data.loading import load_labelled_text, load_perhaps_labelled, of_pairs
from training.data.tags.loading import load_tagged_text
from training.data.tags.tagged import types_of
from training.data.texts import are_pairs
from training.models.checkpoints.checkpoint import Checkpoint
from training.problem import MODELS

SEED = 13
TRIED = 128  # texts on which a size of batches is looked for
LIBRARIES = ("onnxruntime", "torch", "transformers", "tokenizers")


@dataclass(frozen=True)
class Asked:
    """What is to be measured.

    Attributes:
        models: their names, the one that others are compared with first.
        root: of the model repository.
        columns: how the data is read, by the options of `training.options`.
        texts: how many are taken, at random; None: all.
        batch_size: of all models; None: for each the fastest of some.
        torch_int8: each checkpoint in PyTorch's own dynamic INT8 too.
    """

    models: tuple[str, ...]
    root: Path
    data: str
    columns: Mapping[str, Any]
    how: How
    texts: int | None = None
    batch_size: int | None = None
    runs: int = RUNS
    warm_up: int = WARM_UP
    torch_int8: bool = False


@dataclass(frozen=True)
class _Material:
    """Texts in a random order, and who judges what is said of them."""

    texts: Sequence[Input]
    sha256: str
    judge: Judge


def bench(asked: Asked, say: Say = silent) -> Bench:
    """Measures models side by side.

    Raises:
        CheckpointError, RepositoryError, DataError: a model or the data cannot be read.
        ExportError: they do not fit each other, or cannot be run as is asked.
    """
    started = datetime.now(UTC)
    how = asked.how
    with step(say, "read models and texts"):
        loaded, material = _read(asked)
    texts = material.texts
    with threads(how.threads):
        models = [run_of(one, how) for one in loaded]
        with step(say, f"one text alone, {asked.warm_up} + {asked.runs} times"):
            alone = latencies(models, texts, runs=asked.runs, warm_up=asked.warm_up)
        sizes = _sizes(models, texts, asked.batch_size, say)
        with step(say, f"{len(texts)} texts in batches"):
            together = throughputs(models, texts, sizes)
    judged = material.judge.judged(loaded, [one.answers for one in together])
    return Bench(
        started_at=started,
        code_version=code_version(),
        data=asked.data,
        data_sha256=material.sha256,
        n=len(texts),
        task=loaded[0].task,
        quality_name=material.judge.quality,
        agreement_name=material.judge.agreement,
        pad_to=how.pad_to,
        threads=how.threads,
        cpus=os.cpu_count() or 1,
        hardware=processor(),
        warm_up=asked.warm_up,
        runs=asked.runs,
        libraries={name: version(name) for name in LIBRARIES},
        rows=tuple(
            _row(*each, (alone[0], together[0]))
            for each in zip(loaded, judged, alone, sizes, together, strict=True)
        ),
    )


def _read(asked: Asked) -> tuple[list[Loaded], _Material]:
    how, names = asked.how, list(asked.models)
    loaded = titles([load(name, asked.root, how) for name in names], names)
    first = loaded[0]
    for one in loaded:
        if one.task != first.task:
            raise ExportError(
                f"{one.title} is a {MODELS[one.task]}, and {first.title} a {MODELS[first.task]}: "
                "only models of one task answer the same texts"
            )
    stated = {one.pairs: one.title for one in loaded if one.pairs is not None}
    if len(stated) > 1:
        raise ExportError(f"{stated[True]} reads pairs of texts, and {stated[False]} single ones")
    material, pairs = _material(asked, loaded, next(iter(stated), None))
    loaded = [one.reads(pairs) for one in loaded]
    if not asked.torch_int8:
        return loaded, material
    if not any(isinstance(one.model, Checkpoint) for one in loaded):
        raise ExportError("--torch-int8 is of checkpoints, and all that is given is ONNX")
    both = []
    for one in loaded:
        both.append(one)
        if isinstance(one.model, Checkpoint):
            both.append(in_torch_int8(one))
    return both, material


def _material(asked: Asked, loaded: Sequence[Loaded], pairs: bool | None) -> tuple[_Material, bool]:
    """The texts that are taken, and whether they are pairs."""
    first, source = loaded[0], asked.data
    recipe = first.model.recipe if isinstance(first.model, Checkpoint) else None
    columns = columns_for(recipe.data if recipe else None, asked.columns)
    data: Any
    judge: Any
    if first.task == "token-classification":
        data, judge = load_tagged_text(source, columns, "test", types_of(first.labels)), TagJudge
    elif first.task == "feature-extraction":
        data, judge = load_perhaps_labelled(source, columns, "test"), EmbeddingJudge
    else:
        columns = of_pairs(columns, pairs)
        known = map_of_model(first.labels, columns.labels)
        data = load_labelled_text(source, columns, "test", known, first.problem)
        refuse_other_labels(loaded, data)
        judge = LabelJudge
    rows = np.random.default_rng(SEED).permutation(len(data))[: asked.texts]
    data = data.select(rows)
    _refuse_no_room(loaded, asked.how, data.texts, [row + 1 for row in rows.tolist()])
    return _Material(list(data.texts), data.sha256, judge(data)), getattr(data, "pairs", False)


def _refuse_no_room(
    loaded: Sequence[Loaded], how: How, texts: Sequence[Input], numbers: Sequence[int]
) -> None:
    """Raises ExportError where one of the models cannot read a pair."""
    for one in loaded:
        model = one.reads(are_pairs(texts)).model
        windows = model.windows if isinstance(model, Checkpoint) else model.manifest.windows
        refuse_no_room(one.title, model.tokenizer, texts, None if how.pad_to else windows, numbers)


def _sizes(models: Sequence[Run], texts: Sequence[Input], given: int | None, say: Say) -> list[int]:
    if given is not None:
        return [given] * len(models)
    with step(say, "sizes of batches"):
        return [fastest_size(model, texts[:TRIED]) for model in models]


def _row(
    loaded: Loaded,
    judged: Judged,
    alone: Latency,
    size: int,
    together: Throughput,
    first: tuple[Latency, Throughput],
) -> Row:
    return Row(
        title=loaded.title,
        engine=loaded.engine,
        precision=loaded.precision,
        bytes=loaded.bytes,
        parameters=loaded.counted.parameters,
        sparsity=loaded.counted.sparsity,
        max_length=loaded.max_length,
        judged=judged,
        alone=Alone(
            mean_ms=alone.mean_ms, p50_ms=alone.p50_ms, p95_ms=alone.p95_ms, p99_ms=alone.p99_ms
        ),
        batch_size=size,
        texts_per_second=together.texts_per_second,
        speed_up=first[0].p50_ms / alone.p50_ms,
        batch_speed_up=together.texts_per_second / first[1].texts_per_second,
    )
