"""A comparison for readers: tables in Markdown, and a plot."""

from collections.abc import Iterable
from pathlib import Path

from benchmarks.peers.catalogue import CASCADE, FLOOR, SERVICE
from benchmarks.peers.figures.ratios import Standing, standing
from benchmarks.peers.figures.results import Comparison, Contender, Results
from benchmarks.peers.machine import BUSY

ENGINES = ("onnxruntime", "tokenizers", "python")


def to_markdown(results: Results, source: str = "peers.json") -> str:
    """All comparisons of a file, each with what it was run with.

    Args:
        source: the file's name.
    """
    parts = [
        "# Against other servers",
        f"Written by `python -m benchmarks peers report` from [{source}]({source}); "
        "not edited by hand.",
    ]
    parts += [_section(comparison) for comparison in results.comparisons]
    return "\n\n".join(parts) + "\n"


def _section(comparison: Comparison) -> str:
    model = comparison.model
    parts = [
        f"## `{model.name}` (version {model.version}, {model.precision})",
        _conditions(comparison),
        "\n".join(_standings(comparison)),
        "\n".join(_ratios(comparison)),
        "\n".join(_settings(comparison)),
    ]
    failures = [
        f"- {contender.name}: {failure.splitlines()[0]}"
        for contender in comparison.contenders
        for failure in standing(comparison, contender.name).failures
    ]
    if failures:
        parts.append("Failed, and without figures for it:\n\n" + "\n".join(failures))
    return "\n\n".join(parts)


def _conditions(comparison: Comparison) -> str:
    machine = comparison.machine
    said = (
        f"{comparison.started_at}, {machine.cpu}, {machine.cpus} CPUs, Linux {machine.kernel}. "
        f"Each server on core {machine.server_core}, {comparison.wrk} on core "
        f"{machine.client_core}; {comparison.texts} texts of {comparison.texts_name}, one a "
        "request, in turn; "
        f"{comparison.rounds} rounds, in each of which every server is started, warmed up for "
        f"{comparison.warm_up_seconds} s and loaded for {comparison.seconds} s with each number "
        "of connections. Medians of the rounds; latencies in milliseconds; memory is the sum of "
        "all processes' RSS. Bare ONNX Runtime has one thread and no server: texts sorted by "
        "length, tokenised before, in batches of the fastest size; its p50 is of one text, "
        "tokenised and run."
    )
    if comparison.finished_at is None:
        said += " **This run was broken off.**"
    if machine.server_core == machine.client_core:
        said += " **Server and load shared a core: these figures compare nothing.**"
    if max(machine.server_core_busy, machine.client_core_busy) > BUSY:
        said += (
            f" **The machine was not quiet: before the run, others used "
            f"{machine.server_core_busy:.0%} of the server's core and "
            f"{machine.client_core_busy:.0%} of the load's.**"
        )
    return said


def _standings(comparison: Comparison) -> Iterable[str]:
    cs = comparison.connections
    heads = [
        "server",
        *(f"req/s at {c}" for c in cs),
        *(f"p50 at {c}" for c in cs[:1]),
        *(f"p99 at {c}" for c in cs),
        "memory",
        "first answer",
    ]
    yield "| " + " | ".join(heads) + " |"
    yield "| --- |" + " ---: |" * (len(heads) - 1)
    for contender in comparison.contenders:
        found = standing(comparison, contender.name)
        cells = [
            _who(contender),
            *(_number(found.requests_per_second.get(c), 1) for c in cs),
            *(_number(found.p50_ms.get(c), 2) for c in cs[:1]),
            *(_number(found.p99_ms.get(c), 1) for c in cs),
            f"{_number(found.rss_mb, 0)} MB",
            f"{_number(found.start_to_first_answer_s, 1)} s",
        ]
        yield "| " + " | ".join(cells) + " |"
    yield from _bare_row(comparison, len(heads))


def _bare_row(comparison: Comparison, columns: int) -> Iterable[str]:
    if not comparison.bare:
        return
    by_speed = sorted(comparison.bare, key=lambda visit: visit.texts_per_second)
    middle = by_speed[len(by_speed) // 2]
    said = (
        f"bare ONNX Runtime: {middle.texts_per_second:,.1f} texts/s in batches of "
        f"{middle.best_batch} ({middle.with_tokenizer:,.1f} with the tokeniser, "
        f"{middle.unsorted:,.1f} unsorted); one text {middle.one_text_p50_ms:.2f} ms"
    )
    yield f"| {said} |" + " |" * (columns - 1)


def _ratios(comparison: Comparison) -> Iterable[str]:
    yield "| within each round | median | lowest | highest |"
    yield "| --- | ---: | ---: | ---: |"
    for ratio in comparison.ratios:
        unit = "x" if ratio.unit == "x" else f" {ratio.unit}"
        values = (f"{value:.2f}{unit}" for value in (ratio.value, ratio.low, ratio.high))
        yield f"| {ratio.name} | " + " | ".join(values) + " |"


def _settings(comparison: Comparison) -> Iterable[str]:
    yield "| server | command, path | what was set | settings | onnxruntime | tokenizers | Python |"
    yield "| --- | --- | --- | --- | --- | --- | --- |"
    for contender in comparison.contenders:
        versions = contender.versions
        cells = [
            _who(contender),
            f"`{contender.command}`, `{contender.path}`",
            contender.note,
            _set(contender),
            *(versions.get(name, "") for name in ENGINES),
        ]
        yield "| " + " | ".join(cells) + " |"


def _set(contender: Contender) -> str:
    if not contender.settings:
        return ""
    settings = ", ".join(f"{name}={value}" for name, value in contender.settings.items())
    if contender.kind in (SERVICE, CASCADE):
        return f"`{settings}`"
    tuned = "the fastest of those tried" if contender.tuned else "not tuned on this model"
    return f"`{settings}` ({tuned})"


def _who(contender: Contender) -> str:
    version = next((v for name, v in contender.versions.items() if name not in ENGINES), "")
    floor = ", no model" if contender.kind == FLOOR else ""
    return f"{contender.name} {version}{floor}".strip()


def _number(value: float | None, digits: int) -> str:
    return "-" if value is None else f"{value:,.{digits}f}"


def draw(results: Results, path: Path) -> None:
    """Draws requests a second and p99 of every contender, a row of charts a model."""
    from matplotlib.figure import Figure
    from matplotlib.ticker import LogLocator, NullFormatter, StrMethodFormatter

    rows = len(results.comparisons)
    figure = Figure(figsize=(11, 4.5 * rows), layout="constrained")
    charts = figure.subplots(rows, 2, squeeze=False)
    for (rates, p99s), comparison in zip(charts, results.comparisons, strict=True):
        shown = [one for one in comparison.contenders if one.kind != FLOOR]
        names = [one.name for one in shown]
        found = [standing(comparison, one.name) for one in shown]
        loads = [c for c in comparison.connections if c > 1] or list(comparison.connections)
        height = 0.8 / len(loads)
        for at, c in enumerate(loads):
            where = [place + at * height for place in range(len(shown))]
            label = f"{c} connections"
            rates.barh(where, _bars(found, c, "requests_per_second"), height, label=label)
            p99s.plot(_bars(found, c, "p99_ms"), where, "o", label=label)
        if comparison.bare:
            speeds = sorted(visit.texts_per_second for visit in comparison.bare)
            limit = speeds[len(speeds) // 2]
            rates.axvline(limit, linestyle="--", color="grey", label="bare ONNX Runtime")
        for axes, what in ((rates, "requests a second"), (p99s, "p99, ms (log)")):
            middle = [place + height * (len(loads) - 1) / 2 for place in range(len(shown))]
            axes.set_yticks(middle, names)
            axes.invert_yaxis()
            axes.set(xlabel=what, title=comparison.model.name)
            axes.legend(fontsize="small")
        p99s.set_xscale("log")  # of which a bar would have no foot
        p99s.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
        p99s.xaxis.set_major_formatter(StrMethodFormatter("{x:,.0f}"))
        p99s.xaxis.set_minor_formatter(NullFormatter())
        p99s.grid(axis="x", which="both", alpha=0.3)
    partial = path.with_name(f".partial-{path.name}")
    figure.savefig(partial)
    partial.replace(path)


def _bars(found: list[Standing], connections: int, what: str) -> list[float]:
    return [getattr(one, what).get(connections, float("nan")) for one in found]
