"""The results as a page: what was held, what was not, and how a neighbour fared."""

from collections.abc import Sequence

from benchmarks.reliability.fate import Fate
from benchmarks.reliability.results import Chaos, Conditions, Fault, Fuzz, Soak, Tally

HEAD = (
    "# Reliability\n\n"
    "Written by `python -m benchmarks reliability report` from [soak.json](soak.json), "
    "[chaos.json](chaos.json) and [fuzz.json](fuzz.json); not edited by hand.\n\n"
    "The service has the first core that there is, its clients the last. Every answer is compared "
    "with the one that the same text got alone before any load: labels equal, probabilities within "
    "1e-5. *Refused* is 429, 503 or 504; *failed* any other status from 500 on; *wrong* another "
    "answer, or a good request called bad; *lost* a request whose connection ended without an "
    "answer; *hung* one without an answer in the client's time; *unreached* one for which no "
    "connection was made, so that nothing was sent. A neighbour is a client of its own that asks "
    "the student about a short text 50 times a second; its times count from when a request was "
    "due.\n"
)
MIX = (
    "Short, long and Unicode texts and batches by chance, to the student, nano, the teacher and "
    "`auto`, in every dialect."
)
SHOTS = (
    "Valid requests to all paths, broken in their bytes, their JSON, their lines and headers; and "
    "requests that [schemathesis](https://schemathesis.io) makes of OpenAPI documents, half of "
    "them such as the document forbids. *Closed* are those that were not certainly one whole "
    "request, to which the service closed the connection. After every nine a connection asks a "
    "good one."
)
NAMED = (Fate.REFUSED, Fate.FAILED, Fate.WRONG, Fate.LOST, Fate.HUNG, Fate.UNREACHED)


def to_markdown(soak: Soak | None, chaos: Chaos | None, fuzz: Fuzz | None) -> str:
    """The whole page; what there is no result of is left out."""
    parts = [HEAD]
    parts += [_soak(soak)] if soak else []
    parts += [_chaos(chaos)] if chaos else []
    parts += [_fuzz(fuzz)] if fuzz else []
    return "\n".join(parts)


def _soak(found: Soak) -> str:
    memory = found.memory
    rows = [_row("all", found.load), _row("the neighbour", found.neighbour)]
    resident = (
        f"Resident memory: {memory.settled_mb:,.1f} MB at {memory.settled_s / 60:.1f} min of load, "
        f"{memory.end_mb:,.1f} MB at its end, {memory.change:+.2%}"
    )
    return f"""## Soak

{_conditions(found.conditions)} {MIX}

{_table(("requests of", "requests", *_fates(), "p50", "p99", "max"), rows)}

{resident}. {_count(found.errors_logged, "error")} in the log.

![Memory and the neighbour's p99 over time](soak.svg)

{_verdict(found.missed)}
"""


def _chaos(found: Chaos) -> str:
    ran = [fault for fault in found.faults if fault.load is not None]
    rows = [row for fault in ran for row in _phase_rows(fault)]
    lists = "\n".join(_said(fault) for fault in found.faults)
    return f"""## Faults under load

{_conditions(found.conditions)} Each fault meets a service of its own under the mixed load.

{lists}

{_table(("fault", "phase", "requests", *_fates(), "p99", "the neighbour's p50", "p99"), rows)}

{_verdict(found.missed)}
"""


def _phase_rows(fault: Fault) -> list[tuple[str, ...]]:
    rows = []
    for phase in ("before", "during", "after"):
        load: Tally = getattr(fault.load, phase)
        near: Tally = getattr(fault.neighbour, phase)
        counts = [str(load.of(fate)) for fate in (Fate.OK, *NAMED)]
        times = (_ms(load.p99_ms), _ms(near.p50_ms), _ms(near.p99_ms))
        name = fault.name if phase == "before" else ""
        rows.append((name, phase, f"{load.requests:,}", *counts, *times))
    return rows


def _said(fault: Fault) -> str:
    if fault.skipped is not None:
        return f"- **{fault.name}**: skipped: {fault.skipped}."
    seen = "; ".join(f"{name}: {value}" for name, value in fault.findings.items())
    return f"- **{fault.name}**: {fault.what}." + (f" {seen}." if seen else "")


def _fuzz(found: Fuzz) -> str:
    rows = []
    for source in found.sources:
        if source.shots is not None:
            answered = [
                f"{said.partition(': ')[2]}: {count:,}"
                for said, count in source.shots.details.items()
                if said.startswith(("ok: ", "refused: "))
            ]
            counts = [str(source.shots.of(fate)) for fate in (Fate.CLOSED, *NAMED[1:])]
            rows.append((source.name, f"{source.shots.requests:,}", ", ".join(answered), *counts))
    heads = ("requests", "sent", "answered", "closed", *(str(fate) for fate in NAMED[1:]))
    skipped = "".join(
        f"\n- {one.name}: skipped: {one.skipped}." for one in found.sources if one.skipped
    )
    near = [_row("good ones", found.good), _row("the neighbour before", found.calm)]
    near.append(_row("the neighbour meanwhile", found.neighbour))
    return f"""## Fuzzing

{_conditions(found.conditions)} {SHOTS}
{skipped}
{_table(heads, rows)}

{_table(("beside them", "requests", *_fates(), "p50", "p99", "max"), near)}

{_count(found.errors_logged, "error")} in the log.

{_verdict(found.missed)}
"""


def _conditions(found: Conditions) -> str:
    machine = found.machine
    versions = ", ".join(f"{name} {version}" for name, version in found.versions.items())
    models = ", ".join(f"`{one.name}@{one.version}` ({one.precision})" for one in found.models)
    capacity = f" of {found.capacity:,.0f} that the mix can have" if found.capacity else ""
    return (
        f"{found.started_at}, {machine.cpu}, {machine.cpus} CPUs, Linux {machine.kernel}; "
        f"{versions}; commit {found.commit}; {models}. {found.seconds:,.0f} s in all, "
        f"{found.rate:g} requests a second{capacity}."
    )


def _fates() -> list[str]:
    return [str(fate) for fate in (Fate.OK, *NAMED)]


def _row(name: str, tally: Tally) -> tuple[str, ...]:
    counts = [f"{tally.of(fate):,}" for fate in (Fate.OK, *NAMED)]
    times = (_ms(tally.p50_ms), _ms(tally.p99_ms), _ms(tally.max_ms))
    return (name, f"{tally.requests:,}", *counts, *times)


def _table(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [heads, ["---", *("---:" for _ in heads[1:])], *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _ms(value: float | None) -> str:
    return "" if value is None else f"{value:,.1f} ms"


def _count(number: int, word: str) -> str:
    return f"{number or 'No'} {word}{'' if number == 1 else 's'}"


def _verdict(missed: Sequence[str]) -> str:
    if not missed:
        return "Nothing was missed."
    return "**Missed:**\n\n" + "\n".join(f"- {each}" for each in missed)
