"""Writes a model repository entry whole or not at all, checked before it is seen."""

import re
import subprocess
import tempfile
from dataclasses import dataclass, field
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path
from typing import Literal

import onnx

from export.errors import ExportError, GateError
from export.graph.onnx_graph import store_in_half, store_in_int8, to_onnx
from export.measure.parity import Gate, batch_difference, measure, served_logits, torch_logits
from export.quantize.int8 import Int8, int8_graph
from service.errors import RepositoryError
from service.repository.files import file_sha256
from service.repository.manifest import (
    FILE_NAME,
    MODEL_FILE,
    NAME_PATTERN,
    TOKENIZER_FILE,
    File,
    Lineage,
    Manifest,
    Quantization,
)
from service.runtime.tasks.classification import Classifier
from training.data.labelled import LabelledText
from training.models.checkpoint import Checkpoint
from training.score.scores import fit_temperature

SINGLE_LABEL = "single_label_classification"
Precision = Literal["fp32", "int8"]
Weights = Literal["float32", "float16", "int8"]


@dataclass(frozen=True)
class Request:
    """What to publish.

    Attributes:
        name: the model's name in the repository.
        weights: how an FP32 model's weights are stored; an INT8 model's are int8.
        int8: how an INT8 model is made.
        sets: labelled sets by name; the first is the one that the gate looks at.
        gate: what may be lost.
        temperature_from: labelled texts to fit the served temperature on; None: it is 1.
    """

    name: str
    precision: Precision
    weights: Weights
    licence: str
    sets: dict[str, LabelledText]
    gate: Gate
    temperature_from: LabelledText | None = None
    int8: Int8 = field(default_factory=Int8)


def publish(checkpoint: Checkpoint, root: Path, request: Request) -> Manifest:
    """Exports, measures, and publishes a new version under `root/<name>/<version>/`.

    The version is built in a hidden directory on the same disk, `manifest.json` last, and
    renamed into place: a reader never sees half of it.

    Raises:
        GateError: it lost more than the gate allows; nothing is published.
        ExportError: the request or the model is not one that can be published, or there is
            nothing to measure on.
    """
    if not re.fullmatch(NAME_PATTERN, request.name):
        raise ExportError(f"{request.name!r} is not a model's name: it should match {NAME_PATTERN}")
    if not request.sets:
        raise ExportError("nothing to measure on: give at least one labelled set with --data")
    kind = checkpoint.model.config.problem_type or SINGLE_LABEL
    if kind != SINGLE_LABEL or len(checkpoint.labels) < 2:
        raise ExportError(
            f"{checkpoint.source} is not a {SINGLE_LABEL} model of two labels or more"
        )
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
            manifest = _write(checkpoint, graph, quantization, staging, version, request)
            _place(staging, home / str(version))
    finally:
        if not any(home.iterdir()):
            home.rmdir()
    return manifest


def _graph(checkpoint: Checkpoint, request: Request) -> tuple[onnx.ModelProto, Quantization | None]:
    if request.precision == "int8":
        return int8_graph(checkpoint, request.int8, request.gate)
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
    version: int,
    request: Request,
) -> Manifest:
    onnx.save(graph, staging / MODEL_FILE)
    checkpoint.hub_tokenizer.backend_tokenizer.save(str(staging / TOKENIZER_FILE))
    trained = checkpoint.metrics or {}
    manifest = Manifest(
        name=request.name,
        version=version,
        labels=checkpoint.labels,
        max_length=checkpoint.max_length,
        precision=request.precision,
        weights="int8" if request.precision == "int8" else request.weights,
        quantization=quantization,
        parameters=sum(parameter.numel() for parameter in checkpoint.model.parameters()),
        files={
            name: File(sha256=file_sha256(staging / name), bytes=(staging / name).stat().st_size)
            for name in (MODEL_FILE, TOKENIZER_FILE)
        },
        lineage=Lineage(
            teacher=trained.get("teacher_sha256"),
            recipe_sha256=checkpoint.recipe.sha256 if checkpoint.recipe else None,
            data_sha256=trained.get("train", {}).get("sha256"),
            code_version=_code_version(),
        ),
        licence=request.licence,
        created_at=datetime.now(UTC).replace(microsecond=0),
    )
    # The classifier reads only complete versions, and its metrics go into the manifest: so
    # the manifest is written twice, out of sight.
    _write_manifest(staging, manifest)
    classifier = _served(staging)
    if (held := request.temperature_from) is not None:
        logits = served_logits(classifier, held.texts)
        manifest = manifest.model_copy(
            update={"temperature": fit_temperature(logits, held.targets)}
        )
        _write_manifest(staging, manifest)
        classifier = _served(staging)
    metrics = {}
    parity = None
    for name, data in request.sets.items():
        if data.labels != checkpoint.labels:
            raise ExportError(f"{name} has labels {data.labels}, not {checkpoint.labels}")
        expected = torch_logits(checkpoint, data.texts)
        found, scored = measure(classifier, expected, data.texts, data.targets)
        if parity is None:
            moved = batch_difference(classifier, data.texts)
            parity = found.model_copy(update={"max_batch_difference": moved})
            request.gate.check(parity)
        if scored is not None:
            metrics[name] = scored
    final = manifest.model_copy(update={"metrics": metrics, "parity": parity})
    _write_manifest(staging, final)
    return final


def _served(staging: Path) -> Classifier:
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


def _code_version() -> str:
    """The package's version, with the commit where the code is a git checkout."""
    version = metadata.version("stillhouse")
    try:
        commit = subprocess.run(
            ["git", "rev-parse", "--short=12", "HEAD"],  # noqa: S607  found on PATH, as by the user
            cwd=Path(__file__).parent,
            capture_output=True,
            text=True,
            check=True,
        ).stdout.strip()
    except (OSError, subprocess.CalledProcessError):
        return version
    return f"{version}+{commit}"
