"""A comparison as Markdown: one row a model, and what the figures are of."""

from collections.abc import Iterator, Sequence

from export.bench.results import Bench, Figure, Row
from export.measure.timing import TURN


def markdown(found: Bench) -> str:
    """The table, with what was measured under it."""
    return "\n".join([*_table(found), "", *_notes(found), ""])


def _table(found: Bench) -> Iterator[str]:
    columns = _columns(found)
    yield f"| {' | '.join(columns)} |"
    yield f"| {' | '.join('---' if place < 2 else '---:' for place in range(len(columns)))} |"
    for row in found.rows:
        yield f"| {' | '.join(_cells(found, row))} |"


def _columns(found: Bench) -> list[str]:
    judged = [found.quality_name] if found.quality_name else []
    if any(row.judged.macro_f1 for row in found.rows):
        judged.append("macro F1")
    if any(row.judged.lost for row in found.rows):
        judged.append("lost to the first")
    if found.agreement_name:
        judged.append(f"{found.agreement_name} as the first")
    return [
        *("model", "run by", *judged, "MB", "parameters", "zeros"),
        *("mean ms", "p50", "p95", "p99", "times as fast"),
        *("texts a second", "in batches of", "times as many"),
    ]


def _cells(found: Bench, row: Row) -> Iterator[str]:
    judged, alone = row.judged, row.alone
    yield row.title
    yield f"{row.engine}, {row.precision}"
    if found.quality_name:
        yield share(judged.quality)
    if any(one.judged.macro_f1 for one in found.rows):
        yield share(judged.macro_f1)
    if any(one.judged.lost for one in found.rows):
        yield share(judged.lost)
    if found.agreement_name:
        yield share(judged.agreement)
    yield f"{row.bytes / 1e6:.1f}"
    yield f"{row.parameters:,}"
    yield f"{100 * row.sparsity:.1f}%"
    yield from (f"{ms:.3g}" for ms in (alone.mean_ms, alone.p50_ms, alone.p95_ms, alone.p99_ms))
    yield f"{row.speed_up:.2f}"
    yield f"{row.texts_per_second:,.0f}"
    yield str(row.batch_size)
    yield f"{row.batch_speed_up:.2f}"


def share(figure: Figure | None) -> str:
    """In percent, with its interval; nothing where it is not known."""
    if figure is None:
        return ""
    if figure.low is None or figure.high is None:
        return f"{100 * figure.value:.1f}"
    return f"{100 * figure.value:.1f} ({100 * figure.low:.1f} to {100 * figure.high:.1f})"


def _notes(found: Bench) -> Sequence[str]:
    padded = "" if found.pad_to is None else f", each padded or cut to {found.pad_to} tokens"
    lengths = sorted({row.max_length for row in found.rows})
    read = " or ".join(map(str, lengths))
    libraries = ", ".join(f"{name} {release}" for name, release in found.libraries.items())
    return [
        f"{found.n} texts of {found.data}{padded}; models read {read} tokens at most. "
        "Shares are in percent, with their interval at 95%; what is lost to the first is paired, "
        "text by text.",
        "",
        f"One text alone, tokenising included: {found.runs} runs after {found.warm_up} to warm "
        f"up, {_threads(found.threads)} a model, the models in turns of {TURN} texts; times as "
        "fast is by the median. Texts a second are of all texts, sorted by length, in batches of "
        "that size. Texts are tokenised by one thread. Zeros are the share of the numbers in "
        "weight matrices, as they are stored.",
        "",
        f"{found.hardware}, {found.cpus} CPUs; {libraries}; {found.started_at:%Y-%m-%d %H:%M} UTC, "
        f"stillhouse {found.code_version}.",
    ]


def _threads(n: int) -> str:
    return "one thread" if n == 1 else f"{n} threads"
