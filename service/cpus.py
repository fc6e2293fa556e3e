"""How many CPUs there are to use: what the process may run on, and its containers' quotas."""

import os
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

CGROUPS = Path("/sys/fs/cgroup")
MEMBERSHIP = Path("/proc/self/cgroup")


def usable_cpus(cgroups: Path = CGROUPS, membership: Path = MEMBERSHIP) -> int:
    """CPUs that this process may use: its affinity, or the lowest quota above it if lower.

    Reads cgroup v2 (`cpu.max`) and v1 (`cpu.cfs_quota_us`), of the process's own group and of
    every group that holds it. A fraction is rounded up, since half a core idle costs more than
    a thread that waits.
    """
    cpus = len(os.sched_getaffinity(0))
    quotas = (_quota(folder) for folder in _groups(cgroups, membership))
    return max(1, min([cpus, *(quota for quota in quotas if quota is not None)]))


def _groups(cgroups: Path, membership: Path) -> Iterator[Path]:
    """The folders of the process's groups, up to the roots of the hierarchies."""
    yield cgroups  # what a container sees as the root is its own group
    try:
        lines = membership.read_text().splitlines()
    except OSError:
        return
    for line in lines:
        _, controllers, path = line.split(":", 2)
        if controllers and "cpu" not in controllers.split(","):
            continue
        within = PurePosixPath(path.lstrip("/"))
        for group in (within, *within.parents):
            yield cgroups / controllers / group


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
