"""Keys: which paths they open, in which forms they come, and how they change."""

import logging
import os
from collections.abc import Callable
from pathlib import Path

import pytest
from fastapi.testclient import TestClient

from service.api.edge.security import Keys
from service.errors import Unauthorised
from service.settings import Settings
from tests.service.process.serving import eventually

Connect = Callable[..., TestClient]


def admits(keys: Keys, key: bytes, path: str = "/predict") -> bool:
    """Whether a key opens a path."""
    try:
        keys.check(path, {b"authorization": b"Bearer " + key})
    except Unauthorised:
        return False
    return True


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
    """Probes, metrics, the page and the documents are open."""
    client = connect(api_keys="one")
    for path in (
        *("/", "/livez", "/readyz", "/metrics", "/openapi.json", "/static/page.js"),
        *("/v2/health/live", "/v2/health/ready", "/tei/health"),
    ):
        assert client.get(path).status_code == 200, path


@pytest.mark.parametrize(
    "path",
    ["/v2", "/v2/models/student", "/tei/info", "/models/student", "/stats", "/metricsx", "/docsx"],
)
def test_all_else_needs_the_key(connect: Connect, path: str) -> None:
    """No dialect is a way around the key, nor is a path that only begins as an open one does."""
    assert connect(api_keys="one").get(path).status_code == 401


@pytest.mark.parametrize(
    "path", ["/admin/reload", "/v2/repository/models/student/load", "/v2/repository/models/x"]
)
def test_changes_need_the_admin_key(path: str) -> None:
    """A key for predictions does not change models, in no dialect; without an admin key none."""
    keys = Keys(["one"], "boss")
    assert not admits(keys, b"one", path)
    assert admits(keys, b"boss", path)
    assert admits(keys, b"boss")
    for without in (Keys(["one"], None), Keys([], None)):
        for key in (b"one", b"boss", b""):
            assert not admits(without, key, path)


@pytest.mark.parametrize("key", ["clé", "ключ", "鍵", "pässword"])
def test_keys_may_have_any_letters(key: str) -> None:
    """In UTF-8, or in Latin-1, as clients may send it."""
    for keys, path in ((Keys([key], None), "/predict"), (Keys([], key), "/admin/reload")):
        assert admits(keys, key.encode(), path)
        assert not admits(keys, key.encode()[:-1], path)
        if all(ord(letter) < 256 for letter in key):
            assert admits(keys, key.encode("latin-1"), path)


def test_keys_come_from_files(connect: Connect, tmp_path: Path) -> None:
    """Keys are read from files, one a line, for prediction and for administration."""
    (tmp_path / "keys").write_text("\ufeffone\n\ntwo\n", encoding="utf-8")
    (tmp_path / "admin").write_text("boss\n")
    client = connect(api_keys_file=tmp_path / "keys", admin_key_file=tmp_path / "admin")
    for key in ("one", "two", "boss"):
        headers = {"Authorization": f"Bearer {key}"}
        assert client.post("/predict", json={"inputs": "x"}, headers=headers).status_code == 200
    assert client.post("/admin/reload", headers={"X-API-Key": "one"}).status_code == 401
    assert client.post("/admin/reload", headers={"X-API-Key": "boss"}).status_code == 200


def test_files_are_read_again(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """A changed file changes the keys; one that is empty, gone or no text leaves them, and says so.

    Both files are looked at, also where one of them is of no use.
    """
    predict, admin = tmp_path / "keys", tmp_path / "admin"
    predict.write_text("one\n")
    admin.write_text("boss\n")
    keys = Keys.of(Settings(api_keys="fixed", api_keys_file=predict, admin_key_file=admin))
    predict.write_text("two\n")
    keys.refresh()
    assert not admits(keys, b"one")
    assert admits(keys, b"two")
    assert admits(keys, b"fixed")
    for spoil in (
        lambda: predict.write_bytes(b""),
        lambda: predict.write_bytes(b"\xff"),
        predict.unlink,
        lambda: os.mkfifo(predict),  # nobody knows when it ends
        predict.unlink,
    ):
        spoil()
        caplog.clear()
        keys.refresh()
        keys.refresh()
        assert admits(keys, b"two")
        assert not admits(keys, b"")
        assert [record.levelname for record in caplog.records] == ["ERROR"]
    admin.write_text("chief\n")
    keys.refresh()
    assert admits(keys, b"chief", "/admin/reload")
    assert not admits(keys, b"boss", "/admin/reload")
    predict.write_text("three\n")
    keys.refresh()
    assert admits(keys, b"three")


def test_the_service_reads_files_again_by_itself(connect: Connect, tmp_path: Path) -> None:
    """A rotation needs no restart."""
    path = tmp_path / "keys"
    path.write_text("one\n")
    client = connect(api_keys_file=path)
    path.write_text("two\n")
    eventually(lambda: client.get("/models", headers={"X-API-Key": "two"}).status_code == 200)
    assert client.get("/models", headers={"X-API-Key": "one"}).status_code == 401


def test_texts_and_keys_are_not_logged(connect: Connect, caplog: pytest.LogCaptureFixture) -> None:
    """Neither when keys are made nor when they are compared is one logged."""
    caplog.set_level(logging.DEBUG)
    client = connect(api_keys="hush-hush", admin_key="boss-boss")
    for key in ("hush-hush", "boss-boss", "hush-hash"):
        client.get("/models", headers={"Authorization": f"Bearer {key}"})
        client.post("/admin/reload", headers={"X-API-Key": key})
    said = " ".join(str(vars(record)) for record in caplog.records)
    assert not any(key in said for key in ("hush-hush", "boss-boss", "hush-hash"))
