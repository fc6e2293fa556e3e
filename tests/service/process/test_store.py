"""The service with its models in a real S3 server, which may be away."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.service.builders import publish_tiny
from tests.service.process.serving import eventually
from tests.service.process.started import Started
from tests.service.repository.remote.buckets import KEYS, client, s3_server, upload
from tests.service.repository.remote.proxy import Proxy, between

Serve = Callable[..., Started]
ADMIN = {"Authorization": "Bearer admin"}


@pytest.fixture
def s3() -> Iterator[str]:
    """The URL of a server with an empty bucket."""
    with s3_server() as url:
        yield url


@pytest.fixture
def proxy(s3: str) -> Iterator[Proxy]:
    """Before the server."""
    with between(s3) as found:
        yield found


@pytest.fixture
def serve(proxy: Proxy, start: Callable[..., Started], tmp_path: Path) -> Serve:
    """Starts the service over the bucket."""

    def make(**settings: str) -> Started:
        values = {
            "models": "s3://models/ours",
            "models_cache": str(tmp_path / "cache"),
            "models_poll_seconds": "0.2",
            "watch_seconds": "0.1",
            "admin_key": "admin",
            **settings,
        }
        return start(variables={**KEYS, "AWS_ENDPOINT_URL": proxy.url}, **values)

    return make


def answered(service: Started) -> tuple[str, int]:
    """Who answers."""
    answer = service.ask("POST", "/predict", {"inputs": "good film"})
    assert answer.status == 200, answer.body
    (prediction,) = answer.body["predictions"]
    return prediction["model"], prediction["version"]


def store_of(service: Started) -> Any:
    """What it tells of its store."""
    return service.ask("GET", "/models").body["store"]


def _is_alive(service: Started) -> bool:
    try:
        return service.ask("GET", "/livez").status == 200
    except OSError:  # it does not listen yet
        return False


def test_a_life_with_a_store(
    s3: str, proxy: Proxy, serve: Serve, models: Path, tmp_path: Path
) -> None:
    """Away, there, a new version, a choice by hand, away again, and a start while it is."""
    upload(s3, models, prefix="ours/")
    proxy.fault = lambda *_: "away"
    service = serve(workers="2")
    eventually(lambda: _is_alive(service))
    eventually(lambda: store_of(service)["problem"] is not None)
    unready = service.ask("GET", "/readyz")
    assert unready.status == 503
    assert unready.body["status"].startswith("s3://models/ours: ")
    early = service.ask("POST", "/predict", {"inputs": "good film", "model": "student"})
    assert (early.status, early.headers["Retry-After"]) == (503, "5")

    proxy.fault = lambda *_: None
    service.until_ready()
    assert answered(service) == ("student", 1)
    publish_tiny(tmp_path / "new", "student", 2)
    upload(s3, tmp_path / "new", prefix="ours/")
    eventually(lambda: answered(service) == ("student", 2))
    asked = [path.split("?")[0] for method, path in proxy.asked if method == "GET"]
    assert asked.count("/models/ours/student/2/model.onnx") == 1  # for both workers

    path = "/admin/models/student/load"
    loaded = service.ask("POST", path, {"version": 1}, **ADMIN)
    assert (loaded.body["version"], loaded.body["held_outlives"]) == (1, True)
    held = client(s3).get_object(Bucket="models", Key="ours/held.toml")["Body"].read()
    assert held == b'"student" = 1\n'
    eventually(lambda: {answered(service) for _ in range(8)} == {("student", 1)})

    proxy.fault = lambda *_: "refused"
    eventually(lambda: not store_of(service)["up"])
    assert "PermissionError" in store_of(service)["problem"]
    assert "stillhouse_models_store_up 0.0" in service.ask("GET", "/metrics").body
    assert service.ask("GET", "/readyz").status == 200
    assert answered(service) == ("student", 1)
    assert service.ask("POST", "/admin/reload", **ADMIN).status == 409
    said = service.lines("the store of models is away: what is here stays")
    assert len(said) == 2  # at the start, and now: once for both workers
    service.clear()

    proxy.fault = lambda *_: "away"
    again = serve().until_ready()
    assert answered(again) == ("student", 1)
    assert not store_of(again)["up"]


def test_what_cannot_be_is_told_at_once(serve: Serve, tmp_path: Path) -> None:
    """A URL that is none, a driver that is not installed, a cache that cannot be written."""
    (tmp_path / "file").write_text("")
    for settings, told in (
        ({"models": "ftp://host/models"}, "settings: models: ftp:// is not read"),
        ({"models": "az://container/x"}, "needs adlfs: pip install 'stillhouse[az]'"),
        ({"models_cache": str(tmp_path / "file")}, "with STILLHOUSE_MODELS_CACHE"),
    ):
        service = serve(**settings)
        assert service.process.wait(60) == 1
        assert told in service.log.read_text()
