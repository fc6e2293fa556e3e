"""Keys, and what is not said."""

import logging
from collections.abc import Callable
from pathlib import Path

import pytest
from fastapi.testclient import TestClient

Connect = Callable[..., TestClient]


def test_predictions_need_a_key_when_keys_are_set(connect: Connect) -> None:
    """Without a key, or with a wrong one, 401; with any of the keys, in either header, 200."""
    client = connect(api_keys="one, two")
    body = {"inputs": "good"}
    refused = client.post("/predict", json=body)
    assert refused.status_code == 401
    assert refused.headers["www-authenticate"] == "Bearer"
    for headers in ({"Authorization": "Bearer three"}, {"Authorization": "one"}, {"X-API-Key": ""}):
        assert client.post("/predict", json=body, headers=headers).status_code == 401
    for headers in ({"Authorization": "Bearer two"}, {"X-API-Key": "one"}):
        assert client.post("/predict", json=body, headers=headers).status_code == 200
    assert client.get("/models").status_code == 401


def test_probes_need_no_key(connect: Connect) -> None:
    """Probes, metrics and documents are open."""
    client = connect(api_keys="one")
    for path in ("/livez", "/readyz", "/metrics", "/openapi.json", "/v2/health/live"):
        assert client.get(path).status_code == 200, path


@pytest.mark.parametrize("path", ["/v2/models/student", "/tei/info", "/models/student", "/stats"])
def test_dialects_need_the_key_too(connect: Connect, path: str) -> None:
    """No dialect is a way around the key."""
    client = connect(api_keys="one")
    assert client.get(path).status_code == 401
    assert client.get(path, headers={"Authorization": "Bearer one"}).status_code == 200


def test_keys_come_from_files(connect: Connect, tmp_path: Path) -> None:
    """Keys are read from files, one a line, for prediction and for administration."""
    (tmp_path / "keys").write_text("one\n\ntwo\n")
    (tmp_path / "admin").write_text("boss\n")
    client = connect(api_keys_file=tmp_path / "keys", admin_key_file=tmp_path / "admin")
    for key in ("one", "two", "boss"):
        headers = {"Authorization": f"Bearer {key}"}
        assert client.post("/predict", json={"inputs": "x"}, headers=headers).status_code == 200
    assert client.post("/admin/reload", headers={"X-API-Key": "one"}).status_code == 401
    assert client.post("/admin/reload", headers={"X-API-Key": "boss"}).status_code == 200


def test_admin_is_closed_without_a_key(connect: Connect) -> None:
    """A service that was started without an admin key lets nobody change models."""
    response = connect().post("/admin/reload", headers={"Authorization": "Bearer "})
    assert response.status_code == 401
    assert "without an admin key" in response.json()["detail"]


def test_texts_and_keys_are_not_logged(connect: Connect, caplog: pytest.LogCaptureFixture) -> None:
    """By default neither a text nor a key is in the log; a text is, when that is asked for."""
    caplog.set_level(logging.DEBUG)
    headers = {"Authorization": "Bearer hush-hush"}
    client = connect(api_keys="hush-hush")
    client.post("/predict", json={"inputs": "private words"}, headers=headers)
    said = " ".join(str(vars(record)) for record in caplog.records)
    assert "request" in said
    assert "private words" not in said
    assert "hush-hush" not in said
    connect(log_texts=True).post("/predict", json={"inputs": "private words"})
    assert any("private words" in str(vars(record)) for record in caplog.records)
