"""Stands between a client and a server on this machine, and does to answers what it is told."""

import http.client
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import urlsplit

PASSED = ("content-length", "transfer-encoding", "connection", "server", "date")


class Proxy:
    """A server that asks another.

    Attributes:
        url: its own.
        fault: of a request's method and path: `away`, `slow`, `cut`, `refused`, or None.
        asked: methods and paths, in order.
    """

    def __init__(self, target: str) -> None:
        self.fault: Callable[[str, str], str | None] = lambda *_: None
        self.asked: list[tuple[str, str]] = []
        self.target = urlsplit(target)
        self.server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self.server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}"

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        proxy = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def log_message(self, *_: object) -> None:
                """Says nothing."""

            def _pass(self) -> None:
                with suppress(OSError):  # whoever asked has left
                    self._answer()

            def _answer(self) -> None:
                body = self.rfile.read(int(self.headers.get("content-length", 0)))
                proxy.asked.append((self.command, self.path))
                fault = proxy.fault(self.command, self.path)
                self.close_connection = True
                if fault == "away":
                    return
                answer = proxy.ask(self.command, self.path, body, dict(self.headers))
                proxy.say(self, answer, fault)

            do_GET = do_PUT = do_HEAD = do_POST = do_DELETE = _pass  # noqa: N815

        return Handler

    def ask(self, method: str, path: str, body: bytes, headers: dict[str, str]) -> Any:
        """Status, headers and body of the server behind."""
        connection = http.client.HTTPConnection(self.target.netloc, timeout=30)
        try:
            connection.request(method, path, body, headers)
            answer = connection.getresponse()
            return answer.status, answer.getheaders(), answer.read()
        finally:
            connection.close()

    def say(self, handler: BaseHTTPRequestHandler, answer: Any, fault: str | None) -> None:
        """Answers, or does what is to be done to it."""
        status, headers, content = answer
        if fault == "refused":
            status, headers = 403, []
            content = b"<Error><Code>AccessDenied</Code><Message>Access Denied</Message></Error>"
        handler.send_response(status)
        for name, value in headers:
            if name.lower() not in PASSED:
                handler.send_header(name, value)
        length = str(len(content))
        if handler.command == "HEAD":  # whose answer has no body, whatever it says
            length = next((v for n, v in headers if n.lower() == "content-length"), "0")
            content = b""
        handler.send_header("Content-Length", length)
        handler.send_header("Connection", "close")
        handler.end_headers()
        if fault == "cut":
            content = content[: len(content) // 2]
        if fault == "slow":
            for at in range(len(content)):
                time.sleep(0.1)
                handler.wfile.write(content[at : at + 1])
                handler.wfile.flush()
        handler.wfile.write(b"" if fault == "slow" else content)


@contextmanager
def between(target: str) -> Iterator[Proxy]:
    """A proxy before the server at a URL."""
    proxy = Proxy(target)
    thread = threading.Thread(target=proxy.server.serve_forever, args=(0.05,), name="proxy")
    thread.start()
    try:
        yield proxy
    finally:
        proxy.server.shutdown()
        thread.join(30)
        proxy.server.server_close()
