"""A line for each request."""

import io
import json
import logging
import sys
from collections.abc import Iterator

import pytest

from service.telemetry.logs import ACCESS
from tests.service.test_security import Connect


@pytest.fixture(autouse=True)
def level() -> Iterator[None]:
    """INFO, as the service sets it."""
    before = ACCESS.level
    ACCESS.setLevel(logging.INFO)
    yield
    ACCESS.setLevel(before)


def test_each_request_gets_a_line(connect: Connect, capsys: pytest.CaptureFixture[str]) -> None:
    """Of answers and refusals alike, one JSON object each, and never the text."""
    client = connect(access_log=True)
    client.post("/predict", json={"inputs": "good"}, headers={"X-Request-Id": "mine"})
    client.post("/predict", json={"inputs": ""})
    first, second = (json.loads(line) for line in capsys.readouterr().err.splitlines())
    assert (
        first.items()
        >= {
            "request_id": "mine",
            "method": "POST",
            "path": "/predict",
            "status": 200,
            "level": "info",
            "logger": "service.access",
            "message": "request",
        }.items()
    )
    assert first["ms"] > 0
    assert first["timestamp"].endswith("Z")
    assert second["status"] == 422


def test_level_above_info_has_no_lines(
    connect: Connect, capsys: pytest.CaptureFixture[str]
) -> None:
    """As of any other log."""
    ACCESS.setLevel(logging.WARNING)
    connect(access_log=True).post("/predict", json={"inputs": "good"})
    assert capsys.readouterr().err == ""


def test_stream_that_is_gone_fails_no_request(
    connect: Connect, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever read the log has ended."""
    stderr = io.StringIO()
    monkeypatch.setattr(sys, "stderr", stderr)
    client = connect(access_log=True)
    stderr.close()
    assert client.post("/predict", json={"inputs": "good"}).status_code == 200
