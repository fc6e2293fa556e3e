"""The service as a process: stopping, several workers, clients that leave."""

import asyncio
import http.client
import json
import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.service.builders import publish_tiny
from tests.service.flight import KEY, fly
from tests.service.test_lifecycle import eventually

Start = Callable[..., tuple["subprocess.Popen[str]", int]]
ADMIN = {"Authorization": f"Bearer {KEY}"}
SLOW = " ".join(["good"] * 15)


def _free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        port: int = found.getsockname()[1]
        return port


def call(
    port: int, method: str, path: str, body: Any = None, headers: dict[str, str] | None = None
) -> tuple[int, Any]:
    """Status and body of one request on a connection of its own."""
    client = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    try:
        client.request(method, path, None if body is None else json.dumps(body), headers or {})
        response = client.getresponse()
        text = response.read().decode()
    finally:
        client.close()
    try:
        return response.status, json.loads(text)
    except ValueError:
        return response.status, text


@pytest.fixture
def start(models: Path, tmp_path: Path) -> Iterator[Start]:
    """Starts `stillhouse serve` over `models` and waits until it is ready."""
    started: list[subprocess.Popen[str]] = []

    def make(*options: str, **settings: str) -> tuple["subprocess.Popen[str]", int]:
        port = _free_port()
        environment = {f"STILLHOUSE_{name.upper()}": value for name, value in settings.items()}
        with (tmp_path / f"log-{port}").open("w") as log:
            process = subprocess.Popen(
                [sys.executable, "-m", "cli", "serve", "--port", str(port), *options],
                env={**os.environ, "STILLHOUSE_MODELS": str(models), **environment},
                stderr=log,
                text=True,
            )
        started.append(process)

        def ready() -> bool:
            assert process.poll() is None, (tmp_path / f"log-{port}").read_text()
            try:
                return call(port, "GET", "/readyz")[0] == 200
            except OSError:
                return False

        eventually(ready, 60)
        return process, port

    yield make
    for process in started:
        process.kill()
        process.wait(10)


def test_stop_answers_what_was_accepted(start: Start) -> None:
    """After SIGTERM no accepted request is lost, new ones get 503, and the exit is clean."""
    process, port = start()
    statuses: list[int] = []
    stopped = threading.Event()
    failures: list[Exception] = []

    def ask() -> None:
        while not stopped.is_set():
            try:
                statuses.append(call(port, "POST", "/predict", {"inputs": [SLOW] * 64})[0])
            except OSError as error:
                failures.append(error)
            if failures or statuses[-1] == 503:
                return  # as a load balancer does, which then asks somebody else

    threads = [threading.Thread(target=ask) for _ in range(4)]
    for thread in threads:
        thread.start()
    eventually(lambda: len(statuses) > 20)
    process.send_signal(signal.SIGTERM)
    eventually(lambda: 503 in statuses)
    assert call(port, "GET", "/readyz") == (503, {"status": "draining"})
    assert call(port, "GET", "/livez")[0] == 200
    process.wait(30)
    stopped.set()
    for thread in threads:
        thread.join()
    assert set(statuses) == {200, 503}
    assert statuses.index(503) > 20
    assert not failures
    assert process.returncode in (0, -signal.SIGTERM)


def test_requests_in_flight_survive_swap_rollback_and_stop(start: Start, models: Path) -> None:
    """Every request is answered by a whole model: before, between, after, and on the way out."""
    publish_tiny(models, "student", 2)
    process, port = start(admin_key=KEY, watch_seconds="0", drain_seconds="60")
    assert call(port, "POST", "/admin/models/student/load", {"version": 1}, ADMIN)[0] == 200
    flight = asyncio.run(fly(process, port, "student", [SLOW, "good", "bad film"], 600))
    assert not flight.failures
    assert not flight.wrong
    assert flight.answers == {1: 400, 2: 200}
    assert process.poll() is not None


def test_workers_share_port_metrics_and_choices(start: Start, models: Path) -> None:
    """Two workers answer on one port, count together, and follow one admin request together."""
    publish_tiny(models, "student", 2)
    process, port = start("--workers", "2", admin_key="key")
    for _ in range(20):
        assert call(port, "POST", "/predict", {"inputs": "good"})[0] == 200
    assert (
        'stillhouse_requests_total{model="student",status="200"} 20.0'
        in call(port, "GET", "/metrics")[1]
    )
    key = {"Authorization": "Bearer key"}
    body = {"version": 1}
    assert call(port, "POST", "/admin/models/student/load", body, key)[0] == 200

    def all_on_one() -> bool:
        answers = [call(port, "POST", "/predict", {"inputs": "good"})[1] for _ in range(12)]
        return {answer["predictions"][0]["version"] for answer in answers} == {1}

    eventually(all_on_one)
    process.send_signal(signal.SIGTERM)
    process.wait(30)


def test_client_that_leaves_is_dropped(start: Start) -> None:
    """A client that closes its connection is noticed, and the service goes on."""
    _, port = start(threads="1")
    body = json.dumps({"inputs": [SLOW] * 128}).encode()
    head = f"POST /predict HTTP/1.1\r\nHost: x\r\nContent-Length: {len(body)}\r\n\r\n".encode()
    for _ in range(50):
        with socket.create_connection(("127.0.0.1", port)) as leaving:
            leaving.sendall(head + body)
    assert call(port, "POST", "/predict", {"inputs": "good"})[0] == 200
    eventually(
        lambda: 'stillhouse_queue_depth{model="student"} 0.0' in call(port, "GET", "/metrics")[1]
    )


@pytest.mark.parametrize(
    ("port", "routes", "says"),
    [
        ("99999", "", "port: Input should be less than or equal to 65535"),
        ("0", "default = [", "routes.toml is not TOML"),
    ],
)
def test_what_cannot_start_says_why(models: Path, port: str, routes: str, says: str) -> None:
    """A wrong setting or route ends the command with one clear line, and no traceback."""
    (models / "routes.toml").write_text(routes)
    done = subprocess.run(
        [sys.executable, "-m", "cli", "serve", "--port", port],
        env={**os.environ, "STILLHOUSE_MODELS": str(models)},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 1
    assert says in done.stderr
    assert "Traceback" not in done.stderr
