"""A stand-in for the service: the wire form of its answers, and no model behind them."""

import itertools
import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any, ClassVar


@dataclass
class Behaviour:
    """How the stand-in answers; what it was asked is kept."""

    ready: bool = True
    states: dict[str, str] = field(
        default_factory=lambda: {"teacher": "ready", "student": "ready"},
    )
    seconds: dict[str, float] = field(
        default_factory=lambda: {"teacher": 0.02, "student": 0.005},
    )
    fail_every: int = 0  # every n-th prediction is a 503; 0: none
    answered_by: str | None = None  # in place of the model that was asked for
    missing: int = 0  # how many predictions are left out
    asked: list[dict[str, Any]] = field(default_factory=list)


class Handler(BaseHTTPRequestHandler):
    """`/readyz`, `/models` and `/predict`."""

    protocol_version = "HTTP/1.1"
    wbufsize = -1  # one packet an answer
    behaviour: ClassVar[Behaviour]
    numbers: ClassVar[Iterator[int]]

    def do_GET(self) -> None:
        """Health and models."""
        if self.path == "/readyz" and not self.behaviour.ready:
            self._answer(503, {"status": "draining"})
        elif self.path == "/readyz":
            self._answer(200, {"status": "ready"})
        elif self.path == "/models":
            models = [{"name": n, "state": s} for n, s in self.behaviour.states.items()]
            self._answer(200, {"default": "student", "models": models})
        else:
            self._answer(404, {"title": "Not Found"})

    def do_POST(self) -> None:
        """Predictions."""
        body = json.loads(self.rfile.read(int(self.headers["content-length"])))
        behaviour = self.behaviour
        behaviour.asked.append(body)
        time.sleep(behaviour.seconds.get(body["model"], 0.0))
        if behaviour.fail_every and next(self.numbers) % behaviour.fail_every == 0:
            self._answer(503, {"title": "draining", "status": 503})
            return
        texts = [body["inputs"]] if isinstance(body["inputs"], str) else body["inputs"]
        prediction = {
            "label": "positive",
            "score": 0.9,
            "scores": {"positive": 0.9, "negative": 0.1},
            "model": behaviour.answered_by or body["model"],
            "version": 1,
            "escalated": False,
            "tokens": 7,
            "truncated": False,
        }
        predictions = [prediction] * (len(texts) - behaviour.missing)
        self._answer(200, {"model": body["model"], "predictions": predictions, "timing_ms": {}})

    def _answer(self, status: int, body: Any) -> None:
        content = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002  # the base class names it
        """Says nothing."""


class Server(ThreadingHTTPServer):
    """Many clients at once."""

    daemon_threads = True
    request_queue_size = 64


@contextmanager
def stand_in(behaviour: Behaviour) -> Iterator[str]:
    """Serves on a free port of the loopback, and gives the address."""
    handler = type("Bound", (Handler,), {"behaviour": behaviour, "numbers": itertools.count(1)})
    with Server(("127.0.0.1", 0), handler) as server:
        thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            thread.join()
