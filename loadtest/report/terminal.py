"""What the terminal shows while a load test runs, and after it."""

from collections.abc import Sequence
from dataclasses import replace

import click

from loadtest.load import Load
from loadtest.results import Capacity, Report, Row, Run, Second, Step

PROGRESS_EVERY = 5  # seconds
LIMIT_BROKEN = 3  # the exit status; 1 is for what could not be measured


def show_second(load: Load, second: Second) -> None:
    """A line every few seconds of a run."""
    at = round(second.at)
    if at % PROGRESS_EVERY == 0 or at == load.seconds:
        offered = second.offered_per_second
        click.echo(
            f"{load.name}: {at} of {load.seconds} s, "
            + (f"{offered:,.0f} req/s offered, " if offered is not None else "")
            + f"{second.answered_per_second:,.0f} answered, p99 {ms(second.p99_ms)} ms, "
            f"{second.failures} failures in the last second"
        )


def show_step(model: str, step: Step) -> None:
    """A line a step of a search."""
    total = step.run.total
    verdict = "; ".join(step.broken).replace(f"{step.run.name}: ", "") or "kept"
    click.echo(
        f"{model}: {step.rate:g} req/s for {step.run.seconds} s: {total.requests:,} requests, "
        f"p99 {ms(total.p99_ms)} ms, {total.failures} failures: {verdict}"
    )


def show_report(report: Report) -> None:
    """The figures, and what a reader must know of them."""
    click.echo(f"texts: {report.texts}")
    if report.runs:
        click.echo(table(report.runs))
    for capacity in report.capacities:
        click.echo(capacity_text(capacity))
    for cost in report.costs:
        if cost.of_a_million is not None:
            click.echo(f"{cost.name}: a million requests cost {cost.of_a_million:,.4g}")
    for note in report.notes:
        click.echo(f"note: {note}")


def capacity_text(capacity: Capacity) -> str:
    """A capacity in a line."""
    best = capacity.best
    if best is None:
        return f"{capacity.model}: no rate kept {capacity.objective}"
    least = "" if capacity.ended_by == "objective" else "at least "
    return (
        f"{capacity.model}: capacity {least}{capacity.rate:g} req/s within {capacity.objective} "
        f"(p99 {ms(best.run.total.p99_ms)} ms, n = {best.run.total.requests:,})"
    )


def table(runs: Sequence[Run]) -> str:
    """All runs, a line each and one a kind of request."""
    heads = ("requests", "failures", "answered/s", "p50 ms", "p95 ms", "p99 ms", "max ms")
    rows = [row for run in runs for row in rows_of(run)]
    width = max(len(row.name) for row in rows)
    lines = ["", " " * width + "".join(f"{head:>11}" for head in heads)]
    for row in rows:
        times = (row.p50_ms, row.p95_ms, row.p99_ms, row.max_ms)
        lines.append(
            f"{row.name:<{width}}{row.requests:>11,}{row.failures:>11,}"
            f"{row.answered_per_second:>11,.1f}" + "".join(f"{ms(time):>11}" for time in times)
        )
    for run in runs:
        if run.total.escalated_share:
            lines.append(f"{run.name}: {run.total.escalated_share:.1%} of the texts escalated")
        if run.total.degraded_share:
            lines.append(f"{run.name}: {run.total.degraded_share:.1%} of the texts degraded")
        if run.total.accuracy is not None:
            lines.append(
                f"{run.name}: accuracy of what was answered {run.total.accuracy:.2%} "
                f"(n = {run.total.labelled:,})"
            )
        failed = run.first_failure
        if failed is not None and failed.offered_per_second is not None:
            lines.append(
                f"{run.name}: the first failure came in second {failed.at:g}, when "
                f"{failed.offered_per_second:,.0f} req/s were offered"
            )
        lines += [f"failed: {kind.name}: {kind.count:,} x {kind.kind}" for kind in run.failures]
    return "\n".join([*lines, ""])


def rows_of(run: Run) -> tuple[Row, ...]:
    """The rows of a run, its total last; alone where there is no more than one kind."""
    if len(run.rows) < 2:
        return (run.total,)
    return (*run.rows, replace(run.total, name=f"{run.name}, all"))


def ms(value: float | None) -> str:
    """Milliseconds in three digits."""
    if value is None:
        return "-"
    return f"{value:,.3g}" if value < 100 else f"{value:,.0f}"


def exit_if(broken: Sequence[str]) -> None:
    """Says what broke a limit, and ends the command with its own status."""
    for line in broken:
        click.echo(f"broken: {line}", err=True)
    if broken:
        raise click.exceptions.Exit(LIMIT_BROKEN)
