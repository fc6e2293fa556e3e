"""A peer of the tests' own making, and a wrk: no model, no load, the same wire and words.

    python fake_peer.py PORT      serves `{"text"}` with a label: by what the text has in it
    python fake_peer.py wrk ...   asks once for each body, and says what texts.lua says

How it behaves is in its environment: FAKE_LABEL answers everything, FAKE_STATUS is the status of
every n-th answer as `n:status`, FAKE_CHILD starts a process in a session of its own and writes
its id there (and a file to FAKE_SCRATCH), FAKE_DIES ends it before it listens.
"""

import itertools
import json
import os
import subprocess
import sys
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.error import HTTPError
from urllib.request import Request, urlopen

ENVIRONMENT = os.environ
NUMBERS = itertools.count(1)


class Handler(BaseHTTPRequestHandler):
    """Answers every POST."""

    protocol_version = "HTTP/1.1"
    wbufsize = -1  # one packet an answer

    def do_POST(self) -> None:
        """A label for a text."""
        body = json.loads(self.rfile.read(int(self.headers["content-length"])))
        label = ENVIRONMENT.get("FAKE_LABEL") or (
            "positive" if "good" in body["text"] else "negative"
        )
        every, status = map(int, ENVIRONMENT.get("FAKE_STATUS", "0:200").split(":"))
        failing = every and next(NUMBERS) % every == 0
        content = json.dumps({"label": label}).encode()
        self.send_response(status if failing else 200)
        self.send_header("content-length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002  the base class names it
        """Says nothing."""


def serve(port: int) -> None:
    """Serves until it is ended."""
    print("starting", flush=True)  # noqa: T201  what ends up in its log
    if "FAKE_DIES" in ENVIRONMENT:
        sys.exit("no more memory")
    if "FAKE_CHILD" in ENVIRONMENT:
        Path(ENVIRONMENT["FAKE_SCRATCH"], "left").touch()
        child = subprocess.Popen(["sleep", "60"], start_new_session=True)  # noqa: S607  on PATH
        Path(ENVIRONMENT["FAKE_CHILD"]).write_text(str(child.pid), encoding="utf-8")
    ThreadingHTTPServer(("127.0.0.1", port), Handler).serve_forever()


def load(arguments: list[str]) -> None:
    """Asks for each body once."""
    if "--version" in arguments:
        print("wrk fake")  # noqa: T201  as wrk does
        return
    url, _, bodies = arguments[-3:]
    asked, refused, begun = 0, 0, time.perf_counter()
    for body in Path(bodies).read_text(encoding="utf-8").splitlines():
        request = Request(url, body.encode(), {"content-type": "application/json"})  # noqa: S310
        try:
            with urlopen(request):  # noqa: S310  our own address
                pass
        except HTTPError:
            refused += 1
        asked += 1
    took = (time.perf_counter() - begun) * 1e6
    figures = {"requests": asked, "microseconds": took, "p50_us": took / asked}
    figures |= {"p99_us": took, "max_us": took, "status": refused}
    figures |= dict.fromkeys(("connect", "read", "write", "timeout"), 0)
    print(f"FIGURES {json.dumps(figures)}")  # noqa: T201  as texts.lua does


if __name__ == "__main__":
    if sys.argv[1] == "wrk":
        load(sys.argv[2:])
    else:
        serve(int(sys.argv[1]))
