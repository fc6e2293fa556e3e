"""What the processes of the service take of the machine, by the names of Prometheus' own clients.

Of several workers all are added up. Where there is no `/proc` nothing is told. What a worker took
that has ended stays counted, by what was last seen of it: a counter that falls looks like one that
began again.
"""

import contextlib
import json
import os
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

from prometheus_client import ProcessCollector
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from service.cgroups import memory_limit

# Memory, CPU and files add up; of starts the last is told, which moves whenever a worker starts.
ADDED = ("process_resident_memory_bytes", "process_open_fds")
CPU = "process_cpu_seconds"
LATEST = "process_start_time_seconds"
LIMIT = "stillhouse_memory_limit_bytes"


class Seen(NamedTuple):
    """What was last seen of the processes of a service.

    Attributes:
        cpu: seconds, by process.
        gone: seconds of those that have ended.
        start: the latest of any.
    """

    cpu: dict[str, float]
    gone: float = 0.0
    start: float = 0.0

    def then(self, cpu: dict[str, float], start: float) -> "Seen":
        """With what is seen now."""
        ended = sum(seconds for pid, seconds in self.cpu.items() if pid not in cpu)
        return Seen(cpu, self.gone + ended, max(self.start, start))


class Processes(Collector):
    """The processes' memory and its limit, CPU time, open files and last start.

    Args:
        pids: of the processes that there are now.
        memory_limit: bytes that they may take together; None: as many as there are.
        kept: where several workers keep what was last seen; None: there is one process alone.
    """

    def __init__(
        self,
        pids: Callable[[], Iterable[int]],
        memory_limit: Callable[[], int | None] = memory_limit,
        kept: Callable[[], Path | None] = lambda: None,
    ) -> None:
        self._pids = pids
        self._kept = kept
        self._memory_limit = memory_limit

    def collect(self) -> Iterator[Metric]:
        """The figures as they are now."""
        found: dict[str, list[float]] = {}
        told: dict[str, str] = {}
        cpu: dict[str, float] = {}
        for pid in self._pids():
            for family in _of(pid):
                told[family.name] = family.documentation
                values = [one.value for one in family.samples]
                found.setdefault(family.name, []).extend(values)
                if family.name == CPU:
                    cpu[str(pid)] = sum(values)
        for name in ADDED:
            if name in found:
                yield GaugeMetricFamily(name, told[name], value=sum(found[name]))
        if CPU in found and LATEST in found:
            seen = self._seen(cpu, max(found[LATEST]))
            total = seen.gone + sum(seen.cpu.values())
            yield CounterMetricFamily(CPU, told[CPU], value=total)
            yield GaugeMetricFamily(LATEST, told[LATEST], value=seen.start)
        # No value where there is no limit.
        says = "Memory after which the container of all processes is killed."
        yield GaugeMetricFamily(LIMIT, says, value=self._memory_limit())

    def _seen(self, cpu: dict[str, float], start: float) -> Seen:
        path = self._kept()
        if path is None:
            return Seen(cpu, start=start)
        try:
            before = Seen(*json.loads(path.read_bytes()))
        except (OSError, ValueError, TypeError):  # nobody has looked yet
            before = Seen({})
        seen = before.then(cpu, start)
        written = path.with_suffix(f".{os.getpid()}")
        with contextlib.suppress(OSError):  # a full disk: it is counted from what was before
            written.write_text(json.dumps(seen), encoding="utf-8")
            written.replace(path)
        return seen


def _of(pid: int) -> Iterable[Metric]:
    return ProcessCollector(pid=lambda: pid, registry=None).collect()
