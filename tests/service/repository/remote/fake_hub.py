"""A stand-in for the hub: one repository's files, as its API lists them and gives them out."""

import hashlib
import json
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import unquote, urlsplit

SHA = "0123456789abcdef0123456789abcdef01234567"


class FakeHub:
    """Serves `owner/repo` at the revision `main` out of a directory.

    Attributes:
        asked: methods and paths, in order.
    """

    def __init__(self, root: Path) -> None:
        self.root = root
        self.asked: list[tuple[str, str]] = []
        self.server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self.server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}"

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        hub = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def log_message(self, *_: object) -> None:
                """Says nothing."""

            def _answer(self) -> None:
                path = unquote(urlsplit(self.path).path)
                hub.asked.append((self.command, path))
                self.rfile.read(int(self.headers.get("content-length", 0)))
                if path.startswith("/api/models/owner/repo"):
                    self._say(200, json.dumps(hub.api(path)).encode())
                    return
                file = re.fullmatch(r"/owner/repo/resolve/[^/]+/(.+)", path)
                if file is None or not (hub.root / file[1]).is_file():
                    self._say(404, b"{}", {"X-Error-Code": "EntryNotFound"})
                    return
                content = (hub.root / file[1]).read_bytes()
                span = re.fullmatch(r"bytes=(\d+)-(\d+)", self.headers.get("range", ""))
                if span:
                    content = content[int(span[1]) : int(span[2]) + 1]
                self._say(206 if span else 200, content, {"ETag": f'"{_oid(hub.root / file[1])}"'})

            def _say(self, status: int, content: bytes, more: dict[str, str] | None = None) -> None:
                self.send_response(status)
                for name, value in {**(more or {}), "X-Repo-Commit": SHA}.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                if self.command != "HEAD":
                    self.wfile.write(content)

            do_GET = do_HEAD = do_POST = _answer  # noqa: N815

        return Handler

    def api(self, path: str) -> object:
        """A listing, or what the repository is."""
        if "/tree/" not in path:
            return {"id": "owner/repo", "sha": SHA, "siblings": [], "private": False}
        found: list[dict[str, object]] = []
        for one in sorted(self.root.rglob("*")):
            name = one.relative_to(self.root).as_posix()
            if one.is_dir():
                found.append({"type": "directory", "path": name, "oid": SHA, "size": 0})
            else:
                size = one.stat().st_size
                found.append({"type": "file", "path": name, "oid": _oid(one), "size": size})
        return found


def _oid(path: Path) -> str:
    return hashlib.sha1(path.read_bytes(), usedforsecurity=False).hexdigest()


@contextmanager
def fake_hub(root: Path) -> Iterator[FakeHub]:
    """A stand-in over a directory."""
    hub = FakeHub(root)
    thread = threading.Thread(target=hub.server.serve_forever, args=(0.05,), name="hub")
    thread.start()
    try:
        yield hub
    finally:
        hub.server.shutdown()
        thread.join(30)
        hub.server.server_close()
