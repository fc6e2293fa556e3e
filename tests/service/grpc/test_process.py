"""gRPC of the real process: its start, its workers, and its stop."""

import os
import signal
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient
from pydantic import ValidationError

from service.app import create_app
from service.process.listening import check_free
from service.settings import Settings
from tests.service.grpc.conftest import text_input
from tests.service.process.conftest import Start, start
from tests.service.process.serving import eventually
from tests.service.process.started import Started

__all__ = ["start"]  # the fixture

PATH = "/inference.GRPCInferenceService/ModelInfer"
triton = pytest.importorskip(
    "tritonclient.grpc", reason="pip install tritonclient grpcio", exc_type=ImportError
)


def free_port() -> int:
    """A port that nobody listens on."""
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


@contextmanager
def client_of(service: Started) -> Iterator[Any]:
    """Triton's client of its gRPC, once it listens."""
    eventually(lambda: bool(service.lines("listening for gRPC")))
    with triton.InferenceServerClient(service.lines("listening for gRPC")[0]["address"]) as client:
        yield client


def infer(client: Any) -> str:
    """Asks; the code of the error, or an empty string."""
    try:
        client.infer("student", [text_input(["good"])])
    except triton.InferenceServerException as error:
        return str(error.status())
    return ""


class Asking(threading.Thread):
    """A client that asks one thing after another, on one connection.

    Attributes:
        answered: how often it was.
        codes: of what failed, in order.
    """

    def __init__(self, client: Any) -> None:
        super().__init__()
        self.answered = 0
        self.codes: list[str] = []
        self._client = client
        self.enough = threading.Event()

    def run(self) -> None:
        """Until it is enough, or something fails."""
        while not self.enough.is_set() and not self.codes:
            if code := infer(self._client):
                self.codes.append(code)
            else:
                self.answered += 1


def test_start_and_log(start: Start) -> None:
    """An option names the port; a call has its line in the log, without its texts."""
    service = start("--grpc-port", "0").until_ready()
    with client_of(service) as client:
        assert infer(client) == ""
        eventually(lambda: any(line.get("path") == PATH for line in service.all_lines()))
    (line,) = [line for line in service.all_lines() if line.get("path") == PATH]
    assert (line["method"], line["status"], line["model"]) == ("POST", 200, "student")
    assert "good" not in service.log.read_text()


def test_notice_then_no_more(start: Start) -> None:
    """Calls go on during the notice, those in flight end well, and then there is nobody."""
    service = start("--grpc-port", "0", notice_seconds="1").until_ready()
    with client_of(service) as client:
        threads = [Asking(client) for _ in range(4)]
        for thread in threads:
            thread.start()
        eventually(lambda: all(thread.answered for thread in threads))
        service.tell(signal.SIGTERM)
        eventually(lambda: not client.is_server_ready())
        before = [thread.answered for thread in threads]
        eventually(lambda: all(t.answered > n for t, n in zip(threads, before, strict=True)))
        for thread in threads:
            thread.join(60)
        # What was not taken says so; nothing that was taken is cut off.
        assert {code for thread in threads for code in thread.codes} == {"StatusCode.UNAVAILABLE"}
    assert service.end() == 0
    assert "error" not in {line["level"] for line in service.all_lines()}
    # Clients are told to go elsewhere when the notice ends, and not when all the rest has ended.
    said = [line["message"] for line in service.all_lines()]
    assert said.index("gRPC takes no new calls") < said.index("Shutting down")


def test_workers_share_the_port(start: Start) -> None:
    """A client that asks on and on is answered by both: its connection is renewed now and then.

    No call is lost of it, and a stop is clean.
    """
    port = free_port()
    service = start("--workers", "2", "--grpc-port", str(port), notice_seconds="0").until_ready()
    eventually(lambda: len(service.lines("listening for gRPC")) == 2)

    def both() -> bool:
        assert infer(client) == ""
        calls = [line for line in service.all_lines() if line.get("path") == PATH]
        return len({line["request_id"][:16] for line in calls}) == 2  # it begins with the process's

    with client_of(service) as client:
        eventually(both)
    service.tell(signal.SIGTERM)
    assert service.end() == 0
    assert "error" not in {line["level"] for line in service.all_lines()}


def test_taken_port_ends_the_start(models: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A port that is another's is an error that names it; it is not shared unasked."""
    monkeypatch.setattr("service.process.listening.PATIENCE_SECONDS", 0.0)
    with socket.create_server(("127.0.0.1", 0), reuse_port=True) as other:
        port = other.getsockname()[1]
        with pytest.raises(OSError, match=f"cannot listen on 127.0.0.1 port {port}"):
            check_free("127.0.0.1", port)
        app = create_app(Settings(models=models, threads=1, grpc_port=port))
        with pytest.raises(OSError, match=f"for gRPC on 127.0.0.1 port {port}"), TestClient(app):
            pass


@pytest.mark.parametrize("workers", ["1", "2"])
def test_without_grpcio_the_start_ends(start: Start, tmp_path: Path, workers: str) -> None:
    """The error says what to install, and comes before anything else."""
    (tmp_path / "sitecustomize.py").write_text("import sys\nsys.modules['grpc'] = None\n")
    path = f"{tmp_path}:{os.environ.get('PYTHONPATH', '')}"
    options = ("--workers", workers, "--grpc-port", str(free_port()))
    service = start(*options, variables={"PYTHONPATH": path})
    assert service.process.wait(60) == 1
    said = service.log.read_text().splitlines()
    assert said == ["Error: STILLHOUSE_GRPC_PORT needs grpcio: pip install 'stillhouse[grpc]'"]


@pytest.mark.parametrize(
    ("settings", "says"),
    [
        ({"grpc_port": 8000}, "grpc_port and port are both 8000"),
        ({"grpc_port": 0, "workers": 2}, "several workers share one"),
        ({"grpc_port": 70_000}, "less than or equal to 65535"),
    ],
)
def test_ports_that_cannot_be(settings: dict[str, Any], says: str) -> None:
    """They are refused before anything starts."""
    with pytest.raises(ValidationError, match=says):
        Settings(**settings)


def test_what_kubernetes_sets_is_no_port(monkeypatch: pytest.MonkeyPatch) -> None:
    """A Service called `stillhouse-grpc` sets the variable to its address."""
    monkeypatch.setenv("STILLHOUSE_GRPC_PORT", "tcp://10.0.0.1:8001")
    assert Settings().grpc_port is None
