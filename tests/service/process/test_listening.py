"""Where the real service listens, and that its settings reach its connections."""

import http.client
import signal
import socket
import stat
import threading
from pathlib import Path

import pytest

from service.process import listening
from tests.service.process.conftest import Start
from tests.service.process.serving import answers_in, eventually
from tests.service.process.started import Answer, Started, read

ASK = b"POST /predict HTTP/1.1\r\nHost: x\r\nContent-Length: 18\r\n\r\n" + b'{"inputs": "good"}'
BOSS = {"Authorization": "Bearer boss"}


class UnixConnection(http.client.HTTPConnection):
    """A connection to a path."""

    def __init__(self, path: Path) -> None:
        super().__init__("unix", timeout=60)
        self._path = path

    def connect(self) -> None:
        """Opens it."""
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(60)
        self.sock.connect(str(self._path))


def ask_at(path: Path, target: str) -> Answer:
    """One request to a path."""
    client = UnixConnection(path)
    try:
        client.request("GET", target)
        return read(client)
    finally:
        client.close()


def ready_at(path: Path) -> bool:
    """Whether a service is ready there."""
    try:
        return ask_at(path, "/readyz").status == 200
    except OSError:
        return False


@pytest.mark.parametrize("workers", ["1", "2"])
def test_a_unix_socket_serves_and_is_removed(start: Start, tmp_path: Path, workers: str) -> None:
    """A path in place of a port; one that a killed process left is no obstacle."""
    path = tmp_path / "socket"
    with socket.socket(socket.AF_UNIX) as left:
        left.bind(str(path))
    service = start("--workers", workers, "--unix-socket", str(path), notice_seconds="0")
    eventually(lambda: ready_at(path))
    assert stat.S_IMODE(path.stat().st_mode) == 0o666
    service.tell(signal.SIGTERM)
    assert service.end() == 0
    assert not path.exists()


def test_a_path_that_is_taken_is_left_alone(tmp_path: Path) -> None:
    """Neither a socket that somebody listens on nor a file is removed."""
    taken, file = tmp_path / "taken", tmp_path / "file"
    file.write_text("precious")
    with socket.socket(socket.AF_UNIX) as other:
        other.bind(str(taken))
        other.listen()
        for path in (taken, file):
            with pytest.raises(OSError, match="cannot listen on"), listening.bound("", 0, path):
                pass
            assert path.exists()


def test_a_port_that_is_taken_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is tried for a while, and then said."""
    monkeypatch.setattr(listening, "PATIENCE_SECONDS", 0.1)
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        with pytest.raises(OSError, match=f"cannot listen on 127.0.0.1 port {port}"):
            listening.bound("127.0.0.1", port, None).__enter__()


def test_a_port_that_becomes_free_is_taken() -> None:
    """The workers of a supervisor that was killed need a moment to leave it."""
    other = socket.create_server(("127.0.0.1", 0))
    port = other.getsockname()[1]
    threading.Timer(0.2, other.close).start()
    with listening.bound("127.0.0.1", port, None) as found:
        assert found.getsockname()[1] == port


def hear(service: Started, said: bytes) -> list[int]:
    """Statuses of what comes back on a connection that says something and then waits."""
    with socket.create_connection(("127.0.0.1", service.port), timeout=60) as client:
        client.sendall(said)
        heard = b""
        while data := client.recv(65536):
            heard += data
    return [status for status, _ in answers_in(heard)]


def test_settings_reach_the_connections(start: Start) -> None:
    """Heads are bounded in bytes and time, connections in number, idle ones in time."""
    service = start(
        max_head_bytes="1024", head_seconds="1", keep_alive_seconds="2", max_connections="2"
    ).until_ready()
    assert hear(service, b"GET / HTTP/1.1\r\nX: " + b"a" * 2000) == [431]
    assert hear(service, b"GET /livez HT") == [408]
    assert hear(service, ASK) == [200]  # and then, after the time that it is kept alive, the end
    assert [line["status"] for line in service.lines("request refused")] == [431, 408]
    held = [socket.create_connection(("127.0.0.1", service.port), timeout=60) for _ in range(2)]
    assert hear(service, ASK) == [503]
    assert service.ask("GET", "/livez").status == 200
    for one in held:
        one.close()


@pytest.mark.parametrize("workers", ["1", "2"])
def test_the_servers_own_access_log_is_silent(start: Start, workers: str) -> None:
    """A request has one line, in which no query stands."""
    service = start("--workers", workers).until_ready()
    assert service.ask("GET", "/livez?secret=1").status == 200
    eventually(lambda: any(line["path"] == "/livez" for line in service.lines("request")))
    assert "secret" not in service.log.read_text()
    assert "uvicorn.access" not in service.log.read_text()


def test_keys_hold_behind_a_root_path(start: Start) -> None:
    """What a proxy cuts from a path is no way around its key."""
    service = start(root_path="/models", admin_key="boss", api_keys="one").until_ready()
    for path in ("/admin/reload", "/v2/repository/models/student/unload", "/predict"):
        assert service.ask("POST", path, {"inputs": "good"}).status == 401, path
    assert service.ask("POST", "/admin/reload", **BOSS).status == 200
    assert service.ask("GET", "/livez").status == 200
