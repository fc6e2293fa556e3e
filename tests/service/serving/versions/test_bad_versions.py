"""A version that cannot be served, in whatever way, stops nothing but itself."""

import json
import os
import shutil
import threading
from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
import pytest
from fastapi.testclient import TestClient
from onnx import TensorProto, numpy_helper

from service.repository.manifest import read_manifest
from tests.service.builders import WORDS, publish_tiny, sum_graph, write_manifest
from tests.service.serving.apps import Connect, eventually, load, version


def save(directory: Path, model: onnx.ModelProto) -> None:
    """Publishes a graph as the version's model, with its hash."""
    onnx.save(model, directory / "model.onnx")
    known = read_manifest(directory)
    write_manifest(directory, **{key: v for key, v in dict(known).items() if key != "files"})


def narrow_table(directory: Path) -> None:
    """The tokenizer gives ids that the embedding table does not have."""
    save(directory, sum_graph(np.zeros((len(WORDS) - 2, 2), dtype=np.float32)))


def static_batch(directory: Path) -> None:
    """Only one text at a time."""
    model = onnx.load(directory / "model.onnx")
    for value in (*model.graph.input, *model.graph.output):
        value.type.tensor_type.shape.dim[0].dim_value = 1
    save(directory, model)


def not_finite(directory: Path) -> None:
    """Some of its logits are no numbers."""
    model = onnx.load(directory / "model.onnx")
    (table,) = (one for one in model.graph.initializer if one.name == "table")
    values = numpy_helper.to_array(table).copy()
    values[-1] = np.nan
    table.CopyFrom(numpy_helper.from_array(values, "table"))
    save(directory, model)


def no_graph(directory: Path) -> None:
    """The file is as published, and no model."""
    (directory / "model.onnx").write_bytes(b"not a model")
    known = read_manifest(directory)
    write_manifest(directory, **{key: v for key, v in dict(known).items() if key != "files"})


def unreadable(directory: Path) -> None:
    """A directory lies where the file should, which not even root can read."""
    (directory / "model.onnx").unlink()
    (directory / "model.onnx").mkdir()


def unknown_operator(directory: Path) -> None:
    """A graph for another runtime."""
    model = onnx.load(directory / "model.onnx")
    model.graph.node[0].op_type = "Fetch"
    save(directory, model)


def wrong_type(directory: Path) -> None:
    """It takes other numbers than the service gives."""
    model = onnx.load(directory / "model.onnx")
    for value in model.graph.input:
        value.type.tensor_type.elem_type = TensorProto.INT32
    save(directory, model)


def broken_manifest(directory: Path) -> None:
    """Its manifest was cut off."""
    path = directory / "manifest.json"
    path.write_text(path.read_text()[:-20])


def link_to_itself(directory: Path) -> None:
    """Its tokenizer leads nowhere."""
    (directory / "tokenizer.json").unlink()
    (directory / "tokenizer.json").symlink_to("tokenizer.json")


def panicking_tokenizer(directory: Path) -> None:
    """Special tokens that its template names and does not have: the library panics."""
    path = directory / "tokenizer.json"
    tokenizer = json.loads(path.read_text())
    tokenizer["post_processor"]["special_tokens"] = {}
    known = read_manifest(directory)
    path.write_text(json.dumps(tokenizer))
    write_manifest(directory, **{key: v for key, v in dict(known).items() if key != "files"})


DAMAGES = [
    panicking_tokenizer,
    narrow_table,
    static_batch,
    not_finite,
    no_graph,
    unreadable,
    unknown_operator,
    wrong_type,
    broken_manifest,
    link_to_itself,
]


@pytest.mark.parametrize("damage", DAMAGES)
def test_bad_version_stops_neither_start_nor_others(
    models: Path, connect: Connect, damage: Callable[[Path], None]
) -> None:
    """At the start and on a running service: the older version serves, and the other models."""
    damage(publish_tiny(models, "student", 2))
    client = connect(admin_key="key", watch_seconds=0)
    damage(publish_tiny(models, "teacher", 2))
    for model in ("student", "teacher"):
        refused = load(client, model, 2)
        assert refused.status_code == 409, refused.text
        assert load(client, model).json()["version"] == 1
        assert version(client, model) == 1
        described = client.get(f"/models/{model}").json()
        assert described["problems"]["2"] == refused.json()["detail"]
        assert [one["state"] for one in described["each"]] == ["ready", "failed"]
    assert client.get("/readyz").status_code == 200
    assert version(client) == 1
    pinned = client.post("/predict", json={"inputs": "good", "model": "student@2"})
    assert pinned.status_code == 503


def test_bad_version_serves_once_its_files_are_others(models: Path, connect: Connect) -> None:
    """Without being asked."""
    directory = publish_tiny(models, "student", 2)
    narrow_table(directory)
    client = connect(watch_seconds=0.05)
    assert version(client) == 1
    shutil.rmtree(directory)
    publish_tiny(models, "student", 2)
    eventually(lambda: version(client) == 2)
    assert client.get("/models/student").json()["problems"] == {}


def test_version_that_is_copied_file_by_file(
    models: Path, tmp_path: Path, connect: Connect
) -> None:
    """Its manifest first, as rsync and object stores do: it serves when all of it is there."""
    made = publish_tiny(tmp_path / "elsewhere", "student", 2)
    client = connect(watch_seconds=0.02)
    place = models / "student" / "2"
    place.mkdir()
    for name in ("manifest.json", "tokenizer.json"):
        shutil.copy(made / name, place)
        eventually(lambda: "is missing" in str(problem(client)))
    content = (made / "model.onnx").read_bytes()
    (place / "model.onnx").write_bytes(content[:100])
    eventually(lambda: "has 100 bytes" in str(problem(client)))
    assert version(client) == 1
    (place / "model.onnx").write_bytes(content)
    eventually(lambda: version(client) == 2)
    assert problem(client) is None


def test_file_that_comes_late_with_an_old_time_is_seen(
    models: Path, tmp_path: Path, connect: Connect
) -> None:
    """Copies keep the times of their originals, and replace a file by renaming."""
    made = publish_tiny(tmp_path / "elsewhere", "student", 2)
    client = connect(watch_seconds=0.02)
    shutil.copytree(made, models / "student" / "2")
    place = models / "student" / "2" / "model.onnx"
    eventually(lambda: version(client) == 2)
    third = publish_tiny(tmp_path / "elsewhere", "student", 3)
    partial = models / "student" / "3"
    shutil.copytree(third, partial, ignore=lambda *_: ["model.onnx"])
    eventually(lambda: "3" in client.get("/models/student").json()["problems"])
    shutil.copy(third / "model.onnx", partial / ".model.onnx.part")
    os.utime(partial / ".model.onnx.part", ns=(0, place.stat().st_mtime_ns))
    (partial / ".model.onnx.part").rename(partial / "model.onnx")
    eventually(lambda: version(client) == 3)


def problem(client: TestClient) -> str | None:
    """What is wrong with version 2 of student."""
    found: str | None = client.get("/models/student").json()["problems"].get("2")
    return found


def test_default_of_which_nothing_is_good_is_not_ready(models: Path, connect: Connect) -> None:
    """The others answer, and the service says why no traffic should come by default."""
    narrow_table(models / "student" / "1")
    client = connect(admin_key="key", watch_seconds=0)
    assert version(client, "teacher") == 1
    unready = client.get("/readyz")
    assert unready.status_code == 503
    assert "student/1" in unready.json()["status"]
    assert client.get("/livez").status_code == 200
    shutil.rmtree(models / "student" / "1")
    publish_tiny(models, "student")
    assert load(client, "student").status_code == 200
    assert client.get("/readyz").status_code == 200


def test_dead_thread_is_seen_by_probes(client: TestClient, monkeypatch: pytest.MonkeyPatch) -> None:
    """The process is to be restarted; until then who asks is told at once."""
    monkeypatch.setattr(threading, "excepthook", lambda _: None)
    registry = client.app.state.service.registry  # type: ignore[attr-defined]
    batcher = registry.serving("student").loaded.batcher
    assert client.get("/livez").status_code == 200
    batcher._inbox.put([None])  # a defect where none is expected
    eventually(lambda: not batcher.is_alive)
    for path in ("/livez", "/readyz"):
        dead = client.get(path)
        assert (dead.status_code, dead.json()["status"]) == (
            503,
            "the thread of student@1 has died",
        )
    assert client.post("/predict", json={"inputs": "good"}).status_code == 503
    assert client.post("/predict", json={"inputs": "x", "model": "teacher"}).status_code == 200
