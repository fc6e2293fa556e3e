"""Health, metadata, configuration, statistics, and the repository, over gRPC; and the keys."""

import json
from pathlib import Path

import pytest

from tests.service.builders import publish_tiny
from tests.service.grpc.conftest import Speak, Spoken, failure, text_input

ADMIN = {"authorization": "Bearer admin"}
KEY = {"x-api-key": "key"}


def test_health(spoken: Spoken) -> None:
    """The server is live and ready, and so are its models, by name and by version."""
    client = spoken.client
    assert client.is_server_live()
    assert client.is_server_ready()
    assert client.is_model_ready("student")
    assert client.is_model_ready("student", "1")
    assert not client.is_model_ready("student", "2")
    assert not client.is_model_ready("nope")
    spoken.service.notice()
    assert client.is_server_live()
    assert not client.is_server_ready()
    assert not client.is_model_ready("student")


def test_metadata(spoken: Spoken) -> None:
    """Server and model describe themselves."""
    server = spoken.client.get_server_metadata()
    assert (server.name, server.version) == ("stillhouse", spoken.service.version)
    assert "model_repository" in server.extensions
    found = spoken.client.get_model_metadata("teacher", "1", as_json=True)
    assert found == {
        "name": "teacher",
        "versions": ["1"],
        "platform": "onnxruntime_onnx",
        "inputs": [{"name": "text", "datatype": "BYTES", "shape": ["-1"]}],
        "outputs": [
            {"name": "label", "datatype": "BYTES", "shape": ["-1"]},
            {"name": "score", "datatype": "FP32", "shape": ["-1"]},
            {"name": "scores", "datatype": "FP32", "shape": ["-1", "2"]},
        ],
    }
    assert failure(spoken.client.get_model_metadata, "nope")[0] == "NOT_FOUND"


def test_config_and_statistics(spoken: Spoken) -> None:
    """What Triton's tools ask before and after load; the labels are in the configuration."""
    config = spoken.client.get_model_config("student").config
    assert (config.name, config.backend, config.max_batch_size) == ("student", "onnxruntime", 0)
    assert [(one.name, one.data_type) for one in config.output][:2] == [
        ("label", 13),
        ("score", 11),
    ]
    assert json.loads(config.parameters["labels"].string_value) == ["negative", "positive"]
    spoken.client.infer("student", [text_input(["good", "bad"])])
    (found,) = spoken.client.get_inference_statistics("student").model_stats
    assert (found.name, found.version, found.inference_count) == ("student", "1", 2)
    assert found.inference_stats.success.count == 1
    assert found.inference_stats.success.ns > 0
    every = spoken.client.get_inference_statistics().model_stats
    assert [one.name for one in every] == ["student", "teacher"]


def test_repository(models: Path, speak: Speak) -> None:
    """Versions are listed, taken out, put back and held to, with the admin key."""
    publish_tiny(models, "student", 2)
    client = speak(api_keys="key", admin_key="admin").client

    def version() -> str:
        found = client.infer("student", [text_input(["good"])], headers=KEY).get_response()
        return str(found.model_version)

    index = client.get_model_repository_index(headers=KEY).models
    assert [(one.name, one.version, one.state) for one in index] == [
        *(("student", "1", "READY"), ("student", "2", "READY"), ("teacher", "1", "READY"))
    ]
    assert version() == "2"
    client.unload_model("student", headers=ADMIN)
    assert not client.is_model_ready("student", headers=KEY)
    assert failure(version)[0] == "UNAVAILABLE"
    client.load_model("student", headers=ADMIN)
    assert version() == "2"
    client.load_model("student@1", headers=ADMIN)
    assert version() == "1"
    assert failure(client.load_model, "nope", headers=ADMIN)[0] == "NOT_FOUND"
    code, says = failure(client.load_model, "student", headers=ADMIN, config="{}")
    assert (code, says) == (
        "INVALID_ARGUMENT",
        "config: a model is loaded as it is in the repository",
    )


def test_broken_version_cannot_be_loaded(models: Path, speak: Speak) -> None:
    """It is the repository's fault, and the message names it."""
    client = speak(admin_key="admin").client
    (publish_tiny(models, "student", 2) / "model.onnx").write_bytes(b"no model")
    code, says = failure(client.load_model, "student@2", headers=ADMIN)
    assert code == "FAILED_PRECONDITION"
    assert "student" in says


def test_keys(speak: Speak) -> None:
    """Who has none is told so; health needs none; who may predict may not load."""
    client = speak(api_keys="key", admin_key="admin").client
    assert client.is_server_live()
    assert client.is_server_ready()
    text = [text_input(["good"])]
    for headers in ({}, {"x-api-key": "other"}, {"authorization": "Bearer other"}):
        for refused in (
            failure(client.infer, "student", text, headers=headers),
            failure(client.get_model_repository_index, headers=headers),
            failure(client.get_server_metadata, headers=headers),
            failure(client.is_model_ready, "student", headers=headers),
        ):
            assert refused == ("UNAUTHENTICATED", "this needs a key, as Authorization: Bearer KEY")
    for change in (client.load_model, client.unload_model):
        for headers in ({}, KEY):
            assert failure(change, "student", headers=headers)[0] == "UNAUTHENTICATED"
    for headers in (KEY, {"authorization": "Bearer key"}, ADMIN):
        client.infer("student", text, headers=headers)


@pytest.mark.parametrize("change", ["load_model", "unload_model"])
def test_no_admin_key_no_changes(spoken: Spoken, change: str) -> None:
    """Without an admin key nobody loads or unloads."""
    code, says = failure(getattr(spoken.client, change), "student", headers=ADMIN)
    assert code == "UNAUTHENTICATED"
    assert "without an admin key" in says
