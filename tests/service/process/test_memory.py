"""The memory after which a process's container is killed, and the gauge that tells it."""

import os
from pathlib import Path

import pytest

from service.cgroups import memory_limit
from service.telemetry.processes import LIMIT, Processes


def _limit(cgroups: Path, membership: str = "0::/\n") -> int | None:
    (cgroups / "membership").write_text(membership)
    return memory_limit(cgroups, cgroups / "membership")


def _write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


@pytest.mark.parametrize(("said", "expected"), [("max\n", None), ("536870912\n", 512 << 20)])
def test_version_2(tmp_path: Path, said: str, expected: int | None) -> None:
    """A number of bytes, or none."""
    _write(tmp_path / "memory.max", said)
    assert _limit(tmp_path) == expected


def test_version_1(tmp_path: Path) -> None:
    """The lowest of all groups; a number near 2^63 is no limit."""
    folder = tmp_path / "memory"
    _write(folder / "memory.limit_in_bytes", "9223372036854771712")
    assert _limit(tmp_path, "4:memory:/docker/abc\n") is None
    _write(folder / "docker" / "memory.limit_in_bytes", "2000")
    _write(folder / "docker" / "abc" / "memory.limit_in_bytes", "3000")
    assert _limit(tmp_path, "5:cpu:/\n4:memory:/docker/abc\n") == 2000


def test_in_a_container_of_version_1(tmp_path: Path) -> None:
    """Its own group is mounted at the root, whatever the process is told that it is in."""
    _write(tmp_path / "memory" / "memory.limit_in_bytes", "1000")
    assert _limit(tmp_path, "4:memory:/docker/abc\n") == 1000


def test_none_at_all(tmp_path: Path) -> None:
    """Where nothing can be read there is no limit."""
    assert memory_limit(tmp_path / "none", tmp_path / "none") is None


@pytest.mark.parametrize(("limit", "expected"), [(1000, [1000.0]), (None, [])])
def test_the_gauge(limit: int | None, expected: list[float]) -> None:
    """It has a value only where there is a limit, so that no alert divides by a wrong one."""
    (found,) = (
        family
        for family in Processes(lambda: [os.getpid()], lambda: limit).collect()
        if family.name == LIMIT
    )
    assert [sample.value for sample in found.samples] == expected
