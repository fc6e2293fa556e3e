"""Where and how a benchmark ran, for its file of results."""

import os
import subprocess
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

from benchmarks.peers import machine
from benchmarks.peers.servers import environments, repository
from benchmarks.reliability.results import Conditions
from benchmarks.reliability.service.process import check_command

ROOT = Path(__file__).resolve().parents[3]
MODELS = ("student", "teacher", "nano")
PACKAGES = ("stillhouse", *environments.ENGINES, "uvicorn")


@dataclass(frozen=True, slots=True)
class Place:
    """Where it all is: the service has the first of the cores, its clients the last."""

    stillhouse: Path
    models: Path
    cores: tuple[int, ...]

    @classmethod
    def here(cls, stillhouse: Path, models: Path) -> "Place":
        """With the cores that this process may use."""
        return cls(stillhouse, models, tuple(sorted(os.sched_getaffinity(0))))


def describe(place: Place, settings: dict[str, str]) -> Conditions:
    """The conditions before a run, which fills in what it finds.

    Raises:
        ServiceFailed: the command is not there.
        PeersError: the command's environment, or a model, is not there.
    """
    check_command(place.stillhouse)
    return Conditions(
        started_at=datetime.now(UTC).isoformat(timespec="seconds"),
        seconds=0.0,
        commit=_commit(),
        machine=machine.describe(place.cores[0], place.cores[-1], 1.0),
        versions=environments.versions(place.stillhouse.parent / "python", PACKAGES),
        models=tuple(
            repository.describe(repository.find_version(place.models, name)) for name in MODELS
        ),
        settings=settings,
        capacity=None,
        rate=0.0,
    )


def ended(begun: Conditions, capacity: float | None, rate: float) -> Conditions:
    """The same once the run is over."""
    took = datetime.now(UTC) - datetime.fromisoformat(begun.started_at)
    return replace(
        begun, seconds=round(took.total_seconds(), 1), capacity=capacity, rate=round(rate, 1)
    )


def _commit() -> str:
    """The checkout's commit, marked where files differ from it."""
    done = subprocess.run(
        ["git", "describe", "--always", "--dirty", "--abbrev=12", "--exclude=*"],  # noqa: S607  on PATH
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    return done.stdout.strip() or "unknown"
