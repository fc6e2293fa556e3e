"""A stand-in for the service: the wire form of its answers, and no model behind them."""

import itertools
import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Lock, Thread
from typing import Any, ClassVar

METRICS = """
# TYPE stillhouse_batch_texts histogram
stillhouse_batch_texts_bucket{{model="student",le="+Inf"}} {batches}
stillhouse_batch_texts_count{{model="student"}} {batches}
stillhouse_batch_texts_sum{{model="student"}} {texts}
"""


@dataclass
class Behaviour:
    """How the stand-in answers; what it was asked is kept."""

    ready: bool = True
    states: dict[str, str] = field(
        default_factory=lambda: {"teacher": "ready", "student": "ready"},
    )
    cascades: dict[str, list[str]] = field(default_factory=dict)
    aliases: dict[str, str] = field(default_factory=dict)
    of_pairs: frozenset[str] = frozenset()
    labels: tuple[str, ...] = ()  # of all models; none: nothing is said of them
    degrades: bool = False  # what of a cascade is not escalated
    key: str | None = None
    seconds: dict[str, float] = field(
        default_factory=lambda: {"teacher": 0.02, "student": 0.005},
    )
    fail_every: int = 0  # every n-th prediction is a 503; 0: none
    hang_up_every: int = 0  # at every n-th prediction the connection is closed, without a word
    stall_every: int = 0  # at every n-th prediction the whole service stands still
    stall_seconds: float = 0.0
    answered_by: str | None = None  # in place of the model that was asked for
    missing: int = 0  # how many predictions are left out
    asked: list[dict[str, Any]] = field(default_factory=list)  # for predictions, the check's too


class Handler(BaseHTTPRequestHandler):
    """`/readyz`, `/models`, `/metrics` and `/predict`."""

    protocol_version = "HTTP/1.1"
    wbufsize = -1  # one packet an answer
    behaviour: ClassVar[Behaviour]
    numbers: ClassVar[Iterator[int]]
    standing: ClassVar[Lock]

    def do_GET(self) -> None:
        """Health, models and metrics."""
        behaviour = self.behaviour
        if self.path == "/readyz" and not behaviour.ready:
            self._answer(503, {"status": "draining"})
        elif self.path == "/readyz":
            self._answer(200, {"status": "ready"})
        elif self.path == "/metrics":
            batches = len(behaviour.asked)
            self._send(200, METRICS.format(batches=batches, texts=2 * batches).encode())
        elif not self._admitted():
            self._answer(401, {"title": "Unauthorized"})
        elif self.path == "/models":
            models = [
                {
                    "name": n,
                    "state": s,
                    "pairs": n in behaviour.of_pairs,
                    "labels": list(behaviour.labels) or None,
                    "problem_type": "single_label" if behaviour.labels else None,
                }
                for n, s in behaviour.states.items()
            ]
            cascades = [{"name": n, "chain": c} for n, c in behaviour.cascades.items()]
            listed = {"models": models, "cascades": cascades, "aliases": behaviour.aliases}
            self._answer(200, {"default": "student", **listed})
        else:
            self._answer(404, {"title": "Not Found"})

    def do_POST(self) -> None:
        """Predictions."""
        body = json.loads(self.rfile.read(int(self.headers["content-length"])))
        behaviour = self.behaviour
        if not self._admitted():
            self._answer(401, {"title": "Unauthorized"})
            return
        behaviour.asked.append(body)
        number = next(self.numbers)
        with self.standing:
            if _is_due(number, behaviour.stall_every):
                time.sleep(behaviour.stall_seconds)
        time.sleep(behaviour.seconds.get(body["model"], 0.0))
        if _is_due(number, behaviour.hang_up_every):
            self.close_connection = True
        elif _is_due(number, behaviour.fail_every):
            self._answer(503, {"title": "draining", "status": 503})
        else:
            self._predict(body, number)

    def _predict(self, body: dict[str, Any], number: int) -> None:
        behaviour = self.behaviour
        chain = behaviour.cascades.get(behaviour.aliases.get(body["model"], body["model"]))
        escalated = chain is not None and number % 2 == 0
        model = body["model"] if chain is None else chain[escalated]
        texts = body["inputs"] if isinstance(body["inputs"], list) else [body["inputs"]]
        prediction = {
            "label": "positive",
            "score": 0.9,
            "scores": {"positive": 0.9, "negative": 0.1},
            "model": behaviour.answered_by or model,
            "version": 1,
            "escalated": escalated,
            "tokens": 7,
            "truncated": False,
        }
        if chain is not None and behaviour.degrades:
            prediction["degraded"] = not escalated
        predictions = [prediction] * (len(texts) - behaviour.missing)
        timing = {"tokenize": 0.25, "queue": 0.5, "inference": 3.0, "total": 4.0}
        self._answer(200, {"model": body["model"], "predictions": predictions, "timing_ms": timing})

    def _admitted(self) -> bool:
        key = self.behaviour.key
        return key is None or self.headers["authorization"] == f"Bearer {key}"

    def _answer(self, status: int, body: Any) -> None:
        self._send(status, json.dumps(body).encode())

    def _send(self, status: int, content: bytes) -> None:
        self.send_response(status)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002  # the base class names it
        """Says nothing."""


def _is_due(number: int, every: int) -> bool:
    return bool(every) and number % every == 0


class Server(ThreadingHTTPServer):
    """Many clients at once."""

    daemon_threads = True
    request_queue_size = 64


@contextmanager
def stand_in(behaviour: Behaviour) -> Iterator[str]:
    """Serves on a free port of the loopback, and gives the address."""
    own = {"behaviour": behaviour, "numbers": itertools.count(1), "standing": Lock()}
    with Server(("127.0.0.1", 0), type("Bound", (Handler,), own)) as server:
        thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            thread.join()
