"""A run for readers: tables in Markdown."""

from collections.abc import Iterable, Sequence

from benchmarks.growth.outlook import ONE, Outlook, mode_points, outlooks
from benchmarks.growth.plan import BATCH, CLASSES, CORES, LENGTHS, MODELS, Point, points
from benchmarks.growth.results import Run
from benchmarks.growth.summary import Standing, failures, standing
from benchmarks.peers.machine import BUSY

TITLES = {
    CORES: "Cores",
    LENGTHS: "Text length",
    BATCH: "Texts a request",
    CLASSES: "Classes",
    MODELS: "Loaded models",
}
HEADS = {LENGTHS: "tokens", BATCH: "texts a request", CLASSES: "classes", MODELS: "models"}
NOTES = {
    CORES: "CPU is in cores: of the event loops (the main thread of each process), of all other "
    "threads, which is the models', and of wrk. The busiest process's share of the service's CPU "
    "says how evenly the kernel dealt the connections out. Memory is PSS over all processes.",
    LENGTHS: "Real sentences, joined and cut to just so many of the model's tokens, asked of a "
    "copy of the model that takes 512.",
    BATCH: "Real sentences, so many in each request.",
    CLASSES: "Copies of the model with a classifier layer of so many outputs and random weights: "
    "time does not depend on the weights' values.",
    MODELS: "So many copies of the model in one process, asked in turn. Memory is the process's "
    "RSS.",
}


def to_markdown(run: Run) -> str:
    """All of a run: how it was measured, a table a dimension, the extrapolation."""
    parts = [
        "# How throughput grows",
        "Written by `python -m benchmarks growth report` from [growth.json](growth.json); "
        "not edited by hand.",
        "![Throughput by cores, text length, batch, classes and loaded models](growth.svg)",
        _conditions(run),
    ]
    for dimension in run.plan.dimensions:
        parts += [f"## {TITLES[dimension]}", NOTES[dimension]]
        if dimension == CORES:
            parts += ["\n".join(_cores(run)), *_extrapolation(run)]
        else:
            parts.append("\n".join(_table(run, dimension)))
    failed = [
        f"- {each.point.name}, round {each.round + 1}: {(each.failure or '').splitlines()[0]}"
        for each in failures(run)
    ]
    if failed:
        parts.append("Failed, and left out:\n\n" + "\n".join(failed))
    return "\n\n".join(parts)


def _conditions(run: Run) -> str:
    plan, machine = run.plan, run.machine
    models = ", ".join(f"`{m.name}` (version {m.version}, {m.precision})" for m in run.models)
    versions = ", ".join(f"{name} {version}" for name, version in run.versions.items())
    settings = ", ".join(f"{name}={value}" for name, value in run.settings.items())
    said = (
        f"{run.started_at}, {machine.cpu}, {machine.cpus} CPUs, Linux {machine.kernel}; "
        f"{versions}, {run.wrk}. Models: {models}. `stillhouse serve` with `{settings}`, one "
        f"process with one thread on one core where nothing else is said; wrk on core "
        f"{machine.client_core} with {plan.connections} connections, each asking anew as soon as "
        f"it is answered, {run.sentences} real sentences in turn and again, so that the tokenizer "
        f"has seen their words before. Rounds: {plan.rounds}, in each of which the service is "
        f"started for every point, warmed up for {plan.warm_up_seconds} s and loaded for "
        f"{plan.seconds} s, longer where answers are slow. Medians of the rounds, with the "
        "lowest and the highest; latencies in milliseconds. "
        f"Command: `{_command(run)}`."
    )
    if run.finished_at is None:
        said += " **This run was broken off.**"
    shares = CORES in plan.dimensions and len(run.cpus) in plan.cores
    if len(run.cpus) == 1:
        said += " **All of it ran on one core, wrk too.**"
    elif shares:
        said += (
            f" **On {len(run.cpus)} cores wrk shared one with the service**; the CPU that it took "
            "is in the table, and the extrapolation counts the rest alone as the service's."
        )
    if max(machine.server_core_busy, machine.client_core_busy) > BUSY:
        said += (
            f" **The machine was not quiet: before the run, others used "
            f"{machine.server_core_busy:.0%} of the service's first core and "
            f"{machine.client_core_busy:.0%} of wrk's.**"
        )
    return said


def _command(run: Run) -> str:
    plan = run.plan
    return (
        f"python -m benchmarks growth run --model {','.join(plan.models)} "
        f"--dimensions {','.join(plan.dimensions)} --cores {','.join(map(str, plan.cores))} "
        f"--connections {plan.connections} --seconds {plan.seconds} "
        f"--warm-up {plan.warm_up_seconds} --rounds {plan.rounds}"
    )


def _table(run: Run, dimension: str) -> Iterable[str]:
    memory = ["memory"] if dimension == MODELS else []
    heads = [HEADS[dimension]]
    for model in run.plan.models:
        heads += [f"{model}: texts/s", "p50", "p99", *memory]
    yield _row(heads)
    yield "|" + " ---: |" * len(heads)
    wanted = [point for point in points(run.plan) if point.dimension == dimension]
    for value in dict.fromkeys(point.value for point in wanted):
        cells = [str(value)]
        for point in wanted:
            if point.value == value:
                found = standing(run, point)
                cells += _figures(found)
                cells += [f"{found.use.rss_mb:,.0f} MB" if found else "-"] if memory else []
        yield _row(cells)


def _cores(run: Run) -> Iterable[str]:
    heads = ["model", "cores", "processes", "threads", "texts/s", "p50", "p99"]
    yield _row([*heads, "CPU: loops", "models", "wrk", "busiest process", "memory"])
    yield "| --- |" + " ---: |" * 11
    for point in points(run.plan):
        if point.dimension == CORES:
            found = standing(run, point)
            yield _row([*_setting(point), *_figures(found), *_use(found)])


def _setting(point: Point) -> list[str]:
    return [point.model, *map(str, (point.cores, point.workers, point.threads))]


def _figures(found: Standing | None) -> list[str]:
    if found is None:
        return ["-"] * 3
    middle, low, high = (_rate(x) for x in (found.texts_per_second, found.low, found.high))
    return [f"{middle} ({low} to {high})", f"{found.p50_ms:,.1f}", f"{found.p99_ms:,.1f}"]


def _use(found: Standing | None) -> list[str]:
    if found is None:
        return ["-"] * 5
    use = found.use
    cpu = (f"{share:.2f}" for share in (use.loop_cpu, use.other_cpu, use.client_cpu))
    return [*cpu, f"{use.busiest:.0%}", f"{use.pss_mb:,.0f} MB"]


def _extrapolation(run: Run) -> list[str]:
    found = outlooks(run)
    parts = ["### More cores: an extrapolation, not a measurement"]
    if not found:
        parts.append("It takes points of one core and of more; this run has not both.")
        return parts
    most = max(each.fitted_on for each in found)
    parts.append(
        f"A fit through {most} points a mode, the highest of {max(run.plan.cores)} cores, by "
        "Amdahl's law: X(n) = X(1) n / (1 + s (n - 1)), the contention s fitted in each round. So "
        "few points show no second coefficient and no knee, such as a memory bus that is full: "
        "read it as what no new limit would leave. **n processes** share nothing but memory, its "
        "bandwidth and the port; their memory is n times the PSS of one. **One process** "
        "has one event loop, however many threads its model has: at most a core's time over the "
        "loop's CPU time a text, which is measured. The interpreter's lock, which the model's "
        "thread takes too, lowers that by what was not measured. With **one thread** for its model "
        "it has two in all, and stays where it was."
    )
    parts.append("\n".join(_outlook_rows(run, found)))
    return parts


def _outlook_rows(run: Run, found: Sequence[Outlook]) -> Iterable[str]:
    measured = [f"texts/s measured on {cores}" for cores in run.plan.cores]
    ahead = [f"expected on {each.cores}" for each in found[0].ahead]
    memory = [f"memory on {each.cores}" for each in found[0].ahead]
    heads = [*measured, *ahead, *memory, "s"]
    yield _row(["model", "mode", *heads, "what limits it first"])
    yield "| --- | --- |" + " ---: |" * len(heads) + " --- |"
    for each in found:
        contention = sorted(curve.contention for curve in each.curves)
        here = (standing(run, point) for point in mode_points(run, each.model, each.mode))
        yield _row(
            [
                each.model,
                each.mode,
                *(_rate(one.texts_per_second) if one else "-" for one in here),
                *(f"{_rate(x.middle)} ({_rate(x.low)} to {_rate(x.high)})" for x in each.ahead),
                *(f"{x.memory_mb / 1000:,.1f} GB" for x in each.ahead),
                "" if each.mode == ONE else f"{contention[0]:.3f} to {contention[-1]:.3f}",
                each.limit,
            ]
        )


def _rate(value: float) -> str:
    return f"{value:,.1f}" if value < 100 else f"{value:,.0f}"


def _row(cells: Iterable[str]) -> str:
    return "| " + " | ".join(cells) + " |"
