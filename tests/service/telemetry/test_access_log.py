"""A line for each request."""

import io
import json
import logging
import sys
from collections.abc import Iterator

import pytest

from service.telemetry.access_log import ACCESS, AccessLog
from service.telemetry.record import NO_ROUTE
from service.telemetry.telemetry import Telemetry
from tests.service.telemetry.builders import answer, failed, record


@pytest.fixture(autouse=True)
def level() -> Iterator[None]:
    """INFO, as the service sets it."""
    before = ACCESS.level
    ACCESS.setLevel(logging.INFO)
    yield
    ACCESS.setLevel(before)


def test_answered_request_has_a_line(capsys: pytest.CaptureFixture[str]) -> None:
    """With all that an operator looks for, and without its texts."""
    AccessLog(wanted=True).write(record([answer()]), "0af7651916cd43dd8448eb211c80319c")
    (line,) = capsys.readouterr().err.splitlines()
    assert json.loads(line) == {
        "timestamp": "2027-01-15T08:00:00.500000Z",
        "level": "info",
        "logger": "service.access",
        "message": "request",
        "request_id": "abc",
        "method": "POST",
        "path": "/predict",
        "status": 200,
        "ms": 2000.0,
        "model": "student",
        "trace_id": "0af7651916cd43dd8448eb211c80319c",
    }


def test_degraded_answers_are_counted_in_their_line(capsys: pytest.CaptureFixture[str]) -> None:
    """Where there are any."""
    log = AccessLog(wanted=True)
    log.write(record([answer(degraded=mark) for mark in (True, False, True)]), None)
    log.write(record([answer(degraded=False), answer()]), None)
    some, none = (json.loads(line) for line in capsys.readouterr().err.splitlines())
    assert some["degraded"] == 2
    assert "degraded" not in none


def test_failed_request_says_what_failed(capsys: pytest.CaptureFixture[str]) -> None:
    """And a request that is no prediction names no model."""
    log = AccessLog(wanted=True)
    log.write(failed(499, "ClientGone"), None)
    log.write(record(predicts=False, path="/livez", route=NO_ROUTE), None)
    left, alive = (json.loads(line) for line in capsys.readouterr().err.splitlines())
    assert (left["status"], left["error"], left["model"]) == (499, "ClientGone", "student")
    assert not {"model", "error", "trace_id", "texts"} & alive.keys()


@pytest.mark.parametrize("wanted", [True, False])
def test_texts_are_logged_where_they_are_wanted(
    wanted: bool, capsys: pytest.CaptureFixture[str]
) -> None:
    """Whatever is in them, on one line; so also where other requests have no line."""
    texts = ["two\nlines", "half a \ud800 pair", "ä\u2028"]
    log = AccessLog(wanted)
    log.write(record(texts=texts), None)
    log.write(record(), None)
    lines = capsys.readouterr().err.split("\n")
    assert json.loads(lines[0])["texts"] == texts
    assert len(lines) == 2 + wanted  # the last is empty


def test_level_above_info_has_no_lines(capsys: pytest.CaptureFixture[str]) -> None:
    """As of any other log."""
    ACCESS.setLevel(logging.WARNING)
    AccessLog(wanted=True).write(record(), None)
    assert capsys.readouterr().err == ""


def test_stream_that_is_gone_is_no_error(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever read the log has ended."""
    stderr = io.StringIO()
    monkeypatch.setattr(sys, "stderr", stderr)
    stderr.close()
    AccessLog(wanted=True).write(record(), None)


def test_line_has_the_callers_trace(capsys: pytest.CaptureFixture[str]) -> None:
    """Also where the service itself records no traces; what is malformed is no trace."""
    trace = "0af7651916cd43dd8448eb211c80319c"
    found = Telemetry(access_log=True, otlp_endpoint=None)
    headers = [f"00-{trace}-b7ad6b7169203331-01", "00-secret-b7ad6b7169203331-01", None]
    found._waiting += [record(traceparent=header) for header in headers]
    found.catch_up()
    lines = [json.loads(line) for line in capsys.readouterr().err.splitlines()]
    assert [line.get("trace_id") for line in lines] == [trace, None, None]
