"""The process's log: one form, whatever fails, and nothing in it that a client sent."""

import contextlib
import json
import logging
import os
import signal
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from service.errors import RepositoryError, UnknownModel
from service.telemetry import logs
from tests.service.telemetry.failures import SECRET, WAYS
from tests.service.telemetry.leaking import READY

ROOT = Path(__file__).parents[3]


def run(way: str) -> list[dict[str, Any]]:
    """The lines that a process logs which fails in a way; all it says is there."""
    done = subprocess.run(
        [sys.executable, "-m", "tests.service.telemetry.failures", way],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert SECRET not in done.stdout + done.stderr
    return [json.loads(line) for line in done.stderr.splitlines()]


def test_every_way_to_fail_is_in_the_one_form_and_says_no_secret() -> None:
    """Each line is JSON with time, level and logger, in whatever way the process fails."""
    for way in WAYS:
        hello, *lines = run(way)
        assert lines, way
        for line in (hello, *lines):
            assert {"timestamp", "level", "logger", "message"} <= line.keys(), way
        plain = {"level": "info", "logger": "library", "message": "hello"}
        assert {name: of for name, of in hello.items() if name != "timestamp"} == plain
        assert "not said" not in [line["message"] for line in lines]


def test_exception_tells_its_kind_its_way_and_its_causes() -> None:
    """As much as finds the fault, and no value."""
    _, line = run("logged")
    exception = line["exception"]
    assert (exception["type"], exception["cause"]["type"]) == ("ValueError", "KeyError")
    assert [frame.split()[-1] for frame in exception["frames"]] == ["logged", "fail"]
    path, number = exception["frames"][-1].split()[0].rsplit(":", 1)
    assert "raise ValueError" in Path(path).read_text().splitlines()[int(number) - 1]
    assert exception.keys() == {"type", "frames", "cause"}
    _, line = run("grouped")
    assert [each.get("message") for each in line["exception"]["exceptions"]] == [
        None,
        "student/1: it is gone",
    ]


def test_what_nobody_caught_has_a_line() -> None:
    """A thread's death names it, and what the event loop drops is told with its exception."""
    assert run("thread")[1]["thread_name"] == "student@1"
    for way in ("loop", "fast_loop"):
        lines = run(way)[1:]
        assert len(lines) == 4
        assert {line["exception"]["type"] for line in lines} == {"ValueError"}
    assert run("uncaught")[1]["level"] == "critical"


@pytest.mark.parametrize(
    ("error", "message"),
    [
        (RepositoryError("student/1: no manifest"), "student/1: no manifest"),
        (OSError(28, "No space left on device"), "[Errno 28] No space left on device"),
        (UnknownModel(SECRET), None),
        (RuntimeError(SECRET), None),
    ],
)
def test_only_errors_without_words_of_a_client_speak(error: Exception, message: str | None) -> None:
    """Ours and the system's; of the others their kind must do."""
    assert logs.describe(error).get("message") == message


def test_onnxruntime_speaks() -> None:
    """Its messages are of shapes and nodes."""

    class Fail(Exception):
        """As onnxruntime's are."""

        __module__ = "onnxruntime.capi.onnxruntime_pybind11_state"

    assert logs.describe(Fail("Got invalid dimensions"))["message"] == "Got invalid dimensions"


def test_causes_that_go_in_a_circle_end() -> None:
    """And endless recursion has as many frames as a reader needs."""

    def recurse() -> None:
        recurse()

    one, other = ValueError(), ValueError()
    one.__cause__, other.__cause__ = other, one
    assert logs.describe(one)
    with pytest.raises(RecursionError) as caught:
        recurse()
    assert len(logs.describe(caught.value)["frames"]) == logs.MOST_FRAMES  # type: ignore[arg-type]


def test_lines_of_a_request_have_its_id() -> None:
    """Whoever logs while it is answered; outside of requests there is none."""
    formatter = logs.JsonFormatter()
    record = logging.makeLogRecord({"msg": "it failed", "levelno": 40, "levelname": "ERROR"})
    assert "request_id" not in json.loads(formatter.format(record))
    token = logs.request_id.set("abc")
    try:
        assert json.loads(formatter.format(record))["request_id"] == "abc"
        record.name = "asyncio"  # it speaks of a task that may be another request's
        assert "request_id" not in json.loads(formatter.format(record))
    finally:
        logs.request_id.reset(token)


HEAD = f"POST / HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer {SECRET}\r\n"
REQUESTS = {
    "handler": f"{HEAD}Content-Length: 9\r\n\r\n{SECRET}",
    "half a body": f"{HEAD}Content-Length: 99\r\n\r\n{SECRET}",
    "bad chunk": f"{HEAD}Transfer-Encoding: chunked\r\n\r\n9\r\n{SECRET}\r\nzz\r\n{SECRET}",
    "bad head": f"{HEAD}{SECRET}\r\n\r\n",
    "no HTTP": f"{SECRET}\r\n\r\n",
}


def test_server_that_fails_says_no_secret() -> None:
    """Nor do the server's own lines: of a client that leaves half-way, of bytes that are wrong."""
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.service.telemetry.leaking"],
        cwd=ROOT,
        env={**os.environ, "PYTHONUNBUFFERED": "1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        assert process.stdout is not None
        port = int(process.stdout.readline().removeprefix(READY))
        for sent in REQUESTS.values():
            with socket.create_connection(("127.0.0.1", port), timeout=30) as connection:
                connection.sendall(sent.encode())
                connection.shutdown(socket.SHUT_WR)
                with contextlib.suppress(ConnectionError):
                    while connection.recv(4096):
                        pass
        process.send_signal(signal.SIGTERM)
        _, said = process.communicate(timeout=60)
    finally:
        process.kill()
        process.wait()
    assert SECRET not in said
    lines = [json.loads(line) for line in said.splitlines()]
    failed = [line["exception"]["type"] for line in lines if "exception" in line]
    assert failed.count("ClientDisconnect") >= 1
    assert failed.count("ValueError") >= 1
    assert any("Invalid HTTP" in line["message"] for line in lines)
