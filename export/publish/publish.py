"""Writes a model repository entry whole or not at all, checked before it is seen."""

import dataclasses
import tempfile
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import onnx

from export.errors import ExportError, GateError
from export.graph.files import save_graph
from export.graph.onnx_graph import store_in_half, store_in_int8, to_onnx
from export.measure.comparison import compare
from export.measure.edges import NEUTRAL
from export.measure.metrics import as_metrics, served_scores
from export.measure.served import served_logits
from export.progress import Say, silent, step
from export.publish.lineage import lineage_of
from export.publish.request import Request, refuse_name
from export.quantize.int8 import int8_graph
from service.errors import RepositoryError
from service.repository.files import file_sha256
from service.repository.manifest import (
    FILE_NAME,
    MODEL_FILE,
    TOKENIZER_FILE,
    File,
    Manifest,
    Metrics,
    Quantization,
)
from service.runtime.tasks.classification import Classifier
from training.data.labelled import LabelledText
from training.models.checkpoint import Checkpoint
from training.problem import problem_of
from training.score.scores import Scores, sigmoid
from training.score.temperature import fit_temperature
from training.score.thresholds import fit_thresholds


def publish(checkpoint: Checkpoint, root: Path, request: Request, say: Say = silent) -> Manifest:
    """Exports, measures, and publishes a new version under `root/<name>/<version>/`.

    The version is built in a hidden directory on the same disk, `manifest.json` last, and
    renamed into place: a reader never sees half of it.

    Args:
        say: told of each step, and of what must not be overlooked.

    Raises:
        GateError: it lost more than the gate allows; nothing is published.
        ExportError: the request or the model is not one that can be published.
    """
    _refuse(checkpoint, request)
    with step(say, "export the graph"):
        graph, quantization = _graph(checkpoint, request)

    home = root / request.name
    home.mkdir(parents=True, exist_ok=True)
    # A number that was ever begun is not used again, complete or not.
    taken = (int(place.name) for place in home.iterdir() if place.name.isdecimal())
    version = max(taken, default=0) + 1
    try:
        with tempfile.TemporaryDirectory(prefix=f".{version}-", dir=home) as hidden:
            staging = Path(hidden) / request.name / str(version)
            staging.mkdir(parents=True)
            manifest = _write(checkpoint, graph, quantization, staging, request, say)
            _place(staging, home / str(version))
    finally:
        if not any(home.iterdir()):
            home.rmdir()
    return manifest


def _refuse(checkpoint: Checkpoint, request: Request) -> None:
    """Raises ExportError, before anything long, where the request cannot be met."""
    refuse_name(request.name)
    if not request.licence.strip():
        raise ExportError("a model is published under a licence: say which with --licence")
    problem, labels = problem_of(checkpoint.model.config), checkpoint.labels
    if problem == "single_label" and len(labels) < 2:
        raise ExportError(f"{checkpoint.source} has one label, {labels[0]!r}: it can say no other")
    fit = {} if request.fit is None else {"the texts to fit on": request.fit}
    for name, data in {**request.sets, **fit}.items():
        if data.problem != problem:
            raise ExportError(f"{name} is {data.problem}, the model {problem}")
        if data.labels != labels and problem != "regression":
            raise ExportError(f"{name} has labels {data.labels}, not {labels}; see --labels")
    if request.fit is not None:
        request.refuse_measured(request.fit.texts, "that the temperature is fitted on")


def _graph(checkpoint: Checkpoint, request: Request) -> tuple[onnx.ModelProto, Quantization | None]:
    if request.precision == "int8":

        def texts() -> list[str]:
            found = request.int8.texts()
            request.refuse_measured(found, "that INT8 takes its ranges from")
            return found

        return int8_graph(checkpoint, dataclasses.replace(request.int8, texts=texts), request.gate)
    graph = to_onnx(checkpoint.model)
    if request.weights == "float16":
        graph = store_in_half(graph)
    elif request.weights == "int8":
        graph = store_in_int8(graph)
    return graph, None


def _write(
    checkpoint: Checkpoint,
    graph: onnx.ModelProto,
    quantization: Quantization | None,
    staging: Path,
    request: Request,
    say: Say,
) -> Manifest:
    """Writes a version's files, and its manifest as far as it is known, again and again.

    The classifier reads only complete versions, and what it says goes into the manifest.
    """
    written = save_graph(graph, staging / MODEL_FILE)
    checkpoint.reading.save(staging / TOKENIZER_FILE)
    disabled: tuple[str, ...] = ()
    if request.choose_optimizers is not None:
        with step(say, "look at ONNX Runtime's fusions"):
            disabled = request.choose_optimizers(staging / MODEL_FILE)
    problem = problem_of(checkpoint.model.config)
    manifest = Manifest(
        name=request.name,
        version=int(staging.name),
        problem_type=problem,
        labels=checkpoint.labels,
        max_length=checkpoint.max_length,
        pad_id=checkpoint.reading.pad_id,
        precision=request.precision,
        weights="int8" if request.precision == "int8" else request.weights,
        quantization=quantization,
        disabled_optimizers=disabled,
        parameters=sum(parameter.numel() for parameter in checkpoint.model.parameters()),
        files={
            name: File(sha256=file_sha256(staging / name), bytes=(staging / name).stat().st_size)
            for name in (*written, TOKENIZER_FILE)
        },
        lineage=lineage_of(checkpoint),
        licence=request.licence,
        created_at=datetime.now(UTC).replace(microsecond=0),
    )
    classifier = _served(staging, manifest)
    if request.fit is not None and problem != "regression":
        with step(say, f"fit the temperature on {len(request.fit)} texts"):
            fitted = _fitted(classifier, request.fit)
        manifest = manifest.model_copy(update=fitted)
        classifier = _served(staging, manifest)
    return _measured(checkpoint, classifier, manifest, staging, request, say)


def _fitted(classifier: Classifier, data: LabelledText) -> dict[str, Any]:
    """The temperature, and of several labels a text the thresholds that go with it."""
    logits = served_logits(classifier, data.texts)
    temperature = fit_temperature(logits, data.targets)
    if data.problem != "multi_label":
        return {"temperature": temperature}
    thresholds = fit_thresholds(sigmoid(logits / temperature), data.targets)
    return {"temperature": temperature, "thresholds": thresholds}


def _measured(
    checkpoint: Checkpoint,
    classifier: Classifier,
    manifest: Manifest,
    staging: Path,
    request: Request,
    say: Say,
) -> Manifest:
    first = next(iter(request.sets.values()), None)
    texts = [*(first.texts if first else ()), *request.texts] or list(NEUTRAL)
    with step(say, f"compare with transformers on {len(texts)} texts and at the length limit"):
        found = compare(checkpoint, classifier, texts, first)
    verdict = request.gate.judge(found)
    if request.judged is None:
        request.gate.check(found)
    else:
        request.judged(verdict)
    for unseen in verdict.unseen:
        say(f"not looked at: {unseen}")
    metrics = {}
    for name, data in request.sets.items():
        with step(say, f"score {name}, {len(data)} texts"):
            metrics[name] = _metrics(classifier, name, data, say)
    final = manifest.model_copy(update={"metrics": metrics, "parity": found.parity()})
    _write_manifest(staging, final)
    return final


def _metrics(classifier: Classifier, name: str, data: LabelledText, say: Say) -> Metrics:
    logits = served_logits(classifier, data.texts)
    if not np.isfinite(logits).all():
        raise GateError(f"not published: the logits of {name} are not finite")
    found = served_scores(classifier, logits, data)
    if isinstance(found, Scores) and (never := found.never_given(data.labels)):
        say(f"WARNING: {name}: no text is ever given the labels {', '.join(never)}")
    return as_metrics(found, data.labels)


def _served(staging: Path, manifest: Manifest) -> Classifier:
    _write_manifest(staging, manifest)
    try:
        return Classifier.load(staging)
    except RepositoryError as error:
        raise GateError(f"not published: the service cannot run it: {error}") from error


def _write_manifest(directory: Path, manifest: Manifest) -> None:
    text = manifest.model_dump_json(indent=2) + "\n"
    (directory / FILE_NAME).write_text(text, encoding="utf-8")


def _place(staging: Path, target: Path) -> None:
    try:
        staging.rename(target)
    except OSError as error:  # somebody published the same number meanwhile
        raise ExportError(f"{target} exists: run the export again for the next number") from error
