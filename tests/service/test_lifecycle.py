"""Models that come, change, go and sleep while the service runs."""

import asyncio
import shutil
import threading
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

from fastapi.testclient import TestClient

from service.repository.sources import ModelRepository
from service.runtime.classifier import Classifier
from service.serving.batcher import Batcher
from service.serving.registry import Registry
from tests.service.builders import publish_tiny

Connect = Callable[..., TestClient]
KEY = {"Authorization": "Bearer key"}


def version(client: TestClient, model: str = "student") -> int:
    """The version that answers now."""
    response = client.post("/predict", json={"inputs": "good", "model": model})
    assert response.status_code == 200, response.text
    found: int = response.json()["predictions"][0]["version"]
    return found


def eventually(condition: Callable[[], bool], seconds: float = 10) -> None:
    """Waits until a condition holds."""
    give_up = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < give_up, "did not happen in time"
        time.sleep(0.02)


def test_new_version_rollback_and_forward(models: Path, connect: Connect) -> None:
    """A load takes the newest version, a load with a number goes back, and back again."""
    client = connect(admin_key="key", watch_seconds=0)
    publish_tiny(models, "student", 2)
    assert version(client) == 1
    assert client.post("/admin/models/student/load", headers=KEY).json()["version"] == 2
    assert version(client) == 2
    back = client.post("/admin/models/student/load", headers=KEY, json={"version": 1})
    assert back.json()["version"] == 1
    assert version(client) == 1
    client.post("/admin/models/student/load", headers=KEY)
    assert version(client) == 2


def test_broken_new_version_leaves_the_old_one(models: Path, connect: Connect) -> None:
    """A load of a broken version gets 409 with the cause, and the old one goes on serving."""
    client = connect(admin_key="key", watch_seconds=0)
    directory = publish_tiny(models, "student", 2)
    (directory / "model.onnx").write_bytes(b"not a model")
    response = client.post("/admin/models/student/load", headers=KEY, json={"version": 2})
    assert response.status_code == 409
    assert "model.onnx has 11 bytes" in response.json()["detail"]
    assert version(client) == 1
    assert client.get("/models/student").json()["problems"]["2"]


def test_watching_takes_new_versions_and_new_models(models: Path, connect: Connect) -> None:
    """A version, a model and a route that appear in the repository serve without being asked."""
    client = connect(watch_seconds=0.05)
    publish_tiny(models, "student", 2)
    publish_tiny(models, "newcomer")
    (models / "routes.toml").write_text('default = "newcomer"\n')
    eventually(lambda: version(client) == 2)
    eventually(lambda: client.get("/models").json()["default"] == "newcomer")
    assert version(client, "newcomer") == 1


def test_watching_leaves_a_held_version_alone(models: Path, connect: Connect) -> None:
    """A version chosen by hand is not replaced by a newer one that appears."""
    client = connect(admin_key="key", watch_seconds=0.05)
    client.post("/admin/models/student/load", headers=KEY, json={"version": 1})
    publish_tiny(models, "student", 2)
    publish_tiny(models, "teacher", 2)
    eventually(lambda: version(client, "teacher") == 2)
    assert version(client) == 1


def test_model_that_is_removed_stops_serving(models: Path, connect: Connect) -> None:
    """A model whose directory is gone gets 404."""
    client = connect(watch_seconds=0.05)
    shutil.rmtree(models / "teacher")
    eventually(lambda: client.get("/models/teacher").status_code == 404)
    assert client.post("/predict", json={"inputs": "x", "model": "teacher"}).status_code == 404


def test_bad_routes_leave_the_old_ones(models: Path, connect: Connect) -> None:
    """Routes that cannot be read are reported by a reload, and those before stay in force."""
    client = connect(admin_key="key", watch_seconds=0)
    (models / "routes.toml").write_text("default = [")
    response = client.post("/admin/reload", headers=KEY)
    assert response.status_code == 409
    assert "routes.toml is not TOML" in response.json()["detail"]
    assert client.get("/models").json()["default"] == "student"


def test_unload_and_load(connect: Connect) -> None:
    """An unloaded model gets 503 with Retry-After until it is loaded again."""
    client = connect(admin_key="key", watch_seconds=0.05)
    assert client.post("/admin/models/teacher/unload", headers=KEY).status_code == 200
    response = client.post("/predict", json={"inputs": "good", "model": "teacher"})
    assert (response.status_code, response.headers["retry-after"]) == (503, "5")
    time.sleep(0.2)
    assert client.get("/models/teacher").json()["state"] == "unavailable"
    client.post("/admin/models/teacher/load", headers=KEY)
    assert version(client, "teacher") == 1
    assert client.post("/admin/models/none/unload", headers=KEY).status_code == 404


def test_pinned_older_version_is_loaded_on_demand(models: Path, connect: Connect) -> None:
    """A request may pin any version of the repository, beside the one that serves."""
    publish_tiny(models, "student", 2)
    client = connect()
    assert version(client, "student@1") == 1
    assert version(client, "student") == 2


def test_idle_models_sleep_and_wake(connect: Connect) -> None:
    """A model that nobody asks for is unloaded, and comes back for the next request."""
    client = connect(idle_seconds=0.2)
    assert version(client) == 1
    eventually(lambda: client.get("/models/student").json()["state"] != "ready")
    assert version(client) == 1
    assert client.get("/models/student").json()["state"] == "ready"


def test_no_request_fails_while_versions_change(models: Path, connect: Connect) -> None:
    """Under steady requests, versions are swapped to and fro and every request is answered."""
    publish_tiny(models, "student", 2)
    client = connect(admin_key="key", watch_seconds=0)
    statuses: list[int] = []
    seen: set[int] = set()
    stop = threading.Event()

    def ask() -> None:
        while not stop.is_set():
            response = client.post("/predict", json={"inputs": ["good", "bad"], "model": "student"})
            statuses.append(response.status_code)
            seen.update(p["version"] for p in response.json().get("predictions", []))

    threads = [threading.Thread(target=ask) for _ in range(4)]
    for thread in threads:
        thread.start()
    for number in (1, 2, 1, 2, 1, 2):
        body = {"version": number}
        assert client.post("/admin/models/student/load", headers=KEY, json=body).status_code == 200
        time.sleep(0.05)
    stop.set()
    for thread in threads:
        thread.join()
    assert set(statuses) == {200}
    assert seen == {1, 2}


def test_swap_waits_for_what_the_old_version_accepted(models: Path) -> None:
    """What waits for the old version is answered by it, after the new one serves."""
    publish_tiny(models, "student", 2)
    registry = Registry(
        ModelRepository(models),
        load=partial(Classifier.load, threads=1),
        serve=lambda classifier: Batcher(classifier, 64, 100),
    )

    async def scenario() -> None:
        await registry.start()
        await registry.load("student", 1)
        old = await registry.acquire("student")
        encodings = old.classifier.tokenizer.encode(["good"] * 50)
        waiting = asyncio.create_task(old.submit(encodings, time.monotonic() + 10))
        await asyncio.sleep(0)
        await registry.load("student", 2)
        assert len((await waiting).readings) == 50
        new = await registry.acquire("student")
        assert new.classifier.manifest.version == 2
        await registry.stop()

    asyncio.run(scenario())
