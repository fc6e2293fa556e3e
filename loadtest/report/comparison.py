"""Two reports side by side: what both have measured, and by how much it changed."""

from collections.abc import Sequence
from dataclasses import dataclass

from loadtest.report.terminal import ms
from loadtest.results import Capacity, Report, Run
from loadtest.run.limits import SHARES, TIMES, Limit, measure_of, say

MEASURES = ("throughput", "p50", "p95", "p99", "max", "errors", "escalated")
WHERE_KNOWN = ("degraded", "accuracy")  # not every report has them
MORE_IS_BETTER = {"throughput", "capacity", "accuracy"}
NEUTRAL = {"escalated"}
NOTABLE = 0.02  # a change below this share is none to speak of


class NotComparable(Exception):
    """The reports have nothing in common."""


@dataclass(frozen=True, slots=True)
class Change:
    """One measure before and after; the change is a share of what was before."""

    name: str  # of the run, or of the capacity's model
    measure: str
    before: float | None
    after: float | None

    @property
    def change(self) -> float | None:
        """None where there is nothing to compare, or nothing before."""
        if self.before is None or self.after is None:
            return None
        if not self.before:
            return None if self.after else 0.0
        return self.after / self.before - 1

    @property
    def verdict(self) -> str:
        """`good`, `bad` or nothing."""
        change = self.change
        if change is None:  # from nothing, or to it
            change = (self.after or 0.0) - (self.before or 0.0)
        if self.measure in NEUTRAL or abs(change) < NOTABLE:
            return ""
        return "good" if (change > 0) == (self.measure in MORE_IS_BETTER) else "bad"

    def text(self, value: float | None) -> str:
        """A value of the measure."""
        if value is None:
            return "-"
        if self.measure in SHARES:
            return f"{value:.2%}"
        return f"{ms(value)} ms" if self.measure in TIMES else f"{value:,.1f} req/s"

    @property
    def change_text(self) -> str:
        """The change, with its sign."""
        return "" if self.change is None else f"{self.change:+.1%}"


@dataclass(frozen=True, slots=True)
class Comparison:
    """What two reports have in common."""

    before: Report
    after: Report
    runs: tuple[tuple[Run, Run], ...]
    capacities: tuple[tuple[Capacity, Capacity], ...]
    changes: tuple[Change, ...]
    broken: tuple[str, ...]
    notes: tuple[str, ...]

    def text(self) -> str:
        """A table for a terminal."""
        width = max(len(change.name) for change in self.changes)
        lines = ["", f"{'':<{width}} {'':<11}{'before':>16}{'after':>16}{'change':>10}"]
        for change in self.changes:
            lines.append(
                f"{change.name:<{width}} {change.measure:<11}{change.text(change.before):>16}"
                f"{change.text(change.after):>16}{change.change_text:>10}"
            )
        return "\n".join([*lines, "", *(f"note: {note}" for note in self.notes)])


def compare_reports(before: Report, after: Report, limits: Sequence[Limit]) -> Comparison:
    """Pairs runs of the same name, and searches of the same model.

    Args:
        limits: relative ones.

    Raises:
        NotComparable: there is no pair, or none with a limit's measure.
    """
    earlier = {run.name: run for run in before.runs}
    runs = tuple((earlier[run.name], run) for run in after.runs if run.name in earlier)
    searched = {capacity.model: capacity for capacity in before.capacities}
    capacities = tuple((searched[c.model], c) for c in after.capacities if c.model in searched)
    if not runs and not capacities:
        raise NotComparable("the reports have no run and no capacity of the same name")
    changes = [
        Change(late.name, measure, measure_of(early, measure), measure_of(late, measure))
        for early, late in runs
        for measure in (*MEASURES, *WHERE_KNOWN)
        if measure in MEASURES or measure_of(early, measure) or measure_of(late, measure)
    ]
    changes += [Change(late.model, "capacity", early.rate, late.rate) for early, late in capacities]
    return Comparison(
        before=before,
        after=after,
        runs=runs,
        capacities=capacities,
        changes=tuple(changes),
        broken=tuple(_broken(changes, limits)),
        notes=tuple(_differences(before, after, runs, capacities)),
    )


def _broken(changes: Sequence[Change], limits: Sequence[Limit]) -> list[str]:
    found = []
    for limit in limits:
        if not any(change.measure == limit.measure for change in changes):
            raise NotComparable(f"{limit.written}: the reports have no {limit.measure} in common")
        for change in changes:
            if change.measure != limit.measure:
                continue
            if change.before is None or change.after is None:
                when = "before" if change.before is None else "after"
                found.append(
                    f"{change.name}: {change.measure} was not measured {when} "
                    f"(limit {limit.written})"
                )
                continue
            from_nothing = not change.before and bool(change.after) and limit.sign == ">"
            if from_nothing or (change.change is not None and limit.is_broken_by(change.change)):
                found.append(
                    f"{change.name}: {say(limit.measure, change.after)} after "
                    f"{change.text(change.before)} (limit {limit.written})"
                )
    return found


def _differences(
    before: Report,
    after: Report,
    runs: Sequence[tuple[Run, Run]],
    capacities: Sequence[tuple[Capacity, Capacity]],
) -> list[str]:
    """How the two were not measured alike, and what each said of itself."""
    found = []
    for field in ("host", "texts", "batches", "warm_up_seconds", "seed", "cpu_count"):
        early, late = getattr(before, field), getattr(after, field)
        if early != late:
            found.append(f"not measured alike: {field.replace('_', ' ')}: {early}, then {late}")
    for first, second in runs:
        if first.pace != second.pace or first.seconds != second.seconds:
            found.append(
                f"not measured alike: {second.name}: {first.pace} for {first.seconds} s, then "
                f"{second.pace} for {second.seconds} s"
            )
    for one, other in capacities:
        if one.objective != other.objective:
            found.append(
                f"not measured alike: {other.model}: {one.objective}, then {other.objective}"
            )
    alone = {r.name for r in before.runs} ^ {r.name for r in after.runs}
    alone |= {c.model for c in before.capacities} ^ {c.model for c in after.capacities}
    if alone:
        found.append(f"in one of the reports only: {', '.join(sorted(alone))}")
    found += [f"before: {note}" for note in before.notes]
    return found + [f"after: {note}" for note in after.notes]
