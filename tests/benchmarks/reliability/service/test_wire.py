"""Answers are read as they are sent, and a loss is told from an answer."""

import asyncio

import pytest

from benchmarks.reliability.service import wire


async def exchange(*pieces: bytes, request: bytes = b"") -> wire.Answer:
    """An answer in pieces, after which the service closes."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        for piece in pieces:
            writer.write(piece)
            await writer.drain()
        writer.close()

    async with await asyncio.start_server(serve, wire.HOST, 0) as server:
        port = server.sockets[0].getsockname()[1]
        return await wire.once(port, request or wire.request("GET", "/"))


@pytest.mark.parametrize(
    ("pieces", "body"),
    [
        ((b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nabc",), b"abc"),
        ((b"HTTP/1.1 200 OK\r\n", b"content-length: 3\r\n\r\na", b"bc"), b"abc"),
        (
            (
                b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n",
                b"2\r\nab\r\n1;x=y\r\nc\r\n0\r\n\r\n",
            ),
            b"abc",
        ),
        ((b"HTTP/1.1 200 OK\r\n\r\n", b"ab", b"c"), b"abc"),  # until it closes
        (
            (b"HTTP/1.1 100 Continue\r\n\r\n", b"HTTP/1.1 200 OK\r\ncontent-length: 3\r\n\r\nabc"),
            b"abc",
        ),
        ((b"HTTP/1.1 204 No Content\r\n\r\n",), b""),
    ],
)
def test_bodies(pieces: tuple[bytes, ...], body: bytes) -> None:
    """By length, in chunks, until the end, after an interim answer, and none."""
    assert asyncio.run(exchange(*pieces)).body == body


def test_the_answer_to_a_head_has_no_body() -> None:
    """Whatever length it names."""
    said = b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\n"
    assert asyncio.run(exchange(said, request=wire.request("HEAD", "/"))).body == b""


@pytest.mark.parametrize(
    "said",
    [
        b"",
        b"HTTP/1.1 200 OK\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nabc",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n9\r\nabc",
        b"SSH-2.0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: x\r\n\r\n",
    ],
)
def test_less_than_an_answer_is_lost(said: bytes) -> None:
    """Nothing, half a head, half a body, and what is no HTTP."""
    with pytest.raises(wire.Lost):
        asyncio.run(exchange(said))


def test_a_request_in_bytes() -> None:
    """With a length and a type where there is a body."""
    assert wire.request("GET", "/x") == b"GET /x HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n"
    made = wire.request("POST", "/x", b"{}", {"A": "b"})
    assert made.endswith(b"A: b\r\nContent-Length: 2\r\nContent-Type: application/json\r\n\r\n{}")
