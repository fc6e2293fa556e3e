"""Health, metrics, the list of models, and models that cannot be served."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import onnx
import pytest
from fastapi.testclient import TestClient

from service.repository.manifest import read_manifest
from service.repository.sections import Quantization
from tests.service.builders import edit_manifest, publish_tiny, write_manifest

Connect = Callable[..., TestClient]


def test_alive_and_ready(client: TestClient) -> None:
    """A service with models is alive and ready."""
    assert client.get("/livez").json() == {"status": "alive"}
    assert client.get("/readyz").json() == {"status": "ready"}


def test_not_ready_without_models(connect: Connect, tmp_path: Path) -> None:
    """A service with no model is alive, not ready, and says 503 to predictions."""
    (tmp_path / "empty").mkdir()
    client = connect(models=tmp_path / "empty")
    assert client.get("/livez").status_code == 200
    assert client.get("/readyz").status_code == 503
    response = client.post("/predict", json={"inputs": "good"})
    assert (response.status_code, response.headers["retry-after"]) == (503, "1")


@pytest.mark.parametrize("path", ["/livez", "/readyz"])
def test_probes_take_head(client: TestClient, path: str) -> None:
    """A balancer that asks for the head alone gets the same status, and no body."""
    response = client.head(path)
    assert (response.status_code, response.content) == (200, b"")


def test_one_model_is_the_default(connect: Connect, tmp_path: Path) -> None:
    """A repository of one model and no routes answers a request that names none."""
    publish_tiny(tmp_path / "mine", "mine")
    client = connect(models=tmp_path / "mine")
    response = client.post("/predict", json={"inputs": "good"})
    assert response.json()["model"] == "mine"
    assert client.get("/readyz").status_code == 200


def test_several_models_without_a_default_say_what_to_do(connect: Connect, models: Path) -> None:
    """A client's error that names the models and the setting; the service is ready all the same."""
    (models / "routes.toml").unlink()
    client = connect()
    response = client.post("/predict", json={"inputs": "good"})
    assert response.status_code == 422
    assert "'student', 'teacher'" in response.json()["detail"]
    assert 'default = "student"' in response.json()["detail"]
    assert client.get("/readyz").status_code == 200


def test_routes_that_name_nothing_are_told(connect: Connect, models: Path) -> None:
    """A default that nothing answers to is listed as a problem, and the service is unready."""
    (models / "routes.toml").write_text('default = "studnet"\n')
    client = connect()
    (problem,) = client.get("/models").json()["problems"]
    assert "studnet" in problem
    assert client.get("/readyz").status_code == 503
    assert client.post("/predict", json={"inputs": "good"}).status_code == 404
    assert client.post("/predict", json={"inputs": "good", "model": "student"}).status_code == 200


def test_models_are_listed(client: TestClient) -> None:
    """Each model is listed with version, labels and size, and the default is named."""
    body = client.get("/models").json()
    assert body["default"] == "student"
    assert [model["name"] for model in body["models"]] == ["student", "teacher"]
    one = client.get("/models/teacher").json()
    assert (one["state"], one["version"], one["versions"]) == ("ready", 1, [1])
    assert one["labels"] == ["negative", "positive"]
    assert one["bytes"] > 0
    assert client.get("/models/nope").status_code == 404


def test_metrics_count_requests_and_stages(client: TestClient) -> None:
    """Requests by status and seconds by stage are counted under known names only."""
    client.post("/predict", json={"inputs": ["good", "x " * 30], "model": "teacher"})
    client.post("/predict", json={"inputs": "good", "model": "no-such-model"})
    text = client.get("/metrics").text
    assert 'stillhouse_requests_total{model="teacher",status="200"} 1.0' in text
    assert 'stillhouse_requests_total{model="-",status="404"} 1.0' in text
    assert 'stillhouse_stage_seconds_count{model="teacher",stage="inference"} 1.0' in text
    assert 'stillhouse_truncated_total{model="teacher",version="1"} 1.0' in text
    assert 'stillhouse_rejected_total{reason="UnknownModel"} 1.0' in text
    assert "no-such-model" not in text


@pytest.mark.parametrize(
    ("manifest", "batches"),
    [
        ({}, 1),
        ({"precision": "int8", "quantization": Quantization(activations="static")}, 1),
        ({"precision": "int8", "quantization": Quantization(activations="dynamic")}, 4),
        ({"precision": "int8"}, 4),  # of before manifests told
    ],
)
def test_exact_runs_only_dynamic_int8_text_by_text(
    connect: Connect, tmp_path: Path, manifest: dict[str, Any], batches: int
) -> None:
    """Where a batch cannot move an answer, an exact service batches as always."""
    publish_tiny(tmp_path / "exact", "one", **manifest)
    client = connect(models=tmp_path / "exact", exact=True)
    texts = ["good film", "bad film", "fine film", "film film"]
    assert client.post("/predict", json={"inputs": texts}).status_code == 200
    text = client.get("/metrics").text
    assert f'stillhouse_batch_texts_count{{model="one",version="1"}} {batches}.0' in text


def test_docs_describe_the_request(client: TestClient) -> None:
    """The OpenAPI document holds the request's schema, and every reference in it resolves."""
    assert client.get("/docs").status_code == 200
    document = client.get("/openapi.json").json()
    schemas = document["components"]["schemas"]
    assert schemas["PredictRequest"]["properties"]["inputs"]
    text = client.get("/openapi.json").text
    wanted = {part.split('"')[0] for part in text.split('"#/components/schemas/')[1:]}
    assert wanted <= schemas.keys()


def _remove_model(directory: Path) -> None:
    (directory / "model.onnx").unlink()


def _flip_byte(directory: Path) -> None:
    path = directory / "model.onnx"
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


def _external_data(directory: Path, location: str) -> None:
    """Makes the graph read its table from another file, and publishes that with its hash."""
    model = onnx.load(directory / "model.onnx")
    (table,) = (tensor for tensor in model.graph.initializer if tensor.name == "table")
    table.ClearField("raw_data")
    table.data_location = onnx.TensorProto.EXTERNAL
    table.external_data.add(key="location", value=location)
    (directory / "model.onnx").write_bytes(model.SerializeToString())
    old = read_manifest(directory)
    write_manifest(directory, **{k: v for k, v in dict(old).items() if k != "files"})


def _cut_manifest(directory: Path) -> None:
    path = directory / "manifest.json"
    path.write_text(path.read_text()[:-20])


@pytest.mark.parametrize(
    ("damage", "says"),
    [
        (_remove_model, "model.onnx is missing"),
        (_flip_byte, "model.onnx is not the file that was published (SHA-256 differs)"),
        (_cut_manifest, "manifest.json is not valid"),
        (lambda d: (d / "tokenizer.json").write_text("{}"), "tokenizer.json has 2 bytes"),
        (lambda d: _external_data(d, "../../teacher/1/model.onnx"), "../../teacher/1/model.onnx"),
        (lambda d: _external_data(d, "weights.bin"), "weights.bin"),
        (lambda d: edit_manifest(d, schema_version=3), "schema version 3, but"),
        (lambda d: edit_manifest(d, colour="red"), "colour: Extra inputs"),
        (lambda d: edit_manifest(d, name="other"), "its manifest says other/2"),
        (
            lambda d: edit_manifest(
                d, files={"../../teacher/1/model.onnx": {"sha256": "0" * 64, "bytes": 1}}
            ),
            "is not a path inside the model's directory",
        ),
        (
            lambda d: edit_manifest(d, labels=["a", "b", "c"]),
            "give logits of (1, 2), not (1, 3)",
        ),
    ],
)
def test_broken_version_is_refused_and_named(
    models: Path, connect: Connect, damage: Callable[[Path], object], says: str
) -> None:
    """A version that is not as published is not served; the one before it is, and says so."""
    damage(publish_tiny(models, "student", 2))
    client = connect()
    described = client.get("/models/student").json()
    assert described["version"] == 1
    assert says in described["problems"]["2"]
    assert client.post("/predict", json={"inputs": "good"}).status_code == 200
    pinned = client.post("/predict", json={"inputs": "good", "model": "student@2"})
    assert pinned.status_code == 503
    assert says in pinned.json()["detail"]


def test_model_with_no_good_version(models: Path, connect: Connect) -> None:
    """A model of which nothing can be served gets 503 with the cause; the others serve.

    Traffic does not come here while it is the default.
    """
    _flip_byte(models / "student" / "1")
    client = connect()
    response = client.post("/predict", json={"inputs": "good", "model": "student"})
    assert response.status_code == 503
    assert "SHA-256 differs" in response.json()["detail"]
    assert client.post("/predict", json={"inputs": "good", "model": "teacher"}).status_code == 200
    ready = client.get("/readyz")
    assert ready.status_code == 503
    assert "SHA-256 differs" in ready.json()["status"]


def test_half_written_version_is_not_seen(models: Path, connect: Connect) -> None:
    """A directory without a manifest is no version yet."""
    directory = publish_tiny(models, "student", 2)
    (directory / "manifest.json").unlink()
    described = connect().get("/models/student").json()
    assert (described["version"], described["versions"]) == (1, [1])


def test_unreadable_routes_stop_the_start(models: Path, connect: Connect) -> None:
    """A wrong routes.toml is an error at start, not a silent default."""
    (models / "routes.toml").write_text("defualt = 'student'\n")
    with pytest.raises(Exception, match=r"routes\.toml cannot be used"):
        connect()


def test_wrong_method_names_the_right_ones(client: TestClient) -> None:
    """405 lists what every route of the path takes, not the first route alone."""
    response = client.delete("/models/student")
    assert response.status_code == 405
    assert response.headers["allow"] == "GET, POST"


def test_answer_that_is_no_number_is_none(models: Path, connect: Connect) -> None:
    """A text on which the model fails so gets 500; its neighbours in the batch are answered."""
    publish_tiny(models, "student", 2, scores={"fine": (float("nan"), 0.0), "good": (0.0, 1.0)})
    client = connect()
    failed = client.post("/predict", json={"inputs": "fine", "model": "student"})
    assert failed.status_code == 500
    assert failed.json()["detail"] == "student@2 failed"
    for path, body in (
        ("/tei/predict?model=student", {"inputs": "fine"}),
        ("/models/student", {"inputs": "fine"}),
    ):
        assert client.post(path, json=body).status_code in (424, 500)
    good = client.post("/predict", json={"inputs": "good", "model": "student"})
    assert good.json()["predictions"][0]["label"] == "positive"
    assert "NaN" not in client.get("/metrics").text


def test_temperature_that_leaves_no_probabilities_is_refused(
    models: Path, connect: Connect
) -> None:
    """It would be nothing in the precision of the answers."""
    publish_tiny(models, "student", 2, temperature=1e-300)
    described = connect().get("/models/student").json()
    assert described["version"] == 1
    assert "temperature" in described["problems"]["2"]


def test_versions_that_routes_name_are_wanted(models: Path, connect: Connect) -> None:
    """They are in memory from the start, whatever clients pin, and when they are bad it is told."""
    for number in (2, 3):
        publish_tiny(models, "student", number)
    (models / "routes.toml").write_text('default = "student@1"\n[aliases]\nold = "student@2"\n')
    client = connect(max_pinned=0)
    each = client.get("/models/student").json()["each"]
    assert [one["state"] for one in each] == ["ready"] * 3
    assert client.post("/predict", json={"inputs": "good"}).json()["predictions"][0]["version"] == 1


def test_load_does_not_look_away_from_its_query(models: Path, connect: Connect) -> None:
    """A version that is named in the wrong place must not load another."""
    publish_tiny(models, "student", 2)
    client = connect(admin_key="key")
    headers = {"authorization": "Bearer key"}
    refused = client.post("/admin/models/student/load?version=1", headers=headers)
    assert refused.status_code == 422
    assert '{"version": 1}' in refused.json()["detail"]


def test_documents_say_how_keys_are_sent(client: TestClient) -> None:
    """And hold no form of error that is never sent."""
    document = client.get("/openapi.json").json()
    assert document["components"]["securitySchemes"]["key"]["scheme"] == "bearer"
    assert "HTTPValidationError" not in client.get("/openapi.json").text
