"""The CPUs that a process may use."""

import os
from pathlib import Path

import pytest

from service.cpus import usable_cpus

ALL = 8


@pytest.fixture(autouse=True)
def eight_cpus(monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine of eight CPUs, whatever runs the test."""
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(ALL)))


def _usable(cgroups: Path, membership: str = "0::/\n") -> int:
    (cgroups / "membership").write_text(membership)
    return usable_cpus(cgroups, cgroups / "membership")


def _write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


@pytest.mark.parametrize(
    ("quota", "expected"),
    [("max 100000", ALL), ("50000 100000", 1), ("250000 100000", 3), ("9900000 100000", ALL)],
)
def test_quota_of_version_2(tmp_path: Path, quota: str, expected: int) -> None:
    """A quota bounds the CPUs, rounded up; none leaves them all."""
    _write(tmp_path / "cpu.max", quota)
    assert _usable(tmp_path) == expected


@pytest.mark.parametrize("folder", ["cpu", "cpu,cpuacct"])
def test_quota_of_version_1(tmp_path: Path, folder: str) -> None:
    """The same, in the files of the first version; -1 is no limit."""
    membership = f"0::/\n4:{folder}:/docker/abc\n5:memory:/\n"
    _write(tmp_path / folder / "cpu.cfs_quota_us", "150000")
    _write(tmp_path / folder / "cpu.cfs_period_us", "100000")
    assert _usable(tmp_path, membership) == 2
    _write(tmp_path / folder / "cpu.cfs_quota_us", "-1")
    assert _usable(tmp_path, membership) == ALL


def test_lowest_quota_above_the_process_counts(tmp_path: Path) -> None:
    """Groups lie in each other, and each may be limited."""
    _write(tmp_path / "services" / "cpu.max", "200000 100000")
    _write(tmp_path / "services" / "one" / "cpu.max", "400000 100000")
    _write(tmp_path / "services" / "other" / "cpu.max", "100000 100000")
    assert _usable(tmp_path, "0::/services/one\n") == 2


def test_no_cgroups_at_all(tmp_path: Path) -> None:
    """Where there are none, or they cannot be read, the affinity counts."""
    assert usable_cpus(tmp_path / "none", tmp_path / "none") == ALL
    _write(tmp_path / "cpu.max", "nonsense")
    assert _usable(tmp_path) == ALL


def test_affinity_counts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A process that is pinned to two CPUs has two."""
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {0, 1})
    assert _usable(tmp_path) == 2
