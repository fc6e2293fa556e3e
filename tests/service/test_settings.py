"""Settings, and the CPUs that a container may use."""

import os
from pathlib import Path

import pytest
from pydantic import ValidationError

from service.settings import Settings, usable_cpus


def test_environment_sets_values(monkeypatch: pytest.MonkeyPatch) -> None:
    """A STILLHOUSE_ variable sets a value, and a wrong one is an error."""
    monkeypatch.setenv("STILLHOUSE_PORT", "9001")
    assert Settings().port == 9001
    monkeypatch.setenv("STILLHOUSE_PORT", "many")
    with pytest.raises(ValidationError, match="port"):
        Settings()


def test_keys_are_not_printed() -> None:
    """A key does not appear when the settings are printed or logged."""
    assert "hunter2" not in repr(Settings(admin_key="hunter2"))


def test_cpus_follow_the_quota(tmp_path: Path) -> None:
    """The quota of cgroup v2, or of v1, bounds the threads, rounded up; none leaves them all."""
    everything = len(os.sched_getaffinity(0))
    assert usable_cpus(tmp_path) == everything
    (tmp_path / "cpu").mkdir()
    (tmp_path / "cpu" / "cpu.cfs_quota_us").write_text("50000\n")
    (tmp_path / "cpu" / "cpu.cfs_period_us").write_text("100000\n")
    assert usable_cpus(tmp_path) == 1
    (tmp_path / "cpu.max").write_text("max 100000\n")
    assert usable_cpus(tmp_path) == everything
    (tmp_path / "cpu.max").write_text("100000 100000\n")
    assert usable_cpus(tmp_path) == 1
