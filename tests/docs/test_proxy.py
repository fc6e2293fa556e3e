"""The nginx.conf of "Proxy and TLS" is one, and keeps its connections to the service open."""

import shutil
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from fnmatch import fnmatch
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import httpx2
import pytest

from tests.docs.blocks import blocks
from tests.docs.clone import ROOT, free_port

PAGE = ROOT / "docs" / "how-to" / "proxy.md"

CLOSED = (
    "/metrics",
    "/admin/reload",
    "/v2/repository/models/student/load",
    "/v2/repository/models/student/unload",
)

needs_nginx = pytest.mark.skipif(shutil.which("nginx") is None, reason="needs Debian's nginx")


class Service(BaseHTTPRequestHandler):
    """Answers as the service does: HTTP/1.1, connections kept."""

    protocol_version = "HTTP/1.1"
    connections: set[int]

    def do_GET(self) -> None:
        """Keeps from which port it was asked, and with which request id."""
        self.connections.add(self.client_address[1])
        said = self.headers.get("X-Request-Id", "").encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(said)))
        self.end_headers()
        self.wfile.write(said)

    def log_message(self, *_: object) -> None:
        """Says nothing."""


@contextmanager
def service(connections: set[int]) -> Iterator[int]:
    """A stand-in for the service, and its port."""
    handler = type("Counting", (Service,), {"connections": connections})
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield server.server_port
        finally:
            server.shutdown()
            thread.join()


@needs_nginx
def test_connections_to_the_service_are_kept(tmp_path: Path) -> None:
    """Requests of several clients go over one connection; operators' paths are closed."""
    (config,) = [
        block.text
        for block in blocks(PAGE.read_text(encoding="utf-8"))
        if block.mark == "file: proxy/nginx.conf"
    ]
    port = free_port()
    connections: set[int] = set()
    with service(connections) as behind:
        written = config.replace("127.0.0.1:8000", f"127.0.0.1:{behind}")
        written = written.replace("listen 8080;", f"listen 127.0.0.1:{port};")
        written = written.replace("worker_processes auto;", "worker_processes 1;\ndaemon off;")
        assert written.count(str(behind)) == written.count(f":{port};") == 1
        (tmp_path / "nginx.conf").write_text(written)
        command = ["nginx", "-p", f"{tmp_path}/", "-c", "nginx.conf"]
        tested = subprocess.run([*command, "-t"], capture_output=True, text=True, check=False)
        assert tested.returncode == 0, tested.stderr
        nginx = subprocess.Popen(command, stderr=subprocess.DEVNULL)
        try:
            while True:
                assert nginx.poll() is None
                try:
                    httpx2.get(f"http://127.0.0.1:{port}/livez")
                    break
                except httpx2.TransportError:
                    time.sleep(0.05)
            answers = [httpx2.get(f"http://127.0.0.1:{port}/predict") for _ in range(5)]
            closed = [httpx2.get(f"http://127.0.0.1:{port}{path}") for path in CLOSED]
        finally:
            nginx.terminate()
            nginx.wait()
    assert {answer.status_code for answer in answers} == {200}
    assert len({answer.text for answer in answers}) == 5  # each with an id of its own
    assert {answer.status_code for answer in closed} == {403}
    assert len(connections) == 1


def test_caddy_closes_the_same_paths() -> None:
    """By the one line that says which."""
    (config,) = [
        block.text
        for block in blocks(PAGE.read_text(encoding="utf-8"))
        if block.mark == "file: proxy/Caddyfile"
    ]
    (line,) = [line for line in config.splitlines() if "@inside path" in line]
    patterns = line.split()[2:]
    for path in CLOSED:
        assert any(fnmatch(path, pattern) for pattern in patterns), path
    assert not any(fnmatch("/v2/repository/index", pattern) for pattern in patterns)
