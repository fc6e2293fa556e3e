"""The stop: notice, then a close that answers what was accepted; on the real process."""

import http.client
import json
import os
import signal
import socket
import threading
from contextlib import suppress

import pytest

from tests.service.process.conftest import Start
from tests.service.process.serving import eventually
from tests.service.process.started import Started, read

BODY = json.dumps({"inputs": "good"})
LONG = "600"


class KeepAlive(threading.Thread):
    """A client whose connection is kept alive for one request after another.

    Attributes:
        statuses: of the answers.
        closed: how many of them said that they are the connection's last.
        wrong: what came in place of an answer.
    """

    def __init__(self, port: int) -> None:
        super().__init__()
        self.statuses: list[int] = []
        self.wrong: list[str] = []
        self.closed = 0
        self.enough = threading.Event()
        self._port = port

    def run(self) -> None:
        """Asks until told that it is enough."""
        client = http.client.HTTPConnection("127.0.0.1", self._port, timeout=60)
        while not self.enough.is_set():
            try:
                client.request("POST", "/predict", BODY)
                answer = read(client)
            except (OSError, http.client.HTTPException) as error:
                self.wrong.append(repr(error))
                return
            self.statuses.append(answer.status)
            self.closed += answer.headers["connection"] == "close"
        client.close()


def stopping(service: Started) -> bool:
    """Whether the service says that no traffic should come any more."""
    answer = service.ask("GET", "/readyz")
    assert answer.headers["connection"] == "close" or answer.status == 200
    return answer.status == 503


@pytest.mark.parametrize(("workers", "all_told"), [("1", False), ("2", False), ("2", True)])
def test_predictions_go_on_during_the_notice(start: Start, workers: str, all_told: bool) -> None:
    """After SIGTERM requests on open and on new connections are answered, each of which ends.

    That is for a balancer that has not yet seen what `/readyz` says. Some who stop a service tell
    all of its processes: a worker is then told twice.
    """
    service = start("--workers", workers, notice_seconds=LONG).until_ready()
    clients = [KeepAlive(service.port) for _ in range(8)]
    for client in clients:
        client.start()
    eventually(lambda: all(client.statuses for client in clients))
    if all_told:
        os.killpg(service.process.pid, signal.SIGTERM)
    else:
        service.tell(signal.SIGTERM)
    eventually(lambda: stopping(service))
    if workers == "2":  # the supervisor has told its workers
        eventually(lambda: bool(service.lines("Received SIGTERM, exiting.")))
    eventually(lambda: all(client.closed > 1 for client in clients))
    for client in clients:
        client.enough.set()
        client.join(60)
    assert [client.wrong for client in clients] == [[]] * 8
    assert {status for client in clients for status in client.statuses} == {200}
    assert service.ask("GET", "/livez").status == 200


@pytest.mark.parametrize("workers", ["1", "2"])
def test_a_stop_is_clean(start: Start, workers: str) -> None:
    """Told to stop, the service ends by itself, without an error, and all of it."""
    service = start("--workers", workers, notice_seconds="0.5").until_ready()
    service.tell(signal.SIGTERM)
    assert service.end() == 0
    eventually(lambda: not service.members())
    assert "error" not in {line["level"] for line in service.all_lines()}


def test_unfinished_bodies_do_not_hold_up_a_stop(start: Start) -> None:
    """A body that is still on its way when the notice ends is refused, and the process ends."""
    service = start(notice_seconds="0.5", drain_seconds=LONG, body_seconds=LONG).until_ready()
    with socket.create_connection(("127.0.0.1", service.port), timeout=60) as slow:
        slow.sendall(b"POST /predict HTTP/1.1\r\nHost: x\r\nContent-Length: 99\r\n\r\n{")
        service.tell(signal.SIGTERM)
        assert slow.recv(12) == b"HTTP/1.1 503"
    assert service.end() == 0


def test_unfinished_heads_do_not_hold_up_a_stop(start: Start) -> None:
    """Nor does a head."""
    service = start(notice_seconds="0", drain_seconds=LONG, head_seconds=LONG).until_ready()
    with socket.create_connection(("127.0.0.1", service.port), timeout=60) as slow:
        slow.sendall(b"POST /predict HTT")
        service.tell(signal.SIGTERM)
        with suppress(ConnectionResetError):
            assert slow.recv(1) == b""
    assert service.end() == 0


@pytest.mark.parametrize("sig", [signal.SIGINT, signal.SIGHUP])
def test_a_person_need_not_wait(start: Start, sig: signal.Signals) -> None:
    """What comes from a terminal skips the notice, and ends the process in order all the same."""
    if signal.getsignal(sig) is signal.SIG_IGN:
        pytest.skip(f"{sig.name} is ignored here, as by nohup, and so by the service")
    service = start(notice_seconds=LONG).until_ready()
    service.tell(sig)
    assert service.end() == 0


def test_a_terminal_that_closes_ends_the_workers(start: Start) -> None:
    """They are stopped, and not replaced one by one."""
    if signal.getsignal(signal.SIGHUP) is signal.SIG_IGN:
        pytest.skip("SIGHUP is ignored here, as by nohup, and so by the service")
    service = start("--workers", "2", notice_seconds="0").until_ready()
    service.tell(signal.SIGHUP)
    assert service.end() == 0
    eventually(lambda: not service.members())


@pytest.mark.parametrize("workers", ["1", "2"])
def test_a_second_signal_ends_at_once(start: Start, workers: str) -> None:
    """Whoever asks twice does not wait for the notice, and nobody is left."""
    service = start("--workers", workers, notice_seconds=LONG).until_ready()
    service.tell(signal.SIGTERM)
    eventually(lambda: stopping(service))
    service.tell(signal.SIGTERM)
    service.end()
    eventually(lambda: not service.members())


def test_a_terminal_tells_all_and_once_is_enough(start: Start) -> None:
    """Ctrl-C reaches every process of the group: the workers leave it to the supervisor."""
    service = start("--workers", "2", notice_seconds="2").until_ready()
    eventually(lambda: len(service.lines("Application startup complete.")) == 2)
    for pid in [service.process.pid, *service.workers()]:
        os.kill(pid, signal.SIGINT)
    eventually(lambda: stopping(service))
    assert service.ask("POST", "/predict", {"inputs": "good"}).status == 200
    assert service.end() == 0
    assert not service.lines("a worker ended; another takes its place")
