"""A repository of tiny models, the app over it, and a client, in one process or over TCP."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from unittest.mock import Mock

import pytest
import uvicorn
from fastapi import FastAPI
from fastapi.testclient import TestClient

from service.app import create_app
from service.settings import Settings
from tests.service.builders import publish_tiny


@pytest.fixture(scope="session", autouse=True)
def _uncollected() -> Iterator[None]:
    """Apps start here by the hundred; each would search the process for garbage, and its end would
    undo what `tests.conftest` has frozen.
    """  # noqa: D205
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("service.app.gc", Mock())
        yield


@pytest.fixture
def models(tmp_path: Path) -> Path:
    """A model repository with `teacher` and `student`, and `student` as the default."""
    root = tmp_path / "models"
    publish_tiny(root, "teacher")
    publish_tiny(root, "student", scores={"good": (0.0, 1.0), "bad": (1.0, 0.0)})
    (root / "routes.toml").write_text('default = "student"\n')
    return root


@pytest.fixture
def connect(models: Path) -> Iterator[Callable[..., TestClient]]:
    """Makes a started client of an app over `models`, with settings of the test's choice."""
    clients: list[TestClient] = []

    def make(**settings: Any) -> TestClient:
        values = {"models": models, "threads": 1, **settings}
        client = TestClient(create_app(Settings(**values)), raise_server_exceptions=False)
        clients.append(client.__enter__())
        return client

    yield make
    for client in clients:
        client.__exit__(None, None, None)


@pytest.fixture
def client(connect: Callable[..., TestClient]) -> TestClient:
    """A client with the default settings."""
    return connect()


@pytest.fixture
def live(models: Path) -> Iterator[str]:
    """The URL of a server on a free port, for clients that others wrote."""
    with listening(models=models, threads=1) as url:
        yield url


@contextmanager
def listening(**settings: Any) -> Iterator[str]:
    """Runs a server on a free port, with settings of the test's choice; gives its URL."""
    with running(create_app(Settings(**settings))) as url:
        yield url


@contextmanager
def running(app: FastAPI) -> Iterator[str]:
    """Runs an application on a free port; gives its URL."""
    server = uvicorn.Server(
        uvicorn.Config(app, host="127.0.0.1", port=0, log_config=None, access_log=False)
    )
    thread = threading.Thread(target=server.run, name="live")
    thread.start()
    give_up = time.monotonic() + 30
    while not server.started and thread.is_alive() and time.monotonic() < give_up:
        time.sleep(0.005)
    try:
        assert server.started
        yield f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    finally:
        server.should_exit = True
        thread.join(timeout=30)
    assert not thread.is_alive()
