"""`python -m benchmarks reliability`: a soak, faults under load, fuzzing, a rolling update."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from benchmarks.options import PATH
from benchmarks.peers.options import names
from benchmarks.reliability.commands import finish, made, need
from benchmarks.reliability.options import COMMON, FAULTS, RATE, with_options
from benchmarks.reliability.rolling.cli import rolling

if TYPE_CHECKING:
    from benchmarks.reliability.results import Chaos, Fault, Fuzz, Soak

DOCS = Path("docs")


@click.group()
def reliability() -> None:
    """Show that the service holds: a soak, faults under load, fuzzing, a rolling update."""


@reliability.command()
@with_options(COMMON, RATE)
@click.option("--minutes", type=click.FloatRange(0, min_open=True), default=45.0, show_default=True)
@click.option("--output", type=PATH, default=DOCS / "soak.json", show_default=True)
@click.option("--plot", type=PATH, default=DOCS / "soak.svg", show_default=True)
def soak(
    stillhouse: Path,
    models: Path,
    texts: int,
    rate: float | None,
    capacity_seconds: int,
    minutes: float,
    output: Path,
    plot: Path,
) -> None:
    """Put an even, mixed load on the service for long, and watch its memory."""
    need("matplotlib", "psutil", "urllib3")
    from benchmarks.reliability import soak as soaking
    from benchmarks.reliability.report.charts import draw
    from benchmarks.reliability.results import write
    from benchmarks.reliability.service.conditions import Place

    plan = soaking.Plan(minutes * 60, rate, capacity_seconds, texts)

    def make() -> "Soak":
        found = soaking.run(plan, Place.here(stillhouse, models), click.echo)
        write(found, output)
        draw(found, plot)
        return found

    found = made(make)
    click.echo(f"wrote {output}\nwrote {plot}")
    finish(found.missed)


@reliability.command()
@with_options(COMMON, RATE)
@click.option("--faults", default=FAULTS, show_default=True, callback=names, help="Which, in turn.")
@click.option(
    "--seconds",
    type=click.FloatRange(min=1),
    default=30.0,
    show_default=True,
    help="How long each fault lasts; a third of it is calm before it, and after.",
)
@click.option(
    "--publish-seconds",
    type=click.FloatRange(min=1),
    default=300.0,
    show_default=True,
    help="How long versions are published.",
)
@click.option("--output", type=PATH, default=DOCS / "chaos.json", show_default=True)
def chaos(
    stillhouse: Path,
    models: Path,
    texts: int,
    rate: float | None,
    capacity_seconds: int,
    faults: tuple[str, ...],
    seconds: float,
    publish_seconds: float,
    output: Path,
) -> None:
    """Do the service harm under load, one fault after another.

    About 15 minutes; `--seconds 6 --publish-seconds 15` take 3.
    """
    need("psutil", "urllib3")
    from benchmarks.reliability import chaos as harming
    from benchmarks.reliability.results import write
    from benchmarks.reliability.service.conditions import Place

    if unknown := [name for name in faults if name not in harming.FAULTS]:
        raise click.BadParameter(f"no fault is called {unknown[0]!r}: {FAULTS}")
    plan = harming.Plan(faults, seconds, publish_seconds, rate, capacity_seconds, texts)

    def make() -> "Chaos":
        found = harming.run(plan, Place.here(stillhouse, models), click.echo, _say_fault)
        write(found, output)
        return found

    found = made(make)
    click.echo(f"wrote {output}")
    finish(found.missed)


@reliability.command()
@with_options(COMMON)
@click.option("--requests", type=click.IntRange(min=100), default=100_000, show_default=True)
@click.option(
    "--processes", type=click.IntRange(min=1), default=2, show_default=True, help="That mutate."
)
@click.option(
    "--at-once",
    type=click.IntRange(min=1),
    default=16,
    show_default=True,
    help="Connections of each process.",
)
@click.option(
    "--spec",
    "specs",
    type=PATH,
    multiple=True,
    help="An OpenAPI document besides the service's own; one that is not there is skipped.",
)
@click.option(
    "--seconds",
    type=click.IntRange(min=10),
    default=1800,
    show_default=True,
    help="The longest that it takes.",
)
@click.option("--seed", type=int, default=0, show_default=True)
@click.option("--output", type=PATH, default=DOCS / "fuzz.json", show_default=True)
def fuzz(
    stillhouse: Path,
    models: Path,
    texts: int,
    requests: int,
    processes: int,
    at_once: int,
    specs: tuple[Path, ...],
    seconds: int,
    seed: int,
    output: Path,
) -> None:
    """Send the service requests that are no good ones, on all paths."""
    need("psutil", "urllib3", "schemathesis", "yaml")
    from benchmarks.reliability import fuzz as fuzzing
    from benchmarks.reliability.results import write
    from benchmarks.reliability.service.conditions import Place

    plan = fuzzing.Plan(requests, processes, at_once, specs, seconds, texts, seed)

    def make() -> "Fuzz":
        found = fuzzing.run(plan, Place.here(stillhouse, models), click.echo)
        write(found, output)
        return found

    found = made(make)
    click.echo(f"wrote {output}")
    finish(found.missed)


@reliability.command()
@click.option("--folder", type=PATH, default=DOCS, show_default=True, help="Has the results.")
@click.option("--table", type=PATH, default=DOCS / "reliability.md", show_default=True)
def report(folder: Path, table: Path) -> None:
    """Write the page of all results that there are."""
    from benchmarks.peers.figures.results import ResultsUnfit, write_whole
    from benchmarks.reliability.report.page import to_markdown
    from benchmarks.reliability.results import Chaos, Fuzz, Soak, read

    try:
        page = to_markdown(
            read(Soak, folder / "soak.json"),
            read(Chaos, folder / "chaos.json"),
            read(Fuzz, folder / "fuzz.json"),
        )
        write_whole(page.rstrip().encode(), table)
    except (ResultsUnfit, OSError) as error:
        raise click.ClickException(str(error)) from error
    click.echo(f"wrote {table}")


def _say_fault(fault: "Fault") -> None:
    if fault.skipped is not None:
        click.echo(f"{fault.name}: skipped: {fault.skipped}")
        return
    if fault.load is not None and fault.neighbour is not None:
        load, near = fault.load.during, fault.neighbour
        p99s = " / ".join(f"{t.p99_ms} ms" for t in (near.before, near.during, near.after))
        click.echo(
            f"{fault.name}: {load.fates}; the neighbour's p99 {p99s}; {dict(fault.findings)}"
        )
    for each in fault.missed:
        click.echo(f"  MISSED: {each}")


reliability.add_command(rolling)
