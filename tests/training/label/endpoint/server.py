"""A server of this machine that speaks as OpenAI's does, and fails as it is told to."""

import json
import math
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

GOOD = ("good", "great", "fine", "superb", "moving", "funny", "clever", "warm")
KEY = "sk-secret-of-the-tests"


@dataclass
class Fault:
    """What goes wrong with a request: a status and head, or an answer cut short."""

    status: int = 200
    head: dict[str, str] = field(default_factory=dict)
    body: bytes | None = None
    cut: bool = False


@dataclass
class Endpoint:
    """The server's mind: what it was asked, and what it does with the next requests."""

    url: str = ""
    faults: list[Fault] = field(default_factory=list)
    seen: list[dict[str, Any]] = field(default_factory=list)
    keys: set[str] = field(default_factory=set)
    logprobs: bool = True
    says: Callable[[str, int], dict[str, float]] | None = None
    lock: threading.Lock = field(default_factory=threading.Lock)

    def tokens(self, asked: str, draw: int) -> dict[str, float]:
        """The probabilities of an answer's first token."""
        if self.says is not None:
            return self.says(asked, draw)
        text = asked.rsplit("Text:", 1)[-1]
        sure = 0.9 if any(word in text for word in GOOD) else 0.1
        return {" positive": sure * 0.9, "positive": sure * 0.05, " Negative": (1 - sure) * 0.95}

    def answered(self, asked: dict[str, Any], *, chat: bool) -> dict[str, Any]:
        """The whole answer to a request."""
        prompt = asked["messages"][-1]["content"] if chat else asked["prompt"]
        shares = self.tokens(prompt, asked.get("seed", 0))
        said = max(shares, key=lambda token: shares[token])
        top = {token: math.log(share) for token, share in shares.items() if share}
        choice: dict[str, Any] = {"index": 0, "finish_reason": "length", "logprobs": None}
        if chat:
            choice["message"] = {"role": "assistant", "content": said}
        else:
            choice["text"] = said
        if self.logprobs and asked.get("logprobs"):
            listed = [{"token": token, "logprob": log, "bytes": None} for token, log in top.items()]
            choice["logprobs"] = (
                {"content": [{**listed[0], "top_logprobs": listed}]}
                if chat
                else {"top_logprobs": [top], "tokens": [said], "token_logprobs": [0.0]}
            )
        return {
            "id": "1",
            "object": "chat.completion" if chat else "text_completion",
            "created": 1,
            "model": asked["model"],
            "choices": [choice],
        }


@contextmanager
def serving() -> Iterator[Endpoint]:
    """A server while the context lasts."""
    mind = Endpoint()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            with mind.lock:
                mind.seen.append(asked)
                mind.keys.add(self.headers.get("Authorization", ""))
                fault = mind.faults.pop(0) if mind.faults else Fault()
            body = fault.body
            if body is None:
                body = json.dumps(mind.answered(asked, chat="messages" in asked)).encode()
            self.send_response(fault.status)
            for name, value in fault.head.items():
                self.send_header(name, value)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body[: len(body) // 2] if fault.cut else body)
            self.close_connection = fault.cut

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002  theirs
            """Says nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    mind.url = f"http://127.0.0.1:{server.server_port}/v1"
    try:
        yield mind
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
