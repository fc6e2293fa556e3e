"""Sends many requests at once, changes the model under them, and stops the service.

A command for a full-size service (`make flight`), and what `test_process` runs on a tiny one:
a third of the requests are in flight when a new version is loaded, two thirds when it is
rolled back, and all when the service is told to stop. Each request has its own connection.
"""

import argparse
import asyncio
import collections
import json
import logging
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

log = logging.getLogger(__name__)

KEY = "flight"
OPENING = 256  # connections that are being opened at a time: below any listen backlog


@dataclass
class Flight:
    """What became of the requests.

    Attributes:
        answers: by version that answered.
        failures: by status or exception.
        wrong: answers that are not what the model says of that text alone.
        at_stop: requests without an answer when the service was told to stop.
    """

    answers: collections.Counter[int] = field(default_factory=collections.Counter)
    failures: collections.Counter[str] = field(default_factory=collections.Counter)
    wrong: int = 0
    at_stop: int = 0
    seconds: float = 0.0


async def call(port: int, method: str, path: str, body: Any = None) -> tuple[int, Any]:
    """Status and body of one request on a connection of its own."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        await _send(writer, method, path, body)
        return await _receive(reader)
    finally:
        writer.close()


async def _send(writer: asyncio.StreamWriter, method: str, path: str, body: Any) -> None:
    content = b"" if body is None else json.dumps(body).encode()
    head = (
        f"{method} {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n"
        f"Authorization: Bearer {KEY}\r\nContent-Type: application/json\r\n"
        f"Content-Length: {len(content)}\r\n\r\n"
    )
    writer.write(head.encode() + content)
    await writer.drain()


async def _receive(reader: asyncio.StreamReader) -> tuple[int, Any]:
    raw = await reader.read()
    head, _, content = raw.partition(b"\r\n\r\n")
    if not head:
        raise ConnectionError("closed without an answer")
    return int(head.split()[1]), json.loads(content)


async def fly(
    process: "subprocess.Popen[Any]", port: int, model: str, texts: list[str], requests: int
) -> Flight:
    """Runs the whole course against a service that has versions 1 and 2 of `model`.

    The service must have the admin key `KEY`, a queue for all requests, and serve version 1.
    """
    flight = Flight()
    opening = asyncio.Semaphore(OPENING)
    expected = {}
    for text in texts:
        _, body = await call(port, "POST", "/predict", {"inputs": text, "model": model})
        expected[text] = body["predictions"][0]["label"]
    sent = 0

    async def one(text: str) -> None:
        nonlocal sent
        try:
            async with opening:
                reader, writer = await asyncio.open_connection("127.0.0.1", port)
                await _send(writer, "POST", "/predict", {"inputs": text, "model": model})
            sent += 1
            try:
                status, body = await _receive(reader)
            finally:
                writer.close()
        except (OSError, asyncio.IncompleteReadError, ValueError, IndexError) as error:
            flight.failures[repr(error)] += 1
            return
        if status != 200:
            flight.failures[f"{status} {body.get('detail', '')}"] += 1
            return
        prediction = body["predictions"][0]
        flight.answers[prediction["version"]] += 1
        flight.wrong += prediction["label"] != expected[text]

    async def load(version: int) -> None:
        path = f"/admin/models/{model}/load"
        status, body = await call(port, "POST", path, {"version": version})
        assert (status, body.get("version")) == (200, version), body

    def unanswered() -> int:
        return sent - flight.answers.total() - flight.failures.total()

    started = time.monotonic()
    tasks: list[asyncio.Task[None]] = []
    for share, version in ((1, 2), (2, 1), (3, None)):
        target = requests * share // 3
        wave = range(len(tasks), target)
        tasks += [asyncio.create_task(one(texts[i % len(texts)])) for i in wave]
        while sent < target:
            await asyncio.sleep(0.01)
        log.info("%d sent, %d in flight", target, unanswered())
        if version is not None:
            await load(version)
            log.info("version %d loaded, %d in flight", version, unanswered())
    # What is still in the socket's backlog has not reached the service.
    await call(port, "GET", "/healthz")
    flight.at_stop = unanswered()
    process.send_signal(signal.SIGTERM)
    log.info("told to stop, %d in flight", flight.at_stop)
    await asyncio.gather(*tasks)
    flight.seconds = time.monotonic() - started
    await asyncio.to_thread(process.wait, 60)
    return flight


def _two_versions(models: Path, model: str, root: Path) -> None:
    """A repository at `root` with the newest version of `model` as its versions 1 and 2."""
    newest = max((models / model).iterdir(), key=lambda path: int(path.name))
    for version in (1, 2):
        directory = shutil.copytree(newest, root / model / str(version))
        manifest = json.loads((directory / "manifest.json").read_text())
        (directory / "manifest.json").write_text(json.dumps({**manifest, "version": version}))


async def _main(options: argparse.Namespace) -> bool:
    lines = options.texts.read_text(encoding="utf-8").splitlines()
    texts = [line for line in lines if line.strip()][:200]
    with socket.socket() as found, tempfile.TemporaryDirectory() as root:
        found.bind(("127.0.0.1", 0))
        port: int = found.getsockname()[1]
        found.close()
        _two_versions(options.models, options.model, Path(root))
        settings = {
            "models": root,
            "admin_key": KEY,
            "max_queue": str(2 * options.requests),
            "timeout_ms": "600000",
            "drain_seconds": "600",
            "watch_seconds": "0",
            "log_level": "warning",
        }
        process = subprocess.Popen(
            [sys.executable, "-m", "cli", "serve", "--port", str(port)],
            env={**os.environ, **{f"STILLHOUSE_{k.upper()}": v for k, v in settings.items()}},
        )
        try:
            await _ready(port)
            await call(port, "POST", f"/admin/models/{options.model}/load", {"version": 1})
            flight = await fly(process, port, options.model, texts, options.requests)
        finally:
            process.kill()
    log.info(
        "%d requests in %.0f s: answered by version %s, wrong %d, failed %s",
        options.requests,
        flight.seconds,
        dict(flight.answers),
        flight.wrong,
        dict(flight.failures),
    )
    return flight.answers.total() == options.requests and not flight.wrong


async def _ready(port: int) -> None:
    while True:
        try:
            if (await call(port, "GET", "/readyz"))[0] == 200:
                return
        except OSError:
            pass
        await asyncio.sleep(0.1)


if __name__ == "__main__":
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--models", type=Path, default=Path("models"))
    parser.add_argument("--model", default="student")
    parser.add_argument("--texts", type=Path, default=Path("loadtest/sentences.txt"))
    parser.add_argument("--requests", type=int, default=10_000)
    sys.exit(not asyncio.run(_main(parser.parse_args())))
