"""What each version has done, for the Open Inference Protocol's statistics."""

from service.telemetry.totals import Totals, VersionTotals
from tests.service.telemetry.builders import failed, hop, record


def test_totals_are_of_each_version() -> None:
    """Requests, texts and nanoseconds of answered requests, failures, batches, and when."""
    totals = VersionTotals()
    student = hop("student", 2, 100.0, 100.25, 100.75, 101.5)
    teacher = hop("teacher", 7, 101.5, 101.75)
    totals.add([record([], [student]), failed(504, "DeadlineExceeded", hops=[teacher], at=7.0)])
    totals.batches("student", 2, 1)
    assert totals.of("student", 2) == Totals(
        requests=1,
        failed=0,
        texts=1,
        batches=1,
        tokenize_ns=250_000_000,
        queue_ns=500_000_000,
        inference_ns=750_000_000,
        last_ms=1_800_000_000_500,
    )
    assert totals.of("teacher", 7) == Totals(failed=1, last_ms=7000)
    assert totals.of("student", 3) == Totals()
