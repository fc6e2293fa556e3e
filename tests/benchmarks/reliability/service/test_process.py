"""The service is a process: its end, its errors and its memory are seen, and nothing stays."""

import signal
from collections.abc import Mapping
from pathlib import Path

import psutil
import pytest

from benchmarks.reliability.errors import ServiceFailed
from benchmarks.reliability.service.process import Launch, serving
from tests.benchmarks.growth.builders import MODELS, service_command
from tests.benchmarks.peers.builders import CORE

FAKE = "-m tests.benchmarks.reliability.fake_service"


def launch(directory: Path, settings: Mapping[str, str] | None = None) -> Launch:
    """The fake service."""
    return Launch(service_command(directory / "bin", FAKE), MODELS, CORE, settings or {})


def test_it_runs_and_goes(tmp_path: Path) -> None:
    """It is ready when the block begins, and gone when it ends."""
    with serving(launch(tmp_path)) as service:
        assert service.alive
        assert service.rss_mb() > 5
        assert service.cpu_seconds() > 0
        assert service.wait(0) is None
        main = service.main
        assert main.cpu_affinity() == [CORE]
    assert not psutil.pid_exists(main.pid)
    assert not service.alive
    assert service.processes() == []


def test_it_is_told_to_stop(tmp_path: Path) -> None:
    """And says how it ended."""
    with serving(launch(tmp_path)) as service:
        service.tell(signal.SIGTERM)
        assert service.wait(30) == 0


@pytest.mark.parametrize(
    ("said", "errors", "tracebacks"),
    [
        ("starting", 0, 0),
        ('{"level": "error", "message": "x"}', 1, 0),
        ('{"level": "warning", "message": "error"}', 0, 0),
        ("Traceback (most recent call last):", 1, 1),
        ("Fatal Python error: Bus error", 1, 0),
        ('{"level": "error"', 0, 0),
    ],
)
def test_errors_in_the_log(said: str, errors: int, tracebacks: int, tmp_path: Path) -> None:
    """Lines of that level, and tracebacks, whoever wrote them."""
    with serving(launch(tmp_path, {"FAKE_SAYS": said})) as service:
        assert len(service.errors()) == errors
        assert service.tracebacks() == tracebacks


def test_one_that_dies_is_told_of(tmp_path: Path) -> None:
    """With its last words."""
    with (
        pytest.raises(ServiceFailed, match=r"(?s)the service ended.*no more memory"),
        serving(launch(tmp_path, {"FAKE_DIES": "1"})),
    ):
        pass


def test_one_that_is_not_there() -> None:
    """And where to get it."""
    missing = Launch(Path("/nowhere/stillhouse"), MODELS, CORE)
    with pytest.raises(ServiceFailed, match=r"make \.venv/installed"), serving(missing):
        pass
