"""`python -m benchmarks protocols`: gRPC's throughput beside REST's."""

from importlib.util import find_spec
from pathlib import Path

import click

from benchmarks.options import PATH, with_models

DOCS = Path("docs")


@click.command()
@click.option(
    "--stillhouse",
    type=PATH,
    default=Path(".venv/bin/stillhouse"),
    show_default=True,
    help="The command in the service's own environment, which needs `stillhouse[grpc]`.",
)
@with_models
@click.option("--model", default="student", show_default=True, help="That is asked.")
@click.option(
    "--texts",
    type=click.IntRange(1, 128),
    multiple=True,
    default=(1, 16),
    show_default=True,
    help="In a request.",
)
@click.option("--at-once", type=click.IntRange(min=1), default=32, show_default=True)
@click.option("--rounds", type=click.IntRange(min=1), default=7, show_default=True)
@click.option(
    "--seconds",
    type=click.FloatRange(0, min_open=True),
    default=6.0,
    show_default=True,
    help="Of each way in each round.",
)
@click.option("--output", type=PATH, default=DOCS / "grpc.json", show_default=True)
@click.option(
    "--page", type=PATH, default=DOCS / "grpc.md", show_default=True, help="Gets the table."
)
def protocols(
    stillhouse: Path,
    models: Path,
    model: str,
    texts: tuple[int, ...],
    at_once: int,
    rounds: int,
    seconds: float,
    output: Path,
    page: Path,
) -> None:
    """Ask the same texts over gRPC, over OIP's REST and over `/predict`, in turns.

    About 7 minutes by the defaults.
    """
    for name in ("psutil", "urllib3", "grpc", "tritonclient"):
        if not find_spec(name):
            raise click.ClickException(f"{name} is missing: `make .venv-dev/installed` brings it")
    from benchmarks.peers.errors import PeersError
    from benchmarks.protocols.page import BEGIN, END, to_markdown
    from benchmarks.protocols.session import Plan, run, write
    from benchmarks.reliability.errors import ReliabilityError
    from benchmarks.reliability.service.conditions import Place
    from benchmarks.table import write_between

    plan = Plan(model, texts, at_once, rounds, seconds)
    try:
        found = run(plan, Place.here(stillhouse, models), click.echo)
        write(found, output)
        write_between(page, BEGIN, END, to_markdown(found))
    except (PeersError, ReliabilityError, OSError, RuntimeError) as error:
        raise click.ClickException(str(error)) from error
    click.echo(f"wrote {output}\nwrote the table of {page}")
    if any(row["failures"] for row in found["rows"]):
        raise click.ClickException("requests failed: see the table")
