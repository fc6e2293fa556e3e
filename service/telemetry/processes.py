"""What the processes of the service take of the machine, by the names of Prometheus' own clients.

Of several workers all are added up. Where there is no `/proc` nothing is told.
"""

from collections.abc import Callable, Iterable, Iterator

from prometheus_client import ProcessCollector
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from service.cgroups import memory_limit

# Memory, CPU and files add up; of starts the last is told, which moves whenever a worker starts.
ADDED = ("process_resident_memory_bytes", "process_cpu_seconds", "process_open_fds")
LATEST = "process_start_time_seconds"
LIMIT = "stillhouse_memory_limit_bytes"


class Processes(Collector):
    """The processes' memory and its limit, CPU time, open files and last start.

    Args:
        pids: of the processes that there are now.
        memory_limit: bytes that they may take together; None: as many as there are.
    """

    def __init__(
        self,
        pids: Callable[[], Iterable[int]],
        memory_limit: Callable[[], int | None] = memory_limit,
    ) -> None:
        self._pids = pids
        self._memory_limit = memory_limit

    def collect(self) -> Iterator[Metric]:
        """The figures as they are now."""
        found: dict[str, list[float]] = {}
        told: dict[str, str] = {}
        for pid in self._pids():
            for family in _of(pid):
                told[family.name] = family.documentation
                found.setdefault(family.name, []).extend(one.value for one in family.samples)
        for name in ADDED:
            if name in found:
                kind = CounterMetricFamily if name.endswith("seconds") else GaugeMetricFamily
                yield kind(name, told[name], value=sum(found[name]))
        if LATEST in found:
            yield GaugeMetricFamily(LATEST, told[LATEST], value=max(found[LATEST]))
        # No value where there is no limit.
        says = "Memory after which the container of all processes is killed."
        yield GaugeMetricFamily(LIMIT, says, value=self._memory_limit())


def _of(pid: int) -> Iterable[Metric]:
    return ProcessCollector(pid=lambda: pid, registry=None).collect()
