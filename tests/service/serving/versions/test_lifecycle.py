"""Models that come, change and go while the service runs."""

import shutil
import threading
from pathlib import Path

import pytest

from tests.service.builders import publish_tiny, write_cascade
from tests.service.serving.apps import (
    KEY,
    Connect,
    answering,
    ask,
    eventually,
    load,
    states,
    version,
)


def test_new_version_rollback_and_forward(models: Path, connect: Connect) -> None:
    """A load takes the newest version, a load with a number goes back, and back again."""
    client = connect(admin_key="key", watch_seconds=0)
    publish_tiny(models, "student", 2)
    assert version(client) == 1
    assert load(client, "student").json()["version"] == 2
    assert version(client) == 2
    back = load(client, "student", 1).json()
    assert (back["version"], back["held"], back["held_outlives"]) == (1, 1, True)
    assert version(client) == 1
    forward = load(client, "student").json()
    assert (forward["version"], forward["held"], forward["held_outlives"]) == (2, None, None)
    assert version(client) == 2


def test_rollback_is_seen_by_whoever_looks(models: Path, connect: Connect) -> None:
    """What is held, which version serves, and what each of them does."""
    publish_tiny(models, "student", 2)
    client = connect(admin_key="key", watch_seconds=0)
    load(client, "student", 1)
    eventually(lambda: states(client) == {1: "ready", 2: "absent"})
    seen = next(one for one in client.get("/models").json()["models"] if one["name"] == "student")
    assert seen == client.get("/models/student").json()
    assert (seen["version"], seen["versions"], seen["held"]) == (1, [1, 2], 1)
    assert [(one["version"], one["serves"]) for one in seen["each"]] == [(1, True), (2, False)]
    client.post("/admin/models/student/unload", headers=KEY)
    seen = client.get("/models/student").json()
    assert (seen["version"], seen["held"], seen["state"]) == (None, "unloaded", "unavailable")


def test_rollback_outlives_a_restart_and_is_followed_by_others(
    models: Path, connect: Connect
) -> None:
    """It lies in the repository: all who serve it do as it says."""
    publish_tiny(models, "student", 2)
    first, second = (connect(admin_key="key", watch_seconds=0) for _ in range(2))
    assert (version(first), version(second)) == (2, 2)
    load(first, "student", 1)
    eventually(lambda: version(second) == 1)
    third = connect(admin_key="key", watch_seconds=0)
    assert version(third) == 1
    assert third.get("/models/student").json()["held"] == 1
    load(third, "student")
    for client in (first, second):
        eventually(lambda client=client: version(client) == 2)  # type: ignore[misc]


def test_choice_that_ends_with_the_process_says_so(models: Path, connect: Connect) -> None:
    """Where the repository cannot be written."""
    client = connect(admin_key="key", watch_seconds=0)
    away = models.with_name("away")
    models.rename(away)
    told = client.post("/admin/models/student/unload", headers=KEY).json()
    away.rename(models)
    assert (told["held"], told["held_outlives"]) == ("unloaded", False)
    assert client.get("/models/student").json()["held_outlives"] is False
    assert version(connect(), "student") == 1


def test_load_of_an_older_new_version_never_serves_the_newest(
    models: Path, connect: Connect
) -> None:
    """Of two that nobody has looked at yet; no request in between is answered by it."""
    client = connect(admin_key="key", watch_seconds=0)
    publish_tiny(models, "student", 2)
    publish_tiny(models, "student", 3)
    seen: set[int] = set()
    ended = threading.Event()

    def keep_asking() -> None:
        while not ended.is_set():
            seen.add(version(client))

    thread = threading.Thread(target=keep_asking)
    thread.start()
    try:
        assert load(client, "student", 2).json()["version"] == 2
        eventually(lambda: 2 in seen)
    finally:
        ended.set()
        thread.join()
    assert 3 not in seen
    assert states(client)[3] == "absent"


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
    load(client, "student", 1)
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
    client.post("/admin/reload", headers=KEY)
    response = client.post("/predict", json={"inputs": "good", "model": "teacher"})
    assert (response.status_code, response.headers["retry-after"]) == (503, "5")
    assert client.get("/models/teacher").json()["state"] == "unavailable"
    load(client, "teacher")
    assert version(client, "teacher") == 1
    assert client.post("/admin/models/none/unload", headers=KEY).status_code == 404


def test_pinned_older_version_is_loaded_on_demand(models: Path, connect: Connect) -> None:
    """A request may pin any version of the repository, beside the one that serves."""
    publish_tiny(models, "student", 2)
    client = connect()
    assert version(client, "student@1") == 1
    assert version(client, "student") == 2
    assert states(client) == {1: "ready", 2: "ready"}


def test_pinned_versions_in_memory_are_few(models: Path, connect: Connect) -> None:
    """As the setting says, whatever is asked for."""
    for number in range(2, 6):
        publish_tiny(models, "student", number)
    client = connect(max_pinned=1)
    for number in (1, 2, 3, 4, 1):
        assert version(client, f"student@{number}") == number
        assert list(states(client).values()).count("ready") <= 2
    refused = connect(max_pinned=0).post("/predict", json={"inputs": "x", "model": "student@1"})
    assert refused.status_code == 429


def test_idle_services_are_ready_and_wake(models: Path, connect: Connect) -> None:
    """A balancer sends to a service that sleeps, and the request that comes is answered."""
    write_cascade(models, threshold=0.9)
    client = connect(idle_seconds=0.2)
    for model in ("student", "teacher"):
        eventually(lambda model=model: states(client, model) == {1: "asleep"})  # type: ignore[misc]
    for path in ("/readyz", "/v2/health/ready", "/tei/health", "/livez"):
        assert client.get(path).status_code == 200, path
    assert client.get("/v2/models/student/ready").status_code == 200
    assert client.get("/models/student").json()["state"] == "asleep"
    assert client.get("/models").json()["cascades"][0]["stale"] is None
    assert answering(client, ["good good good", "film"]) == ["student@1", "teacher@1"]


@pytest.mark.parametrize("model", [None, "student@1"])
def test_whatever_a_request_names_wakes_it(
    models: Path, connect: Connect, model: str | None
) -> None:
    """By default, and by number."""
    write_cascade(models, threshold=0.9)
    client = connect(idle_seconds=0.2)
    eventually(lambda: states(client) == {1: "asleep"})
    assert answering(client, "good good good", model) == ["student@1"]


def test_no_request_fails_while_versions_change(models: Path, connect: Connect) -> None:
    """Under steady requests, versions are swapped to and fro and every request is answered."""
    publish_tiny(models, "student", 2)
    client = connect(admin_key="key", watch_seconds=0)
    mixed: list[object] = []
    seen: dict[int, int] = {1: 0, 2: 0}
    ended = threading.Event()

    def keep_asking() -> None:
        while not ended.is_set():
            try:
                first, second = (one["version"] for one in ask(client, ["good", "bad"], "student"))
            except AssertionError as error:
                mixed.append(error)
                return
            if first != second:
                mixed.append((first, second))
            seen[first] += 1

    threads = [threading.Thread(target=keep_asking) for _ in range(4)]
    for thread in threads:
        thread.start()
    try:
        for number in (1, 2, 1, 2, 1, 2):
            before = seen[number]
            assert load(client, "student", number).status_code == 200
            eventually(lambda n=number, b=before: seen[n] > b + 4 or bool(mixed))  # type: ignore[misc]
    finally:
        ended.set()
        for thread in threads:
            thread.join()
    assert not mixed


@pytest.mark.parametrize("path", ["/admin/models/teacher/unload", "/admin/reload"])
@pytest.mark.parametrize(
    ("query", "body"), [("?version=1", ""), ("", '{"version": 1}'), ("", "garbage")]
)
def test_what_is_not_read_is_refused(connect: Connect, path: str, query: str, body: str) -> None:
    """An unload of one version does not take out the model."""
    client = connect(admin_key="key")
    refused = client.post(f"{path}{query}", content=body, headers=KEY)
    assert refused.status_code == 422
    assert "is not read" in refused.json()["detail"]
    assert client.get("/models/teacher").json()["state"] == "ready"
    assert client.post(path, json={}, headers=KEY).status_code == 200


@pytest.mark.parametrize("path", ["/predict/", "/models/teacher/", "/v1/embeddings/", "/readyz/"])
def test_nobody_is_sent_elsewhere(connect: Connect, path: str) -> None:
    """A slash too many is no redirect, which would go to a URL of the client's Host header."""
    client = connect()
    for method in ("GET", "POST"):
        found = client.request(method, path, json={}, follow_redirects=False)
        assert found.status_code in (404, 405)
        assert "location" not in found.headers
