"""Writes a model repository entry whole or not at all, checked before it is seen."""

import dataclasses
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

import onnx

from export.errors import ExportError, GateError
from export.graph.files import save_graph
from export.graph.onnx_graph import store_in_half, store_in_int8
from export.measure.edges import neutral_texts
from export.measure.served import refuse_no_room
from export.progress import Say, silent, step
from export.publish.card import CARD, model_card, write_card
from export.publish.lineage import lineage_of
from export.publish.origin import origin_of
from export.publish.request import Request, refuse_name
from export.publish.staging import hidden_folder
from export.quantize.int8 import int8_graph, refuse_int8
from export.tasks.tasks import AnyTask, task_for
from service.errors import RepositoryError
from service.repository.files import file_sha256
from service.repository.manifest import FILE_NAME, MODEL_FILE, TOKENIZER_FILE, Manifest
from service.repository.sections import File, Quantization
from service.runtime.model import Input
from service.runtime.tasks.loading import load_model
from service.runtime.tasks.task import OnnxModel
from training.models.checkpoints.checkpoint import Checkpoint


def publish(checkpoint: Checkpoint, root: Path, request: Request, say: Say = silent) -> Manifest:
    """Exports, measures, and publishes a new version under `root/<name>/<version>/`.

    The version is built in a hidden directory on the same disk, `manifest.json` last, and
    renamed into place: a reader never sees half of it.

    Args:
        say: told of each step, and of what must not be overlooked.

    Raises:
        GateError: it lost more than the gate allows; nothing is published.
        ExportError, InvalidInput: the request or the model is not one that can be published.
    """
    task = task_for(checkpoint)
    refuse_name(root, request.name)
    _refuse(task, checkpoint, request)
    with step(say, "export the graph"):
        graph, quantization = _graph(task, checkpoint, request)

    home = root / request.name
    home.mkdir(parents=True, exist_ok=True)
    # A number that was ever begun is not used again, complete or not.
    taken = (int(place.name) for place in home.iterdir() if place.name.isdecimal())
    version = max(taken, default=0) + 1
    try:
        with hidden_folder(home, version) as hidden:
            staging = hidden / request.name / str(version)
            staging.mkdir(parents=True)
            manifest = _write(task, checkpoint, graph, quantization, staging, request, say)
            # That no manifest names: the service reads nothing of it.
            write_card(model_card(manifest, origin_of(checkpoint)), staging / CARD)
            _place(staging, home / str(version))
    finally:
        if not any(home.iterdir()):
            home.rmdir()
    return manifest


def _refuse(task: AnyTask, checkpoint: Checkpoint, request: Request) -> None:
    """Raises ExportError, before anything long, where the request cannot be met."""
    if not request.licence.strip():
        raise ExportError("a model is published under a licence: say which with --licence")
    if request.precision == "int8":
        refuse_int8(checkpoint.model)
    checkpoint.tokenizer.encode(["a"], request.windows)  # whose error should not wait
    task.refuse(checkpoint, request.sets, request.fit)
    read: dict[str, Sequence[Input]] = {name: data.texts for name, data in request.sets.items()}
    read["the texts to compare on"] = request.texts
    if request.fit is not None:
        read["the texts to fit on"] = request.fit.texts
    for name, texts in read.items():
        refuse_no_room(name, checkpoint.tokenizer, texts, request.windows)
    if request.fit is not None:
        request.refuse_measured(request.fit.texts, "that the temperature is fitted on")


def _graph(
    task: AnyTask, checkpoint: Checkpoint, request: Request
) -> tuple[onnx.ModelProto, Quantization | None]:
    if request.precision == "int8":

        def texts() -> Sequence[Input]:
            found = request.int8.texts()
            request.refuse_measured(found, "that INT8 takes its ranges from")
            return found

        graph = task.graph(checkpoint, pinned=request.int8.activations != "dynamic")
        plan = dataclasses.replace(request.int8, texts=texts)
        return int8_graph(graph, checkpoint.tokenizer, plan, request.gate, checkpoint.problem)
    graph = task.graph(checkpoint)
    if request.weights == "float16":
        graph = store_in_half(graph)
    elif request.weights == "int8":
        graph = store_in_int8(graph)
    return graph, None


def _write(
    task: AnyTask,
    checkpoint: Checkpoint,
    graph: onnx.ModelProto,
    quantization: Quantization | None,
    staging: Path,
    request: Request,
    say: Say,
) -> Manifest:
    """Writes a version's files, and its manifest as far as it is known, again and again.

    The service reads only complete versions, and what it says goes into the manifest.
    """
    written = save_graph(graph, staging / MODEL_FILE)
    checkpoint.reading.save(staging / TOKENIZER_FILE)
    disabled: tuple[str, ...] = ()
    if request.choose_optimizers is not None:
        with step(say, "look at ONNX Runtime's fusions"):
            disabled = request.choose_optimizers(staging / MODEL_FILE)
    manifest = Manifest(
        **task.manifest_fields(checkpoint),
        name=request.name,
        version=int(staging.name),
        max_length=checkpoint.max_length,
        windows=request.windows,
        special_tokens=checkpoint.special_tokens,
        pad_id=checkpoint.reading.pad_id,
        precision=request.precision,
        weights="int8" if request.precision == "int8" else request.weights,
        quantization=quantization,
        disabled_optimizers=disabled,
        inputs=tuple(node.name for node in graph.graph.input),
        outputs=tuple(node.name for node in graph.graph.output),
        parameters=checkpoint.parameters,
        files={
            name: File(sha256=file_sha256(staging / name), bytes=(staging / name).stat().st_size)
            for name in (*written, TOKENIZER_FILE)
        },
        lineage=lineage_of(checkpoint),
        licence=request.licence,
        created_at=datetime.now(UTC).replace(microsecond=0),
    )
    model = _served(staging, manifest)
    if request.fit is not None and (fitted := task.fit(model, request.fit, say)):
        manifest = manifest.model_copy(update=fitted)
        model = _served(staging, manifest)
    return _measured(task, checkpoint, model, staging, request, say)


def _measured(
    task: AnyTask,
    checkpoint: Checkpoint,
    model: OnnxModel,
    staging: Path,
    request: Request,
    say: Say,
) -> Manifest:
    first = next(iter(request.sets.values()), None)
    texts = [*(first.texts if first else ()), *request.texts] or neutral_texts(
        pairs=checkpoint.pairs
    )
    with step(say, f"compare with transformers on {len(texts)} texts and at the length limit"):
        found = task.compare(checkpoint, model, texts, first)
    verdict = task.judge(found, request.gate)
    if request.judged is None:
        verdict.enforce(found.n)
    else:
        request.judged(verdict)
    for unseen in verdict.unseen:
        say(f"not looked at: {unseen}")
    metrics = {}
    for name, data in request.sets.items():
        with step(say, f"score {name}, {len(data)} texts"):
            metrics[name] = task.metrics(model, name, data, say)
    final = model.manifest.model_copy(update={"metrics": metrics, "parity": found.parity()})
    _write_manifest(staging, final)
    return final


def _served(staging: Path, manifest: Manifest) -> OnnxModel:
    _write_manifest(staging, manifest)
    try:
        return load_model(staging)
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
