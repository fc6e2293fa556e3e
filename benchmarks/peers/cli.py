"""`python -m benchmarks peers`: other servers on the same model, and which is faster."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from benchmarks.options import PATH, with_stillhouse
from benchmarks.peers.embeddings.cli import embeddings
from benchmarks.peers.options import ENVIRONMENTS, PEERS, numbers, with_setting
from benchmarks.peers.terminal import need_libraries, said_of
from loadtest.traffic.texts import TextsUnfit

if TYPE_CHECKING:
    from benchmarks.peers.compare import Sources
    from benchmarks.peers.figures.results import BareVisit, Tried, Visit

TUNE_CONNECTIONS = 32


@click.group()
def peers() -> None:
    """Compare the service with other servers of the same models, on this machine."""


peers.add_command(embeddings)


@peers.command()
@ENVIRONMENTS
@PEERS
def prepare(environments: Path, peers: tuple[str, ...]) -> None:
    """Make an environment for each peer, of its pinned requirements."""
    need_libraries()
    from tqdm import tqdm

    from benchmarks.peers.errors import PeersError
    from benchmarks.peers.servers import environments as making
    from benchmarks.peers.servers.contenders import named

    failed = []
    try:
        folders = list(dict.fromkeys(peer.folder for peer in named(peers)))
    except PeersError as error:
        raise click.ClickException(str(error)) from error
    with tqdm(folders, unit="environment") as bar:
        for folder in bar:
            bar.set_postfix_str(folder)
            try:
                done = making.prepare(folder, environments)
            except PeersError as error:
                failed.append(str(error))
            else:
                tqdm.write(f"{folder}: {'installed' if done else 'there already'}")
    if failed:
        raise click.ClickException("\n".join(failed))


@peers.command()
@with_setting
def tune(seconds: int, warm_up: int, model: tuple[str, ...], **given: Any) -> None:
    """Try each peer's settings of batching under 32 connections; `run` takes the fastest."""
    need_libraries()
    from benchmarks.peers import compare
    from benchmarks.peers.errors import PeersError
    from benchmarks.peers.figures.results import ResultsUnfit
    from benchmarks.peers.session import Plan

    plan = Plan(
        1, (TUNE_CONNECTIONS,), seconds, warm_up, given["server_core"], given["client_core"]
    )
    try:
        for name in model:
            tuning = compare.tune(name, _sources(given, Path()), plan, _say_tried)
            for peer in given["peers"]:
                best = tuning.best(peer)
                if best is not None:
                    click.echo(f"{name}: {peer}: {_settings(best)}")
    except (PeersError, ResultsUnfit, TextsUnfit, OSError) as error:
        raise click.ClickException(str(error)) from error


@peers.command()
@with_setting
@click.option(
    "--connections",
    default="1,32,64",
    show_default=True,
    callback=numbers,
    help="How many ask at once; one load each.",
)
@click.option("--rounds", type=click.IntRange(min=1), default=3, show_default=True)
@with_stillhouse
@click.option(
    "--bfloat16",
    is_flag=True,
    help="The service takes part once more, with STILLHOUSE_BFLOAT16 set to the model.",
)
@click.option(
    "--beside",
    type=click.Path(path_type=Path, exists=True, file_okay=False),
    help="A repository with which the service takes part once more; the peers do not: "
    "such as the INT8 model that ships, beside the FP32 one that they serve.",
)
@click.option(
    "--output",
    type=PATH,
    default=Path("docs/peers.json"),
    show_default=True,
    help="The results, one comparison a model; written when it is whole.",
)
@click.option("--replace", is_flag=True, help="Replace what the file has on these models.")
def run(
    model: tuple[str, ...],
    seconds: int,
    warm_up: int,
    connections: tuple[int, ...],
    rounds: int,
    output: Path,
    replace: bool,
    stillhouse: Path,
    **given: Any,
) -> None:
    """Run the comparison: every contender in every round, one after another."""
    need_libraries()
    from tqdm import tqdm

    from benchmarks.peers import compare
    from benchmarks.peers.errors import PeersError
    from benchmarks.peers.figures.results import ResultsUnfit
    from benchmarks.peers.machine import BUSY
    from benchmarks.peers.session import Plan

    plan = Plan(rounds, connections, seconds, warm_up, given["server_core"], given["client_core"])
    failures: list[str] = []
    for name in model:
        with tqdm(unit="visit") as bar:

            def expect(
                round_: int, contender: str, visits: int, name: str = name, bar: Any = bar
            ) -> None:
                bar.total = visits
                bar.set_description(f"{name}, round {round_ + 1} of {rounds}: {contender}")

            def hear(visit: "Visit | BareVisit", bar: Any = bar) -> None:
                bar.update()
                tqdm.write(said_of(visit))

            try:
                comparison = compare.compare(
                    name, _sources(given, stillhouse), plan, output, replace, expect, hear
                )
            except (PeersError, ResultsUnfit, TextsUnfit, OSError) as error:
                raise click.ClickException(str(error)) from error
            except KeyboardInterrupt:
                click.echo(f"broken off; what there is: {compare.unfinished(output)}")
                raise
        busy = max(comparison.machine.server_core_busy, comparison.machine.client_core_busy)
        if busy > BUSY:
            click.echo(
                f"note: others used {busy:.0%} of a core before the run: not a quiet machine"
            )
        failures += [
            f"{name}: {visit.contender}, round {visit.round + 1}: {visit.failure}"
            for visit in comparison.visits
            if visit.failure is not None
        ]
        for ratio in comparison.ratios:
            unit = "x" if ratio.unit == "x" else " ms"
            click.echo(
                f"{ratio.value:>9.2f}{unit}  ({ratio.low:.2f} to {ratio.high:.2f})  {ratio.name}"
            )
    click.echo(f"wrote {output}")
    if failures:
        raise click.ClickException("\n".join(failures))


@peers.command()
@click.option(
    "--input",
    "source",
    type=click.Path(path_type=Path, exists=True),
    default=Path("docs/peers.json"),
    show_default=True,
)
@click.option("--table", type=PATH, default=Path("docs/peers.md"), show_default=True)
@click.option("--plot", type=PATH, default=Path("docs/peers.svg"), show_default=True)
def report(source: Path, table: Path, plot: Path) -> None:
    """Write the tables and the plot of a file of results."""
    need_libraries()
    from benchmarks.peers.figures.report import draw, to_markdown
    from benchmarks.peers.figures.results import ResultsUnfit, read_results

    try:
        results = read_results(source)
        partial = table.with_name(f".{table.name}.partial")
        partial.write_text(to_markdown(results, source.name), encoding="utf-8")
        partial.replace(table)
        draw(results, plot)
    except (ResultsUnfit, OSError) as error:
        raise click.ClickException(str(error)) from error
    click.echo(f"wrote {table}\nwrote {plot}")


def _sources(given: dict[str, Any], stillhouse: Path) -> "Sources":
    from benchmarks.peers.compare import Sources

    return Sources(
        stillhouse=stillhouse,
        models=given["models"],
        environments=given["environments"],
        texts=given["texts"],
        peers=given["peers"],
        port=given["port"],
        tuning=given["tuning"],
        bfloat16=given.get("bfloat16", False),
        beside=given.get("beside"),
    )


def _say_tried(tried: "Tried") -> None:
    said = (
        f"FAILED: {tried.failure}"
        if tried.load is None or tried.failure is not None
        else f"{tried.load.requests_per_second:.1f}/s, p99 {tried.load.p99_ms:.1f} ms"
    )
    click.echo(f"{tried.contender}: {_settings(tried.settings)}: {said}")


def _settings(settings: dict[str, str]) -> str:
    return ", ".join(f"{name}={value}" for name, value in settings.items())
