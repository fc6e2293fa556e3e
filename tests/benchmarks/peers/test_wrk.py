"""What wrk says is read rightly, and a real wrk says it."""

import json
import shutil
import threading
from http.server import ThreadingHTTPServer
from pathlib import Path

import pytest

from benchmarks.peers.errors import VisitFailed
from benchmarks.peers.wrk import parse, put_load
from tests.benchmarks.peers.builders import CORE
from tests.benchmarks.peers.fake_peer import Handler

OUTPUT = """Running 5s test @ http://127.0.0.1:8123/predict
  1 threads and 32 connections
  Thread Stats   Avg      Stdev     Max   +/- Stdev
    Latency    23.18ms    4.02ms  61.20ms   84.10%
    Req/Sec     1.38k    92.11     1.51k    74.00%
  Latency Distribution
     50%   22.41ms
     75%   24.02ms
     90%   27.90ms
     99%   38.77ms
  6890 requests in 5.00s, 2.01MB read
  Socket errors: connect 0, read 2, write 1, timeout 4
  Non-2xx or 3xx responses: 3
Requests/sec:   1377.02
Transfer/sec:    411.67KB

FIGURES {"requests": 6890, "microseconds": 5003558, "p50_us": 22410.0, "p99_us": 38770.0, \
"max_us": 61200.0, "connect": 0, "read": 2, "write": 1, "timeout": 4, "status": 3}
"""


def test_figures_are_read() -> None:
    """Rates are per second, times in milliseconds, and every kind of failure counts."""
    load = parse(OUTPUT, 32)
    assert (load.connections, load.requests, load.seconds) == (32, 6890, 5.004)
    assert load.requests_per_second == pytest.approx(6890 / 5.003558, abs=0.01)
    assert (load.p50_ms, load.p99_ms, load.max_ms) == (22.41, 38.77, 61.2)
    assert (load.refused, load.socket_errors, load.timeouts, load.failures) == (3, 3, 4, 10)


@pytest.mark.parametrize(
    "output", ["", "unable to connect", 'FIGURES {"requests": 1}', "FIGURES {"]
)
def test_output_without_figures_is_a_failure(output: str) -> None:
    """A wrk that broke off gives no figures, and no zeros either."""
    with pytest.raises(VisitFailed, match="no figures"):
        parse(output, 1)


@pytest.mark.skipif(shutil.which("wrk") is None, reason="wrk is not installed")
def test_real_wrk_sends_each_body_in_turn(tmp_path: Path) -> None:
    """The script makes wrk post all bodies, in their order, and say what it saw."""
    asked: list[str] = []

    class Listener(Handler):
        """Keeps what it is asked."""

        def do_POST(self) -> None:  # noqa: N802  the base class names it
            """Adds one text."""
            body = self.rfile.read(int(self.headers["content-length"]))
            asked.append(json.loads(body)["text"])
            self.send_response(200 if asked[-1] != "refuse me" else 503)
            self.send_header("content-length", "2")
            self.end_headers()
            self.wfile.write(b"{}")

    texts = ['a "quoted" one', "naïve über", "refuse me"]
    bodies = tmp_path / "bodies.jsonl"
    bodies.write_text("".join(json.dumps({"text": text}) + "\n" for text in texts))
    with ThreadingHTTPServer(("127.0.0.1", 0), Listener) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        load = put_load(f"http://127.0.0.1:{server.server_port}/", bodies, 1, 1, CORE)
        server.shutdown()
        thread.join()
    # wrk asks for one request of its own, to see that the script makes any.
    first = texts.index(asked[0])
    assert asked == [texts[(first + at) % 3] for at in range(len(asked))]
    assert len(asked) - 1 <= load.requests <= len(asked)
    assert load.requests // 3 <= load.refused <= load.requests // 3 + 1
    assert load.p50_ms <= load.p99_ms <= load.max_ms
