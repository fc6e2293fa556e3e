"""How many CPUs there are to use: what the process may run on, and its containers' quotas."""

import os
from pathlib import Path

from service.cgroups import CGROUPS, MEMBERSHIP, groups


def usable_cpus(cgroups: Path = CGROUPS, membership: Path = MEMBERSHIP) -> int:
    """CPUs that this process may use: its affinity, or the lowest quota above it if lower.

    Reads cgroup v2 (`cpu.max`) and v1 (`cpu.cfs_quota_us`), of the process's own group and of
    every group that holds it. A fraction is rounded up, since half a core idle costs more than
    a thread that waits.
    """
    cpus = len(os.sched_getaffinity(0))
    quotas = (_quota(folder) for folder in groups("cpu", cgroups, membership))
    return max(1, min([cpus, *(quota for quota in quotas if quota is not None)]))


def _quota(folder: Path) -> int | None:
    """Whole CPUs; None where there is no limit, or no such group."""
    try:
        quota, period = (folder / "cpu.max").read_text().split()
        return None if quota == "max" else -(-int(quota) // int(period))
    except (OSError, ValueError):
        pass
    try:
        found = int((folder / "cpu.cfs_quota_us").read_text())
        return None if found < 0 else -(-found // int((folder / "cpu.cfs_period_us").read_text()))
    except (OSError, ValueError):
        return None
