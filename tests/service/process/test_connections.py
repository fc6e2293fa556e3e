"""Bounds on connections, over real sockets: bytes, time, and requests ahead of their answers."""

import contextlib
import logging
import socket
import time
from collections.abc import Iterator

import pytest
import uvicorn

from service.process import connections
from tests.service.process.serving import LIMITS, Client, Echo, answers_in, bounded, eventually

POST = b"POST /predict HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\n{}"
GET = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"


@pytest.fixture
def app() -> Echo:
    """What is served."""
    return Echo()


@pytest.fixture
def server(app: Echo) -> Iterator[uvicorn.Server]:
    """A server whose clients have time."""
    with bounded(app) as running:
        yield running


@pytest.fixture
def hasty(app: Echo) -> Iterator[uvicorn.Server]:
    """A server whose clients have no time."""
    limits = connections.Limits(
        head_bytes=2048, head_seconds=0.1, body_seconds=0.1, read_seconds=0.1
    )
    with bounded(app, limits, timeout_keep_alive=600) as running:
        yield running


def refused(said: bytes) -> list[int]:
    """The statuses of what a connection said, whose last is a problem document as all are."""
    head = said.rpartition(b"\r\n\r\n")[0]
    assert b"content-type: application/problem+json" in head
    assert b"connection: close" in head
    statuses = [status for status, _ in answers_in(said)]
    problem = answers_in(said)[-1][1]
    assert problem["status"] == statuses[-1]
    assert problem["title"]
    assert problem["detail"]
    assert problem["request_id"].encode() in head
    return statuses


@pytest.mark.parametrize(
    "head",
    [
        b"GET / HTTP/1.1\r\nHost: x\r\nX-Long: " + b"a" * 3000,
        b"GET / HTTP/1.1\r\nHost: x\r\nX-Long: " + b"a" * 3000 + b"\r\n\r\n",
        b"GET / HTTP/1.1\r\n" + b"".join(b"X-%d: a\r\n" % i for i in range(400)),
        b"GET /?" + b"a" * 3000 + b" HTTP/1.1\r\n\r\n",
        b"GET / HTTP/1.1\r\nX: " + b"a" * (8 << 20),
        POST.replace(b"Host", b"X-Long: " + b"a" * 3000 + b"\r\nHost"),
    ],
    ids=["unfinished", "whole", "many", "line", "endless", "with a body"],
)
def test_large_heads_are_refused(server: uvicorn.Server, app: Echo, head: bytes) -> None:
    """A head over the limit is 431, whatever makes it so, and reaches no application."""
    with Client(server) as client:
        assert refused(client.say(head).hear()) == [431]
    assert app.seen == []


def test_a_refused_client_may_finish(
    server: uvicorn.Server, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """What it still sends is not looked at, and does not reset the connection.

    A reset could take the answer with it.
    """
    caplog.set_level(logging.INFO)
    monkeypatch.setattr(connections, "LINGER_SECONDS", 60)
    with Client(server) as client:
        assert refused(client.say(b"GET / HTTP/1.1\r\nX: " + b"a" * 3000).hear()) == [431]
        for _ in range(20):
            client.socket.sendall(b"a" * 1000)
            time.sleep(0.01)  # for a reset to come back
    assert [record.message for record in caplog.records].count("request refused") == 1


@pytest.mark.parametrize("closes", [b"Connection: close\r\n", b""], ids=["closing", "kept"])
def test_an_answer_before_the_body_is_heard(server: uvicorn.Server, closes: bytes) -> None:
    """As 413 is one: what is still on its way does not reset the connection and take it along."""
    head = b"POST /early HTTP/1.1\r\nHost: x\r\n%sContent-Length: 2000000\r\n\r\n" % closes
    with Client(server) as client:
        client.socket.sendall(head)
        eventually(lambda: bool(client.socket.recv(1, socket.MSG_PEEK)))
        for _ in range(20):
            client.socket.sendall(b"a" * 100_000)
            time.sleep(0.01)  # for a reset to come back
        assert client.hear_answers(1) == [(200, {"path": "/early", "read": 0})]


def test_heads_within_the_limit_pass(server: uvicorn.Server) -> None:
    """The limit is the head's alone: a large body in the same packet does not count."""
    long = b"a" * (LIMITS.head_bytes - 200)
    body = b"x" * 60_000
    head = b"POST / HTTP/1.1\r\nX-Long: %s\r\nContent-Length: %d\r\n\r\n" % (long, len(body))
    with Client(server) as client:
        client.say(head + body)
        client.say(head + body)
        assert [status for status, _ in client.hear_answers(2)] == [200, 200]


def test_trailers_are_bounded_and_are_no_headers(server: uvicorn.Server, app: Echo) -> None:
    """Headers after a chunked body are not the request's, and cannot grow without end."""
    head = b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n"
    with Client(server) as client:
        client.say(head + b"Authorization: Bearer x\r\n\r\n")
        assert client.hear_answers(1)[0][0] == 200
    assert b"authorization" not in dict(app.seen[0]["headers"])
    with Client(server) as client:
        assert refused(client.say(head + b"X: " + b"a" * (8 << 20)).hear()) == [431]
    assert app.left.wait(60)


@pytest.mark.parametrize("sent", [b"", b"\r\n", b"GET / HTT", GET[:-2], GET + GET[:-2]], ids=str)
def test_heads_that_do_not_arrive_are_refused(hasty: uvicorn.Server, sent: bytes) -> None:
    """A head that is not there in time is 408, and what was answered before it stays answered."""
    with Client(hasty) as client:
        assert refused(client.say(sent).hear()) == [200] * (GET in sent) + [408]


def test_bodies_that_nobody_waits_for_end_too(hasty: uvicorn.Server) -> None:
    """A request that was answered before its body came does not hold its connection for ever."""
    with Client(hasty) as client:
        client.say(POST.replace(b"/predict", b"/early").replace(b"h: 2", b"h: 99999"))
        assert client.hear_answers(1)[0][0] == 200
        with contextlib.suppress(ConnectionResetError):
            assert client.hear() == b""


def test_answers_that_nobody_reads_end_too(hasty: uvicorn.Server, app: Echo) -> None:
    """A client that does not read its answer loses its connection."""
    with Client(hasty) as client:
        client.say(GET.replace(b"/ ", b"/large "))
        eventually(lambda: bool(app.seen))
        eventually(lambda: not hasty.server_state.connections)


def test_idle_connections_are_kept_and_then_closed(app: Echo) -> None:
    """Between requests a connection may be idle for the time that it is kept alive, and no more."""
    limits = connections.Limits(
        head_bytes=2048, head_seconds=0.1, body_seconds=0.1, read_seconds=0.1
    )
    with bounded(app, limits, timeout_keep_alive=3) as server, Client(server) as client:
        for _ in range(2):
            client.say(POST)
            assert client.hear_answers(1)[0][0] == 200
            client.socket.settimeout(1.5)  # more than a sweep
            with pytest.raises(TimeoutError):
                client.socket.recv(1)
        client.socket.settimeout(60)
        client.say(POST)
        client.hear_answers(1)
        assert client.hear() == b""


def test_idle_connections_are_closed_also_after_a_body_that_came_late(app: Echo) -> None:
    """The time of idle connections begins anew when the rest of an answered request has come."""
    with bounded(app, timeout_keep_alive=1) as server, Client(server) as client:
        client.say(POST.replace(b"/predict", b"/early")[:-1])
        assert client.hear_answers(1)[0][0] == 200
        assert client.say(b"}").hear() == b""


def test_garbage_is_refused(server: uvicorn.Server, app: Echo) -> None:
    """What is no HTTP gets 400; what came whole before it is answered first."""
    with Client(server) as client:
        assert refused(client.say(b"\x16\x03\x01garbage\r\n\r\n").hear()) == [400]
    with Client(server) as client:
        said = client.say(POST + POST + b"garbage\r\n\r\n").hear()
    assert [status for status, _ in answers_in(said)] == [200, 200]
    assert said.count(b"connection: close") == 1
    assert len(app.seen) == 2


def test_bad_chunks_end_the_request(server: uvicorn.Server, app: Echo) -> None:
    """A body that breaks off in nonsense is 400, and the application is told that nobody waits."""
    with Client(server) as client:
        client.say(b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\nzz\r\n")
        assert refused(client.hear()) == [400]
    assert app.left.wait(60)


def test_requests_ahead_of_their_answers_are_bounded(server: uvicorn.Server, app: Echo) -> None:
    """Of thousands of requests in one packet a few are answered, in order, and the rest not."""
    with Client(server) as client:
        said = client.say(GET * 2000).hear()
    statuses = [status for status, _ in answers_in(said)]
    assert statuses == [200] * len(statuses)
    assert 1 <= len(statuses) <= connections.MOST_AHEAD + 2
    assert len(app.seen) == len(statuses)


def test_a_few_requests_ahead_are_answered_in_order(server: uvicorn.Server) -> None:
    """Pipelining, within the bound, works and leaves the connection open."""
    with Client(server) as client:
        for _ in range(3):
            client.say(b"".join(GET.replace(b"/ ", b"/%d " % i) for i in range(8)))
            found = client.hear_answers(8)
            assert [answer["path"] for _, answer in found] == [f"/{i}" for i in range(8)]


def test_an_upgrade_that_is_not_served_is_ignored(server: uvicorn.Server) -> None:
    """A client that offers HTTP/2, as Java's does, is answered in HTTP/1.1, and again."""
    offer = b"Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHost"
    with Client(server) as client:
        for _ in range(2):
            client.say(POST.replace(b"Host", offer))
            assert client.hear_answers(1) == [(200, {"path": "/predict", "read": 2})]


@pytest.mark.parametrize(
    ("version", "connection"),
    [
        (b"1.1", b"close, Upgrade"),
        (b"1.1", b"Upgrade, close"),
        (b"1.1", b"close\r\nConnection: Upgrade"),
        (b"1.0", b"Upgrade"),
    ],
)
@pytest.mark.parametrize("protocol", [b"h2c", b"websocket"])
def test_an_upgrade_of_a_connection_that_closes_is_ignored(
    server: uvicorn.Server, version: bytes, connection: bytes, protocol: bytes
) -> None:
    """Its one request is answered, and then it closes."""
    offer = b"Connection: %s\r\nUpgrade: %s\r\nHost" % (connection, protocol)
    with Client(server) as client:
        client.say(POST.replace(b"Host", offer).replace(b"HTTP/1.1", b"HTTP/" + version))
        assert client.hear_answers(1) == [(200, {"path": "/predict", "read": 2})]
        assert client.hear() == b""


def test_connections_are_bounded_but_for_probes(app: Echo) -> None:
    """More connections than there may be get 503 and a hint, as problem documents; probes pass."""
    with bounded(app, limit_concurrency=3) as server, Client(server) as one, Client(server) as two:
        for held in (one, two):
            held.say(POST)
            assert held.hear_answers(1)[0][0] == 200
        with Client(server) as three:
            three.say(GET.replace(b"/ ", b"/livez "))
            assert three.hear_answers(1)[0][0] == 200
            said = three.say(POST).hear()
        assert refused(said) == [503]
        assert b"retry-after: 1" in said


def test_tunnels_are_refused(server: uvicorn.Server, app: Echo) -> None:
    """CONNECT is for proxies."""
    with Client(server) as client:
        assert refused(client.say(b"CONNECT x:80 HTTP/1.1\r\nHost: x\r\n\r\n").hear()) == [405]
    assert app.seen == []
