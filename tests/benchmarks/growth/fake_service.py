"""A service of the tests' own making: no model, the wire of `POST /predict`.

    python fake_service.py serve --models MODELS --port PORT

FAKE_REFUSES is a word: a request that has it gets status 503. FAKE_TELLS is a file, to which it
writes its environment as JSON.
"""

import json
import os
import sys
from http.server import ThreadingHTTPServer
from pathlib import Path

from tests.benchmarks.peers.fake_peer import Handler


class Service(Handler):
    """Answers every POST, with the settings that it was started with."""

    def do_POST(self) -> None:  # noqa: N802  the base class names it
        """The same label for any text."""
        asked = self.rfile.read(int(self.headers["content-length"])).decode()
        refused = os.environ.get("FAKE_REFUSES")
        content = json.dumps({"predictions": [{"label": "positive"}]}).encode()
        self.send_response(503 if refused and refused in asked else 200)
        self.send_header("content-length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)


if __name__ == "__main__":
    if "FAKE_TELLS" in os.environ:
        Path(os.environ["FAKE_TELLS"]).write_text(json.dumps(dict(os.environ)), encoding="utf-8")
    port = int(sys.argv[sys.argv.index("--port") + 1])
    ThreadingHTTPServer(("127.0.0.1", port), Service).serve_forever()
