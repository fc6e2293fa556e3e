"""The log of the real process: whatever fails on whatever path, no key and no text is in it."""

import contextlib
import json
import os
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from http import HTTPStatus
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from service.repository.manifest import read_manifest
from tests.service.builders import WORDS, publish_tiny, write_manifest

ROOT = Path(__file__).parents[3]
KEY, ADMIN, TEXT = "hush-key", "hush-admin", "hush-text"
SECRETS = re.compile("hush")
OIP = {"inputs": [{"name": "text", "shape": [1], "datatype": "BYTES", "data": [f"fine {TEXT}"]}]}
BODIES = {
    "/predict": {"inputs": f"fine {TEXT}", "model": "broken"},
    "/models/broken": {"inputs": f"fine {TEXT}"},
    "/v2/models/broken/infer": OIP,
    "/tei/predict": {"inputs": f"fine {TEXT}"},
    "/admin/reload": {"inputs": TEXT},
    "/admin/models/broken/load": {"version": TEXT},
    "/v2/repository/models/broken/load": {"parameters": {"config": TEXT}},
    "/fail": {"inputs": TEXT},
}


def publish_broken(models: Path) -> None:
    """Publishes a model that fails where a text has the word "fine", and makes it the default."""
    directory = publish_tiny(models, "broken")
    graph = onnx.load(directory / "model.onnx")
    graph.graph.node[-1].output[0] = "sums"
    graph.graph.initializer.extend(
        [
            numpy_helper.from_array(np.array(WORDS.index("fine"), dtype=np.int64), "fine"),
            numpy_helper.from_array(np.zeros(1, dtype=np.float32), "one"),
        ]
    )
    graph.graph.node.extend(
        [
            helper.make_node("Equal", ["input_ids", "fine"], ["is_fine"]),
            helper.make_node("Cast", ["is_fine"], ["as_number"], to=TensorProto.INT64),
            helper.make_node("ReduceMax", ["as_number"], ["index"], keepdims=0),
            helper.make_node("Gather", ["one", "index"], ["nothing"]),  # of one there is no second
            helper.make_node("Add", ["sums", "nothing"], ["logits"]),
        ]
    )
    onnx.save(graph, directory / "model.onnx")
    old = read_manifest(directory)
    write_manifest(directory, **{name: of for name, of in dict(old).items() if name != "files"})
    (models / "routes.toml").write_text('default = "broken"\n')


class Service:
    """The process."""

    def __init__(self, models: Path, log: Path) -> None:
        self.log = log
        settings = {"models": models, "api_keys": KEY, "admin_key": ADMIN, "port": 0}
        settings |= {"threads": 1, "log_level": "debug", "notice_seconds": 0, "watch_seconds": 0}
        given = {f"STILLHOUSE_{name.upper()}": str(of) for name, of in settings.items()}
        with log.open("w") as stream:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "tests.service.telemetry.whole"],
                cwd=ROOT,
                env={**os.environ, **given},
                stdout=stream,
                stderr=stream,
            )

    def lines(self) -> list[dict[str, Any]]:
        """All that it has said, but for what ONNX Runtime writes past every logger."""
        said = self.log.read_text().splitlines()
        return [json.loads(line) for line in said]

    def port(self) -> int:
        """Where it listens, once it does."""
        while self.process.poll() is None:
            if found := re.search(r'http://127.0.0.1:(\d+)"', self.log.read_text()):
                with (
                    contextlib.suppress(ConnectionRefusedError),
                    socket.create_connection(("127.0.0.1", int(found[1]))),
                ):
                    return int(found[1])
            with contextlib.suppress(subprocess.TimeoutExpired):
                self.process.wait(0.05)
        raise AssertionError(self.log.read_text())

    def send(self, port: int, request: bytes, *, leaves: bool = False) -> int:
        """The status that raw bytes get; 0: none.

        Args:
            leaves: hang up without waiting for an answer.
        """
        with socket.create_connection(("127.0.0.1", port), timeout=60) as connection:
            connection.sendall(request)
            if leaves:
                connection.shutdown(socket.SHUT_WR)
            said = b""
            with contextlib.suppress(ConnectionError):
                while data := connection.recv(65536):
                    said += data
        return int(said.split()[1]) if said else 0


@pytest.fixture
def service(tmp_path: Path) -> Iterator[Service]:
    """The real service over a model that fails."""
    publish_broken(tmp_path / "models")
    started = Service(tmp_path / "models", tmp_path / "log")
    yield started
    started.process.kill()
    started.process.wait()


def post(path: str, body: bytes, key: str = KEY, *headers: str) -> bytes:
    """A request as it stands on the wire; with its length unless other headers say how it ends."""
    lines = [
        f"POST {path} HTTP/1.1",
        "Host: a",
        f"Authorization: Bearer {key}",
        "Connection: close",
    ]
    lines += headers or [f"Content-Length: {len(body)}"]
    return "\r\n".join([*lines, "", ""]).encode() + body


def test_nothing_that_a_client_sent_is_in_the_log(service: Service) -> None:
    """A wrong key, a wrong body, half a body, a bad chunk, a model and a handler that fail."""
    port = service.port()
    for path, document in BODIES.items():
        body = json.dumps(document).encode()
        key = ADMIN if "/admin" in path or "/repository" in path else KEY
        wrong = f'{{"{TEXT}": ["{TEXT}"], "inputs": {{"{TEXT}": 1}}'.encode()
        chunk = b"%x\r\n%s\r\nzz\r\n%s" % (len(body), body, body)
        assert service.send(port, post(path, body, "hush-other")) != HTTPStatus.OK
        assert service.send(port, post(path, wrong, key)) != 0
        assert service.send(port, post(path, body, key, "Content-Length: 999"), leaves=True) == 0
        service.send(port, post(path, chunk, key, "Transfer-Encoding: chunked"))
        service.send(port, post(path, body, key, "Content-Encoding: gzip", "Content-Length: 9"))
        status = service.send(port, post(path, body, key))
        if key == KEY:
            assert status in (500, 424), path  # the latter is what TEI says
    service.send(port, f"{TEXT}\r\n\r\n".encode())
    service.process.send_signal(signal.SIGTERM)
    assert service.process.wait(60) == 0

    assert not SECRETS.search(service.log.read_text())
    lines = service.lines()
    assert all({"timestamp", "level", "logger", "message"} <= line.keys() for line in lines)
    requests = {line["request_id"]: line for line in lines if line["message"] == "request"}
    for path in BODIES.keys() - {"/admin/reload"}:  # that reads no body
        statuses = {line["status"] for line in requests.values() if line["path"] == path}
        assert 499 in statuses, path
    errors = [line for line in lines if "exception" in line]
    assert {line["exception"]["type"] for line in errors} >= {"ValueError", "InferenceFailed"}
    assert all(line["request_id"] in requests for line in errors if line["logger"] != "asyncio")
