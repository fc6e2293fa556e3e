"""What each version has done since the process started, as the Open Inference Protocol asks."""

from collections import defaultdict
from collections.abc import Sequence
from typing import NamedTuple

from service.telemetry.record import Record


class Totals(NamedTuple):
    """Of one version in one process.

    Attributes:
        requests: answered ones in which it was asked.
        failed: requests that failed with it, or after it.
        texts: that it was asked in answered requests.
        batches: that it ran.
        tokenize_ns: of answered requests, as the next two.
        last_ms: when a request that asked it last ended, in ms since 1970; 0: none has.
    """

    requests: int = 0
    failed: int = 0
    texts: int = 0
    batches: int = 0
    tokenize_ns: int = 0
    queue_ns: int = 0
    inference_ns: int = 0
    last_ms: int = 0


class _Sums:
    __slots__ = ("batches", "failed", "inference", "last", "queue", "requests", "texts", "tokenize")

    def __init__(self) -> None:
        self.requests = self.failed = self.texts = self.batches = 0
        self.tokenize = self.queue = self.inference = self.last = 0.0


class VersionTotals:
    """The totals of all versions."""

    def __init__(self) -> None:
        self._sums: defaultdict[tuple[str, int], _Sums] = defaultdict(_Sums)

    def batches(self, model: str, version: int, ran: int) -> None:
        """Adds batches that ran."""
        self._sums[model, version].batches += ran

    def add(self, records: Sequence[Record]) -> None:
        """Adds requests that have ended."""
        for record in records:
            for hop in record.hops:
                sums = self._sums[hop.model, hop.version]
                sums.last = max(sums.last, record.at)
                if not record.ok:
                    sums.failed += 1
                    continue
                sums.requests += 1
                sums.texts += hop.texts
                if hop.encoded:
                    sums.tokenize += hop.encoded - hop.admitted
                if hop.started:
                    sums.queue += hop.started - hop.encoded
                if hop.ended:
                    sums.inference += hop.ended - hop.started

    def of(self, model: str, version: int) -> Totals:
        """Of one version; nothing of one that was never asked."""
        sums = self._sums.get((model, version))
        if sums is None:
            return Totals()
        return Totals(
            sums.requests,
            sums.failed,
            sums.texts,
            sums.batches,
            round(sums.tokenize * 1e9),
            round(sums.queue * 1e9),
            round(sums.inference * 1e9),
            round(sums.last * 1000),
        )
