"""Sends requests as a balancer's clients do, changes the model under them, and stops the service.

A command for a full-size service (`make flight`), and what `test_flight` runs on a tiny one. Every
client keeps its connection alive and sends one request after another. After a third of them a new
version is loaded, after two thirds it is rolled back, and after all of them the service is told to
stop: then the clients go on until a balancer, which looks at `/readyz` now and again, has seen that
it is to send no more. None may go without its answer.
"""

import argparse
import asyncio
import collections
import json
import logging
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.service.process.started import Started

log = logging.getLogger(__name__)

KEY = "flight"


@dataclass
class Flight:
    """What became of the requests.

    Attributes:
        answers: by version that answered.
        failures: by status or exception.
        wrong: answers that are not what the model says of that text alone.
        after_stop: of the answers, those that came when the service had been told to stop.
    """

    answers: collections.Counter[int] = field(default_factory=collections.Counter)
    failures: collections.Counter[str] = field(default_factory=collections.Counter)
    wrong: int = 0
    after_stop: int = 0
    seconds: float = 0.0


class Connection:
    """A connection that is kept alive for as long as the service keeps it."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._streams: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None

    async def ask(self, method: str, path: str, body: Any = None) -> tuple[int, Any]:
        """Status and body of one request."""
        if self._streams is None:
            self._streams = await asyncio.open_connection("127.0.0.1", self._port)
        reader, writer = self._streams
        content = b"" if body is None else json.dumps(body).encode()
        head = (
            f"{method} {path} HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {KEY}\r\n"
            f"Content-Length: {len(content)}\r\n\r\n"
        )
        writer.write(head.encode() + content)
        first, *lines = (await reader.readuntil(b"\r\n\r\n")).decode().lower().split("\r\n")
        headers = dict(line.split(": ", 1) for line in lines if line)
        found = json.loads(await reader.readexactly(int(headers["content-length"])))
        if headers.get("connection") == "close":
            self.close()
        return int(first.split()[1]), found

    def close(self) -> None:
        """Closes it, if it is open."""
        if self._streams is not None:
            self._streams[1].close()
            self._streams = None


class Course:
    """One flight.

    Args:
        texts: that are asked, in turn.
        clients: at a time.
        requests: before the stop.
        look_seconds: between two looks of the balancer.
    """

    def __init__(
        self,
        port: int,
        model: str,
        texts: Sequence[str],
        clients: int,
        requests: int,
        look_seconds: float,
    ) -> None:
        self.flight = Flight()
        self._port = port
        self._model = model
        self._texts = texts
        self._clients = clients
        self._requests = requests
        self._look_seconds = look_seconds
        self._expected: dict[str, str] = {}
        self._sent = 0
        self._stopping = False
        self._out = False

    async def fly(self, service: Started) -> Flight:
        """Runs it against a service that serves version 1, and has version 2."""
        operator = Connection(self._port)
        for text in dict.fromkeys(self._texts):
            body = {"inputs": text, "model": self._model}
            _, found = await operator.ask("POST", "/predict", body)
            self._expected[text] = found["predictions"][0]["label"]
        started = time.monotonic()
        clients = [asyncio.create_task(self._client()) for _ in range(self._clients)]
        for share, version in ((1, 2), (2, 1), (3, None)):
            while self._sent < self._requests * share // 3 and not self.flight.failures:
                await asyncio.sleep(0.01)
            if version is not None:
                path = f"/admin/models/{self._model}/load"
                status, body = await operator.ask("POST", path, {"version": version})
                assert (status, body["version"]) == (200, version), body
                log.info("version %d loaded after %d requests", version, self._sent)
        service.tell(signal.SIGTERM)
        self._stopping = True
        log.info("told to stop after %d requests", self._sent)
        while (await operator.ask("GET", "/readyz"))[0] == 200:
            await asyncio.sleep(self._look_seconds)
        await asyncio.sleep(self._look_seconds)  # it may have looked just before
        self._out = True
        await asyncio.gather(*clients)
        operator.close()
        self.flight.seconds = time.monotonic() - started
        return self.flight

    async def _client(self) -> None:
        connection = Connection(self._port)
        while not self._out:
            text = self._texts[self._sent % len(self._texts)]
            self._sent += 1
            try:
                body = {"inputs": text, "model": self._model}
                status, found = await connection.ask("POST", "/predict", body)
            except (OSError, asyncio.IncompleteReadError) as error:
                self.flight.failures[repr(error)] += 1
                break
            if status != 200:
                self.flight.failures[f"{status} {found.get('detail', '')}"] += 1
                break
            prediction = found["predictions"][0]
            self.flight.answers[prediction["version"]] += 1
            self.flight.wrong += prediction["label"] != self._expected[text]
            self.flight.after_stop += self._stopping
        connection.close()


def _two_versions(models: Path, model: str, root: Path) -> None:
    """A repository at `root` with the newest version of `model` as its versions 1 and 2."""
    newest = max((models / model).iterdir(), key=lambda path: int(path.name))
    for version in (1, 2):
        directory = shutil.copytree(newest, root / model / str(version))
        manifest = json.loads((directory / "manifest.json").read_text())
        (directory / "manifest.json").write_text(json.dumps({**manifest, "version": version}))


def _main(options: argparse.Namespace) -> bool:
    lines = options.texts.read_text(encoding="utf-8").splitlines()
    texts = [line for line in lines if line.strip()][:200]
    with tempfile.TemporaryDirectory() as root:
        models = Path(root) / "models"
        _two_versions(options.models, options.model, models)
        (models / "held.toml").write_text(f"{options.model} = 1\n")
        settings: dict[str, Any] = {
            "models": str(models),
            "admin_key": KEY,
            "watch_seconds": "0",
            "threads": "0",
        }
        service = Started(Path(root) / "log", **settings)
        try:
            port = service.until_ready().port
            course = Course(port, options.model, texts, options.clients, options.requests, 1.0)
            flight = asyncio.run(course.fly(service))
            code = service.end()
        finally:
            service.clear()
    log.info(
        "%d answers in %.0f s, %d after the stop: by version %s, wrong %d, failed %s; exit %d",
        flight.answers.total(),
        flight.seconds,
        flight.after_stop,
        dict(flight.answers),
        flight.wrong,
        dict(flight.failures),
        code,
    )
    return not flight.failures and not flight.wrong and code == 0


if __name__ == "__main__":
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--models", type=Path, default=Path("models"))
    parser.add_argument("--model", default="student")
    parser.add_argument("--texts", type=Path, default=Path("loadtest/traffic/sentences.txt"))
    parser.add_argument("--clients", type=int, default=64)
    parser.add_argument("--requests", type=int, default=10_000)
    sys.exit(not _main(parser.parse_args()))
