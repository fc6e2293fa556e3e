"""How much work of ours a request is, counted and not timed, so that it is the same anywhere.

Through the application as a server sees it. Only functions of the service are counted, so that
another version of Python or of a library changes nothing.
"""

import asyncio
import json
import sys
from collections import Counter
from pathlib import Path
from types import FrameType
from typing import Any

import pytest
from fastapi import FastAPI

import service
from service.app import create_app
from service.settings import Settings

ROOT = f"{Path(service.__file__).parent}/"


async def ask(app: FastAPI, body: bytes) -> None:
    """One `POST /predict`, without a server."""
    sent: list[dict[str, Any]] = []

    left = [body]

    async def receive() -> dict[str, Any]:
        if not left:  # the client stays
            await asyncio.Event().wait()
        return {"type": "http.request", "body": left.pop(), "more_body": False}

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


def visited(models: Path, body: dict[str, object]) -> Counter[tuple[str, str]]:
    """The functions of the service that a request runs on the event loop, each with its calls."""
    # What it runs on the model's thread is the model's, and not counted: whether that is the
    # thread or the loop depends on the machine's speed.
    app = create_app(Settings(models=models, threads=1, access_log=False))
    encoded = json.dumps(body).encode()
    found: Counter[tuple[str, str]] = Counter()

    def count(frame: FrameType, event: str, _: object) -> None:
        code = frame.f_code
        if event == "call" and code.co_filename.startswith(ROOT):
            found[code.co_filename.removeprefix(ROOT), code.co_qualname] += 1

    async def main() -> None:
        async with app.router.lifespan_context(app):
            for _ in range(20):  # what is made once is made
                await ask(app, encoded)
            for _ in range(20):
                app.state.service.telemetry.catch_up()
                found.clear()
                sys.setprofile(count)
                await ask(app, encoded)
                sys.setprofile(None)
                if ("telemetry/telemetry.py", "Telemetry.catch_up") not in found:
                    break  # it is done now and then, and is no part of a request

    asyncio.run(main())
    batcher = {"Batcher._run_here", "Batcher._run", "Batcher._count", "_call_here", "next_batch"}
    return Counter(
        {
            (file, name): calls
            for (file, name), calls in found.items()
            if name.split(".<locals>")[0] not in batcher and file != "runtime/speed.py"
        }
    )


@pytest.mark.parametrize(
    ("inputs", "calls"), [("good film", 80), ([f"good film {i}" for i in range(8)], 160)]
)
def test_request_is_no_more_work_than_it_was(
    models: Path, inputs: str | list[str], calls: int
) -> None:
    """The calls of our functions stay within a budget; one that comes down brings it down."""
    found = visited(models, {"inputs": inputs, "model": "student"})
    assert ("api/edge/middleware.py", "RequestMiddleware.__call__") in found
    assert ("serving/predictor.py", "Predictor.answer") in found
    assert found.total() <= calls, "\n".join(f"{n} {name}" for name, n in found.items())


def test_way_of_a_request_is_short(models: Path) -> None:
    """So many functions in so many files does a newcomer have to read; see docs/architecture.md."""
    found = visited(models, {"inputs": "good film", "model": "student"})
    steps = {
        (file, name)
        for file, name in found
        if not name.endswith(">") and not name.split(".")[-1].startswith("__")
    }
    assert len(steps) <= 50, "\n".join(map(str, sorted(steps)))
    assert len({file for file, _ in steps}) <= 24
