"""How much work a request is, counted and not timed, so that it is the same on any machine.

Calls of functions, Python's and C's, on the event loop's thread, and turns of the loop. A change
that brings a count down brings its budget down with it.
"""

import asyncio
import json
import sys
from collections.abc import Callable
from pathlib import Path
from types import FrameType
from typing import Any

import pytest
from fastapi import FastAPI

from service.api import tally
from service.app import create_app
from service.serving import batcher
from service.settings import Settings

REQUESTS = 50
SPARE = 1.03  # versions of Python and of the libraries differ a little


async def ask(app: FastAPI, body: bytes) -> None:
    """One `POST /predict`, without a server."""
    sent: list[dict[str, Any]] = []

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": body, "more_body": False}

    async def send(message: Any) -> None:
        sent.append(message)

    scope = {
        "type": "http",
        "method": "POST",
        "path": "/predict",
        "raw_path": b"/predict",
        "root_path": "",
        "query_string": b"",
        "headers": [(b"host", b"test"), (b"content-type", b"application/json")],
        "state": {},
    }
    await app(scope, receive, send)
    assert sent[0]["status"] == 200


def calls_a_request(models: Path, body: dict[str, object]) -> tuple[float, float]:
    """Calls and turns of the loop that a request takes, the model's own run among them."""
    app = create_app(Settings(models=models, threads=1, access_log=False))
    encoded = json.dumps(body).encode()
    calls = turns = 0

    def count(_: FrameType, event: str, __: object) -> None:
        nonlocal calls
        calls += event in ("call", "c_call")

    async def main() -> None:
        nonlocal turns
        loop = asyncio.get_running_loop()
        once: Callable[[], None] = loop._run_once  # type: ignore[attr-defined]

        def turn() -> None:
            nonlocal turns
            turns += 1
            once()

        async with app.router.lifespan_context(app):
            for _ in range(20):  # what is made once is made
                await ask(app, encoded)
            app.state.service.tally.catch_up()
            loop._run_once = turn  # type: ignore[attr-defined]
            turns = 0
            sys.setprofile(count)
            for _ in range(REQUESTS):
                await ask(app, encoded)
            app.state.service.tally.catch_up()
            sys.setprofile(None)
            loop._run_once = once  # type: ignore[attr-defined]

    asyncio.run(main())
    return calls / REQUESTS, turns / REQUESTS


@pytest.mark.parametrize(
    ("body", "calls", "turns"),
    [
        ({"inputs": "good film", "model": "student"}, 365, 2),
        ({"inputs": [f"good film {i}" for i in range(8)], "model": "student"}, 642, 2),
    ],
)
def test_request_is_no_more_work_than_it_was(
    models: Path,
    monkeypatch: pytest.MonkeyPatch,
    body: dict[str, object],
    calls: int,
    turns: int,
) -> None:
    """Neither calls nor turns exceed the budget."""
    monkeypatch.setattr(batcher, "LOOP_SECONDS", 60.0)  # on the loop, where it is counted
    monkeypatch.setattr(tally, "LATER_SECONDS", 60.0)
    found_calls, found_turns = calls_a_request(models, body)
    assert found_calls <= calls * SPARE
    assert found_turns <= turns
