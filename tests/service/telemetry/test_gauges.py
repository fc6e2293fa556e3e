"""How versions are: only those there are now, in one process and over several."""

import json
import os
import subprocess
import sys
import tomllib
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
import tomli_w
from fastapi.testclient import TestClient

from service.telemetry.gauges import SHARED_FOLDER, VersionGauge, mark_dead
from service.telemetry.metrics import Metrics
from tests.service.builders import publish_tiny, write_cascade
from tests.service.telemetry.builders import value
from tests.service.telemetry.worker import END

ROOT = Path(__file__).parents[3]
RESIDENT = "process_resident_memory_bytes"
READY = VersionGauge("student", 1, "ready", 3)


def depth(text: bytes, version: int = 1) -> float | None:
    """Texts that wait for a version of the student."""
    return value(text, "queue_depth", model="student", version=version)


def processes(text: bytes, state: str = "ready", version: int = 1) -> float | None:
    """In how many processes a version of the student is in a state."""
    return value(text, "version_state", model="student", version=version, state=state)


def test_gauges_are_those_told_last() -> None:
    """A version that slept, was unloaded or replaced leaves no value behind."""
    metrics = Metrics()
    metrics.gauges.tell([READY, VersionGauge("teacher", 7, "loading", 0)])
    text = metrics.text()
    assert (depth(text), processes(text)) == (3, 1)
    assert value(text, "version_state", model="teacher", version=7, state="loading") == 1
    metrics.gauges.tell([VersionGauge("student", 1, "asleep", 0), READY._replace(version=2)])
    text = metrics.text()
    assert (depth(text), processes(text), processes(text, "asleep")) == (0, None, 1)
    assert (depth(text, 2), processes(text, version=2)) == (3, 1)
    assert b"teacher" not in text
    metrics.gauges.tell([])
    assert b"student" not in metrics.text()


def test_what_cascades_expect_is_that_of_the_routes_now() -> None:
    """A cascade that was taken out or fitted again leaves no value behind."""
    metrics = Metrics()
    metrics.gauges.tell([READY], {("auto", "student"): 0.125})
    assert value(metrics.text(), "fitted_share", model="auto", by="student") == 0.125
    metrics.gauges.tell([READY])
    assert value(metrics.text(), "fitted_share", model="auto", by="student") is None


def test_each_model_of_a_cascade_has_the_share_it_is_to_answer(
    models: Path, connect: Callable[..., TestClient]
) -> None:
    """Of a chain of three also the second: what goes on from it is what it does not answer."""
    publish_tiny(models, "nano")
    write_cascade(models, chain=("nano", "student", "teacher"))
    routes = tomllib.loads((models / "routes.toml").read_text())
    hops = routes["cascade"]["auto"]["hops"]
    hops[0]["escalated"], hops[1]["escalated"] = 0.5, 0.125
    (models / "routes.toml").write_text(tomli_w.dumps(routes))
    text = connect().get("/metrics").content
    for by, share in {"nano": 0.5, "student": 0.375, "teacher": 0.125}.items():
        assert value(text, "fitted_share", model="auto", by=by) == share


class Worker:
    """One of several workers."""

    def __init__(self, folder: Path) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-m", "tests.service.telemetry.worker"],
            cwd=ROOT,
            env={**os.environ, SHARED_FOLDER: str(folder)},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def metrics(self, gauges: Sequence[Any]) -> bytes:
        """What it says, after it was told how its versions are."""
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write(json.dumps(gauges) + "\n")
        self.process.stdin.flush()
        said = ""
        while line := self.process.stdout.readline():
            if line == f"{END}\n":
                return said.encode()
            said += line
        raise AssertionError("the worker has ended")

    def kill(self) -> None:
        """Ends it without a word."""
        self.process.kill()
        self.process.communicate()


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """What the workers share, and know to share."""
    monkeypatch.setenv(SHARED_FOLDER, str(tmp_path))
    return tmp_path


@pytest.fixture
def workers(folder: Path) -> Iterator[tuple[Worker, Worker]]:
    """Two that share a folder."""
    pair = Worker(folder), Worker(folder)
    yield pair
    for worker in pair:
        worker.kill()


def test_one_worker_speaks_for_all_that_live(workers: tuple[Worker, Worker]) -> None:
    """Counts are added up and stay; what a dead worker said of its versions goes with it."""
    one, other = workers
    other.metrics([READY, READY._replace(version=2, state="loading", depth=0)])
    text = one.metrics([READY])
    assert (depth(text), processes(text), processes(text, "loading", 2)) == (6, 2, 1)
    assert value(text, "requests_total", model="student", status=200) == 2
    other.metrics([])
    text = one.metrics([READY])
    assert (depth(text), processes(text), processes(text, "loading", 2)) == (3, 1, None)
    other.metrics([READY])
    other.kill()
    mark_dead(other.process.pid)
    text = one.metrics([READY])
    assert (depth(text), processes(text)) == (3, 1)
    assert value(text, "requests_total", model="student", status=200) == 2


def resident(text: bytes) -> float:
    """Bytes in memory that are told."""
    (line,) = (one for one in text.decode().splitlines() if one.startswith(f"{RESIDENT} "))
    return float(line.split()[1])


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="no /proc to read")
def test_memory_and_cpu_are_those_of_all_workers(workers: tuple[Worker, Worker]) -> None:
    """Of several workers their sum, of those that live."""
    one, other = workers
    alone = resident(one.metrics([READY]))
    assert 10e6 < alone < 1e9
    other.metrics([READY])
    text = one.metrics([READY])
    assert resident(text) > 1.5 * alone
    assert b"\nprocess_cpu_seconds_total " in text
    other.kill()
    mark_dead(other.process.pid)
    assert resident(one.metrics([READY])) < 1.5 * alone


def counted(text: bytes, name: str) -> float:
    """A figure of the processes together."""
    (line,) = (one for one in text.decode().splitlines() if one.startswith(f"{name} "))
    return float(line.split()[1])


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="no /proc to read")
def test_what_a_dead_worker_took_stays_counted(workers: tuple[Worker, Worker]) -> None:
    """A counter that falls would be taken for one that began again, and its sum for new work."""
    one, other = workers
    other.metrics([READY])
    before = one.metrics([READY])
    other.kill()
    mark_dead(other.process.pid)
    for _ in range(2):
        after = one.metrics([READY])
        for name in ("process_cpu_seconds_total", "process_start_time_seconds"):
            assert counted(after, name) >= counted(before, name)


def test_worker_that_cannot_write_still_speaks(workers: tuple[Worker, Worker]) -> None:
    """What is said where no file can be is told all the same, of the process that is asked."""
    one, other = workers
    other.metrics([READY])
    one.metrics([])
    assert one.process.pid != other.process.pid
    folder = Path(os.environ[SHARED_FOLDER])
    (folder / f"versions_{one.process.pid}.json").unlink()
    (folder / f"versions_{one.process.pid}.tmp").mkdir()
    text = one.metrics([READY])
    assert (depth(text), processes(text)) == (6, 2)


@pytest.mark.usefixtures("folder")
def test_worker_that_never_spoke_can_be_dead() -> None:
    """It ended before it had loaded anything."""
    mark_dead(999_999_999)
