"""`python -m benchmarks growth`, end to end: the real service under a fake wrk."""

from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from benchmarks.growth.cli import growth
from benchmarks.growth.results import read_run
from tests.benchmarks.growth.builders import MODELS, service_command
from tests.benchmarks.peers.builders import fake_wrk, free_port


def invoke(*arguments: str) -> Result:
    """Runs the command."""
    return CliRunner().invoke(growth, arguments)


def test_a_run_from_start_to_report(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The service answers, what it took is written down, and the report has it."""
    fake_wrk(tmp_path, monkeypatch)
    command = service_command(tmp_path / "bin", "-m cli")
    output = tmp_path / "growth.json"
    done = invoke(
        *("run", "--model", "nano", "--models", str(MODELS), "--dimensions", "cores"),
        *("--cores", "1", "--seconds", "1", "--warm-up", "1", "--rounds", "1"),
        *("--port", str(free_port()), "--stillhouse", str(command), "--output", str(output)),
    )
    assert done.exit_code == 0, done.output
    assert "nano: cores 1, processes 1, threads 1: " in done.output
    (visit,) = read_run(output).visits
    assert visit.failure is None
    assert visit.use is not None
    assert visit.use.loop_cpu > 0
    assert visit.use.client_cpu > 0
    assert visit.use.rss_mb >= visit.use.pss_mb > 10

    table, plot = tmp_path / "growth.md", tmp_path / "growth.svg"
    done = invoke("report", "--input", str(output), "--table", str(table), "--plot", str(plot))
    assert done.exit_code == 0, done.output
    assert "| nano | 1 | 1 | 1 |" in table.read_text(encoding="utf-8")
    assert plot.exists()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--dimensions", "cores,depth"], "no dimension is called 'depth': cores, lengths, batch"),
        (["--cores", "4096"], "4096 cores are not to be had, only"),
        (["--cores", "0"], "from 1 on"),
        (["--model", "nobody"], "has no model 'nobody'; there are: nano, student, teacher"),
        (["--stillhouse", "/nowhere/stillhouse"], "make .venv/installed"),
    ],
)
def test_what_is_missing_is_said(
    arguments: list[str], message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In one line, with what to do."""
    fake_wrk(tmp_path, monkeypatch)
    done = invoke(
        *("run", "--models", str(MODELS), "--output", str(tmp_path / "growth.json"), *arguments)
    )
    assert done.exit_code in (1, 2)
    assert message in " ".join(done.output.split())


def test_wrk_must_be_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Debian has it."""
    monkeypatch.setenv("PATH", str(tmp_path))
    done = invoke("run", "--models", str(MODELS), "--output", str(tmp_path / "growth.json"))
    assert done.exit_code == 1
    assert "apt-get install wrk" in done.output
