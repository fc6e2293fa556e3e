"""`python -m benchmarks growth`: how throughput grows, measured on this machine."""

from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from benchmarks.growth.plan import CLASSES, DIMENSIONS, Plan
from benchmarks.options import PATH, with_models, with_stillhouse
from benchmarks.peers.options import names, numbers

if TYPE_CHECKING:
    from benchmarks.growth.results import Visit

LIBRARIES = ("matplotlib", "psutil", "tqdm", "urllib3")


def dimension_names(context: click.Context, option: click.Parameter, value: str) -> tuple[str, ...]:
    """Dimensions with commas between them, in their own order."""
    found = names(context, option, value)
    for name in found:
        if name not in DIMENSIONS:
            raise click.BadParameter(f"no dimension is called {name!r}: {', '.join(DIMENSIONS)}")
    return tuple(name for name in DIMENSIONS if name in found)


def core_numbers(
    context: click.Context, option: click.Parameter, value: str | None
) -> tuple[int, ...]:
    """Numbers of cores, none above what there is."""
    have = len(_cpus())
    if value is None:
        return tuple(range(1, min(have, 2) + 1))
    found = numbers(context, option, value)
    if found[-1] > have:
        raise click.BadParameter(f"{found[-1]} cores are not to be had, only {have}")
    return found


@click.group()
def growth() -> None:
    """Measure how throughput grows with cores, text length, batch, classes, loaded models."""


@growth.command()
@click.option("--model", default="student,teacher", show_default=True, callback=names)
@with_models
@click.option(
    "--dimensions",
    default=",".join(DIMENSIONS),
    show_default=True,
    callback=dimension_names,
    help="What is varied.",
)
@click.option(
    "--cores",
    callback=core_numbers,
    help="How many the service gets in the dimension `cores`.  [default: 1,2 as far as there are]",
)
@click.option(
    "--connections",
    type=click.IntRange(min=1),
    default=32,
    show_default=True,
    help="How many ask at once.",
)
@click.option(
    "--seconds",
    type=click.IntRange(min=1),
    default=3,
    show_default=True,
    help="How long each load lasts at least.",
)
@click.option(
    "--warm-up",
    type=click.IntRange(min=1),
    default=2,
    show_default=True,
    help="Seconds of load before those that count; more where answers are slow.",
)
@click.option("--rounds", type=click.IntRange(min=1), default=3, show_default=True)
@click.option("--port", type=int, default=8123, show_default=True, help="A free port.")
@with_stillhouse
@click.option(
    "--output",
    type=PATH,
    default=Path("docs/growth.json"),
    show_default=True,
    help="The results; a run that was broken off goes on when it is started again.",
)
@click.option("--replace", is_flag=True, help="Replace results that are there.")
def run(
    models: Path, port: int, stillhouse: Path, output: Path, replace: bool, **given: Any
) -> None:
    """Measure every point in every round, on the cores that this process may use.

    The service has the first of them, wrk the last: under `taskset -c 2,3` they
    are two others.
    """
    _need(*LIBRARIES, *(["onnx"] if CLASSES in given["dimensions"] else []))
    from tqdm import tqdm

    from benchmarks.growth import session
    from benchmarks.growth.copies import CopyUnfit
    from benchmarks.growth.summary import failures
    from benchmarks.growth.visit import Place
    from benchmarks.peers.errors import PeersError
    from benchmarks.peers.figures.results import ResultsUnfit
    from loadtest.traffic.texts import TextsUnfit

    plan = Plan(
        models=given["model"],
        dimensions=given["dimensions"],
        cores=given["cores"],
        connections=given["connections"],
        seconds=given["seconds"],
        warm_up_seconds=given["warm_up"],
        rounds=given["rounds"],
    )
    with tqdm(unit="visit") as bar:

        def expect(name: str, left: int, total: int) -> None:
            bar.total, bar.n = total, total - left
            bar.set_description(name)

        def hear(visit: "Visit") -> None:
            bar.update()
            tqdm.write(_said(visit))

        try:
            found = session.run(
                plan, models, Place(stillhouse, port, _cpus()), output, replace, expect, hear
            )
        except (PeersError, ResultsUnfit, CopyUnfit, TextsUnfit, OSError) as error:
            raise click.ClickException(str(error)) from error
        except KeyboardInterrupt:
            click.echo(f"broken off; the same command goes on from {session.unfinished(output)}")
            raise
    click.echo(f"wrote {output}")
    if failed := failures(found):
        lines = (f"{each.point.name}, round {each.round + 1}: {each.failure}" for each in failed)
        raise click.ClickException("\n".join(lines))


@growth.command()
@click.option(
    "--input",
    "source",
    type=click.Path(path_type=Path, exists=True),
    default=Path("docs/growth.json"),
    show_default=True,
)
@click.option("--table", type=PATH, default=Path("docs/growth.md"), show_default=True)
@click.option("--plot", type=PATH, default=Path("docs/growth.svg"), show_default=True)
def report(source: Path, table: Path, plot: Path) -> None:
    """Write the tables and the plot of a file of results."""
    _need("matplotlib")
    from benchmarks.growth.charts import draw
    from benchmarks.growth.report import to_markdown
    from benchmarks.growth.results import read_run
    from benchmarks.peers.figures.results import ResultsUnfit, write_whole

    try:
        found = read_run(source)
        write_whole(to_markdown(found).encode(), table)
        draw(found, plot)
    except (ResultsUnfit, OSError) as error:
        raise click.ClickException(str(error)) from error
    click.echo(f"wrote {table}\nwrote {plot}")


def _cpus() -> tuple[int, ...]:
    import os

    return tuple(sorted(os.sched_getaffinity(0)))


def _need(*packages: str) -> None:
    for name in packages:
        if not find_spec(name):
            raise click.ClickException(
                f"{name} is not installed: `make .venv-dev/installed` makes what has it"
            )


def _said(visit: "Visit") -> str:
    if visit.load is None or visit.failure is not None:
        return f"{visit.point.name}: FAILED: {visit.failure}"
    return (
        f"{visit.point.name}: {visit.texts_per_second:.1f} texts/s, p99 {visit.load.p99_ms:.1f} ms"
    )
