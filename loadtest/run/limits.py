"""What a run may not exceed, as it is written on the command line: `p99>50ms,errors>0.1%`."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from loadtest.results import Capacity, Run

TIMES = ("p50", "p95", "p99", "max", "lag")
SHARES = ("errors", "escalated", "degraded", "accuracy")
RATES = ("throughput", "capacity")
MEASURES = (*TIMES, *SHARES, *RATES)
FORM = re.compile(r"(?P<measure>[a-z0-9]+)\s*(?P<sign>[<>=])\s*(?P<value>[+-]?[\d.]+)(?P<unit>\D*)")
ERRORS = "errors>0.1%"
MILLISECONDS = {"ms": 1.0, "s": 1000.0, "": 1.0}


class LimitUnfit(ValueError):
    """What was written is no limit."""


@dataclass(frozen=True, slots=True)
class Limit:
    """One measure, and the value beyond which it is broken.

    Attributes:
        sign: `>`: more breaks it; `<`: less does.
        value: milliseconds, a share from 0 to 1, or requests per second; if `relative`, the
            share by which the measure may change from one report to another.
    """

    measure: str
    sign: str
    value: float
    relative: bool
    written: str

    def is_broken_by(self, found: float) -> bool:
        """A limit may be reached, and not exceeded."""
        return found > self.value if self.sign == ">" else found < self.value


def parse_limits(written: str) -> tuple[Limit, ...]:
    """Reads limits with commas between them: `p99>50ms,errors>0.1%,throughput<100`.

    `p99>+10%` is relative, for the comparison of two reports.

    Raises:
        LimitUnfit: one of them cannot be read; the message says how they are written.
    """
    return tuple(_parse(part.strip()) for part in written.split(",") if part.strip())


def parse_objective(written: str) -> tuple[Limit, ...]:
    """Reads an objective: `p99=50ms,errors=0.1%`, at most so much.

    Where it says nothing of errors, 0.1%: what is refused at once is no answer in time.

    Raises:
        LimitUnfit: it cannot be read, or has a measure that a higher rate does not make worse.
    """
    found = []
    for limit in parse_limits(written.replace("=", ">")):
        if limit.measure not in (*TIMES[:4], "errors") or limit.sign == "<" or limit.relative:
            raise LimitUnfit(
                f"{limit.written!r} is no objective; expected like p99=50ms or errors=1%"
            )
        found.append(replace(limit, written=limit.written.replace(">", "=")))
    if not found:
        raise LimitUnfit("there is no objective; expected like p99=50ms,errors=0.1%")
    if all(limit.measure != "errors" for limit in found):
        found.append(replace(_parse(ERRORS), written=ERRORS.replace(">", "=")))
    return tuple(found)


def _parse(written: str) -> Limit:
    form = FORM.fullmatch(written)
    if form is None or form["measure"] not in MEASURES or form["sign"] == "=":
        raise LimitUnfit(
            f"{written!r} is no limit; expected MEASURE>VALUE or MEASURE<VALUE with one of "
            f"{', '.join(MEASURES)}, like p99>50ms, errors>0.1% or throughput<100"
        )
    measure, unit = form["measure"], form["unit"].strip()
    try:
        value = float(form["value"])
    except ValueError as error:
        raise LimitUnfit(f"{written!r}: {form['value']!r} is no number") from error
    if form["value"][0] in "+-":
        if unit != "%":
            raise LimitUnfit(f"{written!r}: a change is a percentage, like p99>+10%")
        return Limit(measure, form["sign"], value / 100, True, written)
    if measure in TIMES and unit in MILLISECONDS:
        return Limit(measure, form["sign"], value * MILLISECONDS[unit], False, written)
    if measure in SHARES and unit in ("%", ""):
        share = value / 100 if unit == "%" else value
        return Limit(measure, form["sign"], share, False, written)
    if measure in RATES and unit in ("", "/s", "req/s"):
        return Limit(measure, form["sign"], value, False, written)
    raise LimitUnfit(f"{written!r}: {unit!r} is no unit of {measure}")


def measure_of(run: Run, measure: str) -> float | None:
    """A measure of a run, in the units of `Limit.value`; None: it has none."""
    total = run.total
    found: dict[str, float | None] = {
        "p50": total.p50_ms,
        "p95": total.p95_ms,
        "p99": total.p99_ms,
        "max": total.max_ms,
        "lag": run.generator.lag_p99_ms,
        "errors": total.failed_share,
        "escalated": total.escalated_share,
        "degraded": total.degraded_share,
        "accuracy": total.accuracy,
        "throughput": total.answered_per_second,
    }
    return found.get(measure)


def broken_by_run(run: Run, limits: Iterable[Limit]) -> tuple[str, ...]:
    """Says which limits a run breaks, taken as a whole; one of what was not measured is broken."""
    if not run.total.requests:
        return (f"{run.name}: no request was counted",)
    if run.total.failed_share == 1:
        return (f"{run.name}: no request was answered",)
    found = []
    for limit in limits:
        if limit.measure == "capacity":  # of a search, and of no run
            continue
        value = measure_of(run, limit.measure)
        if value is None:
            found.append(f"{run.name}: {unmeasured(limit.measure)} (limit {limit.written})")
        elif limit.is_broken_by(value):
            found.append(f"{run.name}: {say(limit.measure, value)} (limit {limit.written})")
    return tuple(found)


def broken_limits(
    runs: Sequence[Run], capacities: Sequence[Capacity], limits: Sequence[Limit]
) -> tuple[str, ...]:
    """Says what broke which limit; a capacity of nothing always does."""
    found = [line for run in runs for line in broken_by_run(run, limits)]
    for capacity in capacities:
        if not capacity.rate:
            found.append(f"{capacity.model}: no rate kept {capacity.objective}")
        for limit in limits:
            if limit.measure == "capacity" and limit.is_broken_by(capacity.rate):
                said = say("capacity", capacity.rate)
                found.append(f"{capacity.model}: {said} (limit {limit.written})")
    return tuple(found)


def unmeasured(measure: str) -> str:
    """That a run has no such measure, and where it comes from."""
    if measure == "accuracy":
        return "accuracy was not measured: no text that was answered has a known label"
    return f"{measure} was not measured"


def say(measure: str, value: float) -> str:
    """A measure and its value, in words."""
    if measure in SHARES:
        return f"{measure} {value:.3%}"
    if measure in RATES:
        return f"{measure} {value:,.1f} req/s"
    return f"{measure} {value:.4g} ms"
