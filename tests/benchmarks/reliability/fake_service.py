"""A service of the tests' own making: the wire of every dialect, and the misdeeds that are asked.

    python -m tests.benchmarks.reliability.fake_service serve --models MODELS --port PORT

FAKE_DOES is a misdeed, how often, and after how many predictions, as `wrong:5:100`: every fifth
answer is wrong, the first hundred left out.
"""

import asyncio
import hashlib
import json
import os
import signal
import sys
from collections import Counter
from typing import Any

DOCUMENT = {
    "openapi": "3.1.0",
    "info": {"title": "fake", "version": "1"},
    "paths": {
        "/predict": {
            "post": {
                "requestBody": {
                    "content": {
                        "application/json": {
                            "schema": {
                                "type": "object",
                                "required": ["inputs"],
                                "properties": {"inputs": {"type": "string"}},
                            }
                        }
                    }
                },
                "responses": {"200": {"description": "an answer"}},
            }
        }
    },
}


def scores(text: str) -> dict[str, float]:
    """What it says of a text: decided, and ever the same."""
    share = 0.6 + hashlib.sha256(text.encode("utf-8", "surrogatepass")).digest()[0] / 700
    return {"positive": share, "negative": 1 - share}


class FakeService:
    """Answers on the loopback.

    Attributes:
        does: a misdeed; none: it behaves.
        every: it is done with each so-manieth prediction,
        after: but for so many at first.
        heard: how many predictions were asked for.
        ready: what `/readyz` says.
    """

    def __init__(self, does: str | None = None, every: int = 1, after: int = 0) -> None:
        self.does = does
        self.every = every
        self.after = after
        self.heard = 0
        self.connections = 0
        self.asked: Counter[str] = Counter()
        self.ready = True
        self.port = 0
        self._server: asyncio.Server | None = None
        self._open: set[asyncio.StreamWriter] = set()

    async def start(self, port: int = 0) -> "FakeService":
        """Listens."""
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", port, limit=1 << 20)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aenter__(self) -> "FakeService":
        return await self.start()

    async def __aexit__(self, *_: object) -> None:
        assert self._server is not None
        self._server.close()
        for _turn in range(3):  # what was accepted just now is begun, so that it can be ended
            await asyncio.sleep(0)
        for writer in list(self._open):
            writer.transport.abort()
        await self._server.wait_closed()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._open.add(writer)
        self.connections += 1
        try:
            while await self._one(reader, writer):
                pass
        except (OSError, ValueError, asyncio.IncompleteReadError, asyncio.LimitOverrunError):
            pass
        finally:
            self._open.discard(writer)
            writer.close()

    async def _one(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        head = await reader.readuntil(b"\r\n\r\n")
        first, *lines = head.decode("latin-1").split("\r\n")
        headers = {
            name.lower(): value.strip() for name, _, value in (x.partition(":") for x in lines)
        }
        body = await reader.readexactly(int(headers.get("content-length", 0)))
        method, path = first.split(" ")[:2]
        self.asked[path] += 1
        if path == "/openapi.json":
            return await self._say(writer, 200, DOCUMENT)
        if method != "POST":
            status = 200 if self.ready or path != "/readyz" else 503
            return await self._say(writer, status, {}, no_body=method == "HEAD")
        self.heard += 1
        its_turn = self.heard > self.after and self.heard % self.every == 0
        does = self.does if its_turn else None
        if does == "hang":
            await asyncio.sleep(3600)
        if does == "lost":
            return False
        if does == "half":
            writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\n{")
            return False
        status = {"broken": 500, "busy": 429, "bad": 422}.get(does or "", 200)
        answer: Any = {"detail": does}
        if status == 200:
            try:
                answer = _answer(path, json.loads(body), does)
            except (ValueError, LookupError, TypeError, AttributeError):
                status = 422
        return await self._say(writer, status, answer, last=does == "last")

    async def _say(
        self,
        writer: asyncio.StreamWriter,
        status: int,
        answer: Any,
        *,
        no_body: bool = False,
        last: bool = False,
    ) -> bool:
        content = json.dumps(answer).encode()
        close = "connection: close\r\n" if last else ""
        head = f"HTTP/1.1 {status} X\r\n{close}content-length: {len(content)}\r\n\r\n"
        writer.write(head.encode() + (b"" if no_body else content))
        await writer.drain()
        return not last


def _answer(path: str, asked: Any, does: str | None) -> Any:
    inputs = asked["inputs"]
    if "infer" in path:
        inputs = inputs[0]["data"]
    elif path.startswith("/tei"):
        inputs = [each[0] for each in inputs]
    texts = [inputs] if isinstance(inputs, str) else inputs
    said = [scores(text) for text in texts]
    if does == "wrong":
        said = [{"positive": one["negative"], "negative": one["positive"]} for one in said]
    if does == "off":
        said = [{name: score - 2e-5 for name, score in one.items()} for one in said]
    ranked = [sorted(one.items(), key=lambda pair: -pair[1]) for one in said]
    if "infer" in path:
        outputs = {"label": [one[0][0] for one in ranked], "score": [one[0][1] for one in ranked]}
        return {"outputs": [{"name": name, "data": data} for name, data in outputs.items()]}
    if path == "/predict":
        return {
            "predictions": [
                {"label": one[0][0], "score": one[0][1], "scores": dict(one), "version": 1}
                for one in ranked
            ]
        }
    return [[{"label": label, "score": score} for label, score in one] for one in ranked]


async def _main(port: int) -> None:
    does, every, after = (os.environ.get("FAKE_DOES", "") + "::").split(":")[:3]
    await FakeService(does or None, int(every or 1), int(after or 0)).start(port)
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    await stop.wait()


if __name__ == "__main__":
    if "FAKE_DIES" in os.environ:
        sys.exit("no more memory")
    print(os.environ.get("FAKE_SAYS", "starting"), flush=True)  # noqa: T201  what is in its log
    asyncio.run(_main(int(sys.argv[sys.argv.index("--port") + 1])))
