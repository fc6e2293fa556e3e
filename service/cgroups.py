"""The control groups that a process is in, of both versions, and the memory that they leave it."""

from collections.abc import Iterator
from pathlib import Path, PurePosixPath

CGROUPS = Path("/sys/fs/cgroup")
MEMBERSHIP = Path("/proc/self/cgroup")
UNLIMITED = 1 << 60  # version 1 writes a number near 2^63 where there is no limit


def groups(controller: str, cgroups: Path, membership: Path) -> Iterator[Path]:
    """The folders of the process's groups for a controller, up to the roots of the hierarchies."""
    yield cgroups  # what a container sees as the root is its own group
    yield cgroups / controller
    try:
        lines = membership.read_text().splitlines()
    except OSError:
        return
    for line in lines:
        _, controllers, path = line.split(":", 2)
        if controllers and controller not in controllers.split(","):
            continue
        within = PurePosixPath(path.lstrip("/"))
        for group in (within, *within.parents):
            yield cgroups / controllers / group


def memory_limit(cgroups: Path = CGROUPS, membership: Path = MEMBERSHIP) -> int | None:
    """Bytes after which the process's container is killed; None: there is no limit.

    Reads `memory.max` of version 2 and `memory.limit_in_bytes` of version 1, of the process's own
    group and of every group that holds it, and takes the lowest.
    """
    found = [_limit(folder) for folder in groups("memory", cgroups, membership)]
    return min((one for one in found if one is not None), default=None)


def _limit(folder: Path) -> int | None:
    for name in ("memory.max", "memory.limit_in_bytes"):
        try:
            said = (folder / name).read_text().strip()
        except OSError:
            continue
        if said.isdigit() and int(said) < UNLIMITED:
            return int(said)
    return None
