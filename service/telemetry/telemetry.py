"""What the rest of the service tells of itself, and where it goes. The room's only door.

A request that has ended is added as one record, and read some milliseconds later together with
others: reading touches much memory that answering does not, so that many in a row take half the
time, and no answer waits for it.
"""

import asyncio
import logging
from collections import defaultdict, deque
from collections.abc import Callable, Mapping, Sequence

from service.telemetry.access_log import AccessLog
from service.telemetry.gauges import StoreGauge, VersionGauge
from service.telemetry.metrics import Batch, Metrics
from service.telemetry.record import Record
from service.telemetry.stats import Recent, Stats
from service.telemetry.totals import Totals, VersionTotals
from service.telemetry.traces import Traces

log = logging.getLogger(__name__)

LATER_SECONDS = 0.02
MOST = 256  # records that wait to be read
MOST_TRACED = 8  # since making the spans of one takes as long as counting twenty


class Telemetry:
    """The records of one process, and all who read them.

    Args:
        access_log: write a line of log for each request.
        otlp_endpoint: takes traces, OTLP over HTTP; None: there are none.
    """

    def __init__(self, access_log: bool, otlp_endpoint: str | None) -> None:
        self._waiting: list[Record] = []
        self._batches: deque[tuple[tuple[str, int], Batch]] = deque()  # that wait likewise
        self._most = MOST if otlp_endpoint is None else MOST_TRACED
        self._metrics = Metrics()
        self._recent = Recent()
        self._totals = VersionTotals()
        self._traces = Traces(otlp_endpoint)
        self._access_log = AccessLog(access_log)

    def start(self) -> None:
        """Gets ready to send traces, where they are wanted; contacts nothing yet.

        Raises:
            TracingError: the exporter is not installed.
        """
        self._traces.start()

    def stop(self) -> None:
        """Reads what waits and sends what is left; may wait some seconds for the network."""
        self.catch_up()
        self._traces.stop()

    def add(self, record: Record) -> None:
        """Has a request read within 20 ms; on the event loop alone."""
        self._waiting.append(record)
        if len(self._waiting) == 1:
            asyncio.get_running_loop().call_later(LATER_SECONDS, self.catch_up)
        elif len(self._waiting) >= self._most:
            self.catch_up()

    def catch_up(self) -> None:
        """Reads all records that wait, before somebody looks."""
        waiting, self._waiting = self._waiting, []
        batches: defaultdict[tuple[str, int], list[Batch]] = defaultdict(list)
        while self._batches:  # models add to them meanwhile
            version, batch = self._batches.popleft()
            batches[version].append(batch)
        for (name, number), ran in batches.items():
            self._read(self._metrics.batches, name, number, ran)
            self._read(self._totals.batches, name, number, len(ran))
        if not waiting:
            return
        for read in (self._metrics.count, self._recent.add, self._totals.add):
            self._read(read, waiting)
        for record in waiting:
            self._read(self._tell_of, record)

    def _tell_of(self, record: Record) -> None:
        self._access_log.write(record, self._traces.record(record))

    def _read(self, read: Callable[..., None], *what: object) -> None:
        """Has one reader read; where it fails the others read on, and no request fails of it."""
        try:
            read(*what)
        except Exception:
            log.exception("requests were not read", extra={"reader": read.__qualname__})

    def batch(self, name: str, version: int, texts: int, tokens: int, seconds: float) -> None:
        """Has a batch that ran counted; from any thread."""
        self._batches.append(((name, version), Batch(texts, tokens, seconds)))

    def shadowed(self, model: str, shadow: str, label: str, agrees: bool) -> None:
        """Counts a text that `shadow` answered too, where `model` had said `label`."""
        self._metrics.shadow.labels(model, shadow, label, str(agrees).lower()).inc()

    def shadow_dropped(self, model: str, shadow: str) -> None:
        """Counts a text for `shadow` that found no idle moment."""
        self._metrics.shadow_dropped.labels(model, shadow).inc()

    def tell(
        self,
        gauges: Sequence[VersionGauge],
        fitted: Mapping[tuple[str, str], float] | None = None,
        store: StoreGauge | None = None,
    ) -> None:
        """Says how things are now, to whichever worker is asked for metrics; see `Gauges.tell`."""
        self.catch_up()
        self._metrics.gauges.tell(gauges, fitted, store)

    def metrics(
        self,
        gauges: Sequence[VersionGauge],
        fitted: Mapping[tuple[str, str], float] | None = None,
        store: StoreGauge | None = None,
    ) -> bytes:
        """All metrics in Prometheus' text format; of several workers, added up.

        Args:
            gauges: how the versions of this process are now; what is not among them is gone.
            fitted, store: see `Gauges.tell`.
        """
        self.tell(gauges, fitted, store)
        return self._metrics.text()

    def stats(self) -> Stats:
        """Figures of this process's last minute."""
        self.catch_up()
        return self._recent.stats()

    def totals(self, model: str, version: int) -> Totals:
        """What a version has done in this process since it started."""
        self.catch_up()
        return self._totals.of(model, version)
