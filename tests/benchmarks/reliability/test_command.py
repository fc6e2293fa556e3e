"""`python -m benchmarks reliability`, end to end on a fake service."""

from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
from click.testing import CliRunner, Result

from benchmarks.reliability.chaos import FAULTS as KNOWN
from benchmarks.reliability.cli import reliability
from benchmarks.reliability.options import FAULTS
from benchmarks.reliability.results import Fuzz, Soak, read
from tests.benchmarks.growth.builders import MODELS, service_command

FAKE = "-m tests.benchmarks.reliability.fake_service"


def invoke(*arguments: str) -> Result:
    """Runs the command."""
    return CliRunner().invoke(reliability, arguments)


@pytest.fixture(autouse=True)
def nothing_left() -> Iterator[None]:
    """No process outlives a command."""
    before = {child.pid for child in psutil.Process().children(recursive=True)}
    yield
    assert {child.pid for child in psutil.Process().children(recursive=True)} <= before


def soak(directory: Path) -> tuple[Result, Soak | None]:
    """As short as can be."""
    output = directory / "soak.json"
    done = invoke(
        *("soak", "--stillhouse", str(service_command(directory / "bin", FAKE))),
        *("--models", str(MODELS), "--minutes", "0.04", "--rate", "50", "--texts", "8"),
        *("--output", str(output), "--plot", str(directory / "soak.svg")),
    )
    return done, read(Soak, output)


def test_a_soak_of_a_good_service(tmp_path: Path) -> None:
    """All is well, and the page has it."""
    done, found = soak(tmp_path)
    assert done.exit_code == 0, done.output
    assert found is not None
    assert found.missed == ()
    assert found.load.requests == found.load.fates["ok"] > 50
    assert found.neighbour.p99_ms is not None
    assert len(found.points) > 1
    assert (tmp_path / "soak.svg").stat().st_size > 1000
    page = tmp_path / "reliability.md"
    done = invoke("report", "--folder", str(tmp_path), "--table", str(page))
    assert done.exit_code == 0, done.output
    assert "## Soak" in page.read_text(encoding="utf-8")


def test_a_soak_that_finds_something_fails(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With what it found, which is written down all the same."""
    # The reference takes 108: of 4 models, for 8 short texts, 16 of Unicode and 3 long ones.
    monkeypatch.setenv("FAKE_DOES", "wrong:3:120")
    done, found = soak(tmp_path)
    assert done.exit_code == 1
    assert "missed: load: " in done.output
    assert found is not None
    assert any("wrong" in each for each in found.missed)


def test_fuzzing_a_service_that_breaks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A 500 is found, and a document that is not there is said."""
    monkeypatch.setenv("FAKE_DOES", "broken:3:120")
    output = tmp_path / "fuzz.json"
    done = invoke(
        *("fuzz", "--stillhouse", str(service_command(tmp_path / "bin", FAKE))),
        *("--models", str(MODELS), "--requests", "400", "--processes", "1", "--texts", "8"),
        *("--seconds", "10"),
        *("--spec", str(tmp_path / "none.json"), "--output", str(output)),
    )
    assert done.exit_code == 1
    found = read(Fuzz, output)
    assert found is not None
    assert any("failed" in each for each in found.missed)
    assert any(source.skipped for source in found.sources)


def test_every_fault_can_be_named() -> None:
    """And no other."""
    assert FAULTS.split(",") == list(KNOWN)
    done = invoke("chaos", "--faults", "earthquake")
    assert done.exit_code == 2
    assert "no fault is called 'earthquake'" in done.output


def test_what_is_missing_is_said(tmp_path: Path) -> None:
    """In one line, before anything long."""
    done = invoke("soak", "--stillhouse", str(tmp_path / "none"), "--models", str(MODELS))
    assert done.exit_code == 1
    assert "make .venv/installed" in done.output
