"""The growth of `score --ray` as a table in a page."""

from pathlib import Path
from statistics import median

from benchmarks.spread.growing import AHEAD, Growth, ceiling, ending, expected, rates

BEGIN = "<!-- growth: written by `python -m benchmarks spread` from docs/ray.json -->"
END = "<!-- /growth -->"
ROWS = 100_000_000  # of the job that is reckoned ahead


def table(growth: Growth) -> str:
    """What was measured, and beside it, marked as such, what is only reckoned."""
    shard_rows = growth.answering[0].shard_rows
    lines = [
        f"| cores | texts a second | {ROWS:,} texts | |",
        "| --- | --- | --- | --- |",
    ]
    for cores in sorted({run.cores for run in growth.answering}):
        found = rates(growth.answering, cores)
        lines.append(
            f"| {cores} | {median(found):,.0f} ({min(found):,.0f} to {max(found):,.0f}, "
            f"{len(found)} runs) | | measured |"
        )
    for cores in AHEAD:
        ahead = expected(growth, cores, ROWS)
        limit = ", at the limit of handing out" if ahead.limited else ""
        lines.append(
            f"| {cores} | {ahead.rate:,.0f} ({ahead.low:,.0f} to {ahead.high:,.0f}) "
            f"| {ahead.seconds / 3600:.1f} h | extrapolated{limit} |"
        )
    most = max(run.cores for run in growth.answering)
    whole = [run for run in growth.answering if run.cores == most]
    lines += [
        "",
        f"Shards of {shard_rows:,} rows. The first part was there after "
        f"{median([run.start_seconds for run in whole]):.1f} s; putting the parts together takes "
        f"{ending(growth, 1_000_000):.1f} s for a million rows. At least "
        f"{ceiling(growth, shard_rows):,.0f} rows a second can be handed out in such shards.",
    ]
    return "\n".join(lines)


def write_into(page: Path, growth: Growth) -> None:
    """Puts the table between the marks of a page.

    Raises:
        ValueError: the page has none.
    """
    text = page.read_text(encoding="utf-8")
    if BEGIN not in text or END not in text:
        raise ValueError(f"{page} has no marks {BEGIN} and {END}")
    before, rest = text.split(BEGIN, 1)
    after = rest.split(END, 1)[1]
    page.write_text(f"{before}{BEGIN}\n{table(growth)}\n{END}{after}", encoding="utf-8")
