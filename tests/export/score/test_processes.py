"""The processes of `stillhouse score`: none outlives the command, and one that dies is told."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from export.errors import ExportError
from export.score import scoring
from export.score.chunk import Chunk
from export.score.scoring import Order, score
from tests.export.score.files import write

TEXTS = ["good", "bad film", "good good film", "fine"] * 10
WAIT = 60.0  # seconds at most, of a busy machine


def order(tmp_path: Path, models: Path) -> Order:
    """Two processes, few rows each."""
    source = write(tmp_path / "in.csv", [{"text": text} for text in TEXTS])
    output = tmp_path / "out.csv"
    return Order(models, "teacher", [str(source)], output, rows=5, processes=2)


def test_a_process_that_dies_is_told(
    tmp_path: Path, models: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As the system kills one where memory is short; what is done is kept."""
    monkeypatch.setattr(scoring, "_answer_there", _die)
    with pytest.raises(ExportError, match="fewer --processes; the same command goes on"):
        score(order(tmp_path, models))
    monkeypatch.undo()
    assert score(order(tmp_path, models)).scored == len(TEXTS)


def _die(_part: Path, _chunk: Chunk) -> None:
    os.kill(os.getpid(), signal.SIGKILL)


@pytest.mark.skipif(not Path("/proc/self/task").exists(), reason="children are told by Linux")
@pytest.mark.parametrize("sent", [signal.SIGTERM, signal.SIGKILL])
def test_none_outlives_the_command(tmp_path: Path, models: Path, sent: signal.Signals) -> None:
    """A supervisor stops the command alone, and its processes go with it."""
    source = write(tmp_path / "in.csv", [{"text": text} for text in TEXTS * 2000])
    output = tmp_path / "out.csv"
    command = [sys.executable, "-c", "from cli import run; run()", "score", "--models", models]
    options = ["--model", "teacher", "--input", source, "--output", output]
    processes = ["--processes", "2", "--chunk-rows", "100"]
    with subprocess.Popen(
        list(map(str, [*command, *options, *processes])), stderr=subprocess.DEVNULL
    ) as running:
        parts = tmp_path / "out.csv.parts"
        wait_for(lambda: any(parts.glob("*.parquet")))
        started = children(running.pid)
        assert len(started) >= 2
        running.send_signal(sent)
        running.wait(WAIT)
    assert not output.exists()
    wait_for(lambda: not any(map(is_running, started)))


def children(pid: int) -> list[int]:
    """The processes that one has begun, which are not its threads'."""
    found = (one.read_text() for one in Path(f"/proc/{pid}/task").glob("*/children"))
    return [int(child) for one in found for child in one.split()]


def is_running(pid: int) -> bool:
    """Whether it is, and has not merely been left unburied."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def wait_for(holds: Callable[[], bool]) -> None:
    """Until it does."""
    end = time.monotonic() + WAIT
    while not holds():
        assert time.monotonic() < end
        time.sleep(0.05)
