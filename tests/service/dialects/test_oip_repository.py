"""The repository, configurations and statistics, with Triton's own client."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient
from tritonclient import http as triton

from tests.service.builders import publish_tiny, write_cascade
from tests.service.conftest import listening
from tests.service.dialects.test_oip import text_input

ADMIN = {"Authorization": "Bearer admin"}
KEY = {"Authorization": "Bearer key"}


@pytest.fixture
def server(models: Path) -> Iterator[Any]:
    """Triton's client of a server with keys, where `student` has two versions."""
    publish_tiny(models, "student", 2)
    with (
        listening(models=models, threads=1, api_keys="key", admin_key="admin") as url,
        triton.InferenceServerClient(url.removeprefix("http://")) as client,
    ):
        yield client


def serving(server: Any) -> str:
    """The version of `student` that answers."""
    result = server.infer("student", [text_input(["good"])], headers=KEY)
    return str(result.get_response()["model_version"])


def test_index(server: Any) -> None:
    """The index lists every version of the repository."""
    assert server.get_model_repository_index(headers=KEY) == [
        {"name": name, "version": version, "state": "READY", "reason": ""}
        for name, version in (("student", "1"), ("student", "2"), ("teacher", "1"))
    ]


def test_load_and_unload(server: Any) -> None:
    """A model is taken out and put back, and rolled back to a version, with the admin key."""
    assert serving(server) == "2"
    server.unload_model("student", headers=ADMIN)
    assert not server.is_model_ready("student", headers=KEY)
    with pytest.raises(triton.InferenceServerException) as gone:
        serving(server)
    assert gone.value.status() == "503"
    server.load_model("student", headers=ADMIN)
    assert serving(server) == "2"
    server.load_model("student@1", headers=ADMIN)
    assert serving(server) == "1"


@pytest.mark.parametrize("headers", [{}, KEY])
def test_changes_need_the_admin_key(server: Any, headers: dict[str, str]) -> None:
    """Neither nobody nor who may predict can load or unload."""
    for change in (server.load_model, server.unload_model):
        with pytest.raises(triton.InferenceServerException) as raised:
            change("student", headers=headers)
        assert raised.value.status() == "401"
    assert serving(server) == "2"


@pytest.mark.parametrize(
    ("name", "options", "status", "says"),
    [
        ("nope", {}, "404", "no model 'nope'"),
        ("student@x", {}, "404", "whole number"),
        ("student", {"config": "{}"}, "400", "config: a model is loaded as it is"),
        ("student", {"config": "{}", "files": {"file:1/model.onnx": b"x"}}, "400", "as it is"),
    ],
)
def test_loads_that_are_refused(
    server: Any, name: str, options: dict[str, Any], status: str, says: str
) -> None:
    """An unknown model, and files or settings that the repository does not hold."""
    with pytest.raises(triton.InferenceServerException, match=says) as raised:
        server.load_model(name, headers=ADMIN, **options)
    assert raised.value.status() == status


@pytest.mark.parametrize("change", ["load", "unload"])
@pytest.mark.parametrize(
    "body", [{"parameters": {"version": "1"}}, {"version": "1"}, {"parameters": {"x": True}}]
)
def test_what_is_not_read_changes_nothing(
    connect: Callable[..., TestClient], change: str, body: dict[str, Any]
) -> None:
    """A version that is not acted upon is refused; Triton's own is not."""
    client = connect(admin_key="admin")
    url = f"/v2/repository/models/student/{change}"
    refused = client.post(url, json=body, headers=ADMIN)
    assert refused.status_code == 400
    assert client.get("/v2/models/student/ready").status_code == 200
    own = client.post(url, json={"parameters": {"unload_dependents": False}}, headers=ADMIN)
    assert own.status_code == 200


def test_config(server: Any) -> None:
    """Inputs and outputs are told in Triton's words, by name and by version."""
    config = server.get_model_config("student", headers=KEY)
    assert config == server.get_model_config("student", "1", headers=KEY)
    assert config == {
        "name": "student",
        "platform": "onnxruntime_onnx",
        "backend": "onnxruntime",
        "max_batch_size": 0,
        "input": [{"name": "text", "data_type": "TYPE_STRING", "dims": [-1]}],
        "output": [
            {"name": "label", "data_type": "TYPE_STRING", "dims": [-1]},
            {"name": "score", "data_type": "TYPE_FP32", "dims": [-1]},
            {"name": "scores", "data_type": "TYPE_FP32", "dims": [-1, 2]},
        ],
    }
    with pytest.raises(triton.InferenceServerException) as unknown:
        server.get_model_config("nope", headers=KEY)
    assert unknown.value.status() == "404"


def test_statistics(server: Any) -> None:
    """What a version has answered is counted: requests, texts, and nanoseconds by stage."""
    server.infer("student", [text_input(["good", "bad"])], headers=KEY)
    server.infer("student", [text_input(["good"])], headers=KEY)
    found = server.get_inference_statistics("student", headers=KEY)["model_stats"]
    assert [(one["name"], one["version"]) for one in found] == [("student", "1"), ("student", "2")]
    assert (found[0]["inference_count"], found[0]["last_inference"]) == (0, 0)
    asked = found[1]
    assert asked["inference_count"] == 3
    assert 1 <= asked["execution_count"] <= 3
    assert asked["last_inference"] > 1_600_000_000_000
    stats = asked["inference_stats"]
    assert (stats["success"]["count"], stats["fail"]["count"]) == (2, 0)
    stages = sum(stats[stage]["ns"] for stage in ("compute_input", "queue", "compute_infer"))
    assert stats["success"]["ns"] == stages > 0
    one = server.get_inference_statistics("student", "2", headers=KEY)["model_stats"]
    assert one == [asked]
    every = server.get_inference_statistics(headers=KEY)["model_stats"]
    assert [stat["name"] for stat in every] == ["student", "student", "teacher"]


def test_statistics_of_a_cascade(models: Path, connect: Callable[..., TestClient]) -> None:
    """They are those of the versions that it asks."""
    write_cascade(models)
    found = connect().get("/v2/models/auto/stats").json()["model_stats"]
    assert [(one["name"], one["version"]) for one in found] == [("student", "1"), ("teacher", "1")]


def test_versions_that_can_answer(models: Path, connect: Callable[..., TestClient]) -> None:
    """Metadata lists the versions that can be asked for, the index also the one that cannot."""
    publish_tiny(models, "student", 2)
    (publish_tiny(models, "student", 3) / "model.onnx").unlink()
    client = connect()
    assert client.get("/v2/models/student").json()["versions"] == ["1", "2"]
    found = client.post("/v2/repository/index").json()
    states = {entry["version"]: entry for entry in found if entry["name"] == "student"}
    assert [states[version]["state"] for version in "123"] == ["READY", "READY", "UNAVAILABLE"]
    assert "model.onnx is missing" in states["3"]["reason"]
    body = {"inputs": [{"name": "text", "shape": [1], "datatype": "BYTES", "data": ["good"]}]}
    old = client.post("/v2/models/student/versions/1/infer", json=body).json()
    assert old["model_version"] == "1"
    assert client.post("/v2/models/student/infer", json=body).json()["model_version"] == "2"
    broken = client.post("/v2/models/student/versions/3/infer", json=body)
    assert (broken.status_code, set(broken.json())) == (503, {"error"})


def test_index_of_ready_versions(models: Path, connect: Callable[..., TestClient]) -> None:
    """`{"ready": true}` lists only the versions that serve; a bad body is refused."""
    (publish_tiny(models, "student", 2) / "model.onnx").unlink()
    client = connect()
    found = client.post("/v2/repository/index", json={"ready": True}).json()
    assert [(entry["name"], entry["version"]) for entry in found] == [
        ("student", "1"),
        ("teacher", "1"),
    ]
    bad = client.post("/v2/repository/index", content=b"{")
    assert bad.status_code == 400
    assert "Invalid JSON" in bad.json()["error"]
