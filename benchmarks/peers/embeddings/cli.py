"""`python -m benchmarks peers embeddings`."""

from pathlib import Path
from typing import Any

import click

from benchmarks.options import PATH, with_models, with_stillhouse
from benchmarks.peers.options import ENVIRONMENTS, numbers
from benchmarks.peers.terminal import need_libraries, said_of
from loadtest.traffic.texts import SENTENCES, TextsUnfit


@click.command()
@click.option("--model", required=True, help="An embedder of the repository.")
@with_models
@click.option(
    "--texts",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    default=SENTENCES,
    show_default="the built-in sentences",
    help="What is sent: a text a line, or the column text of a .tsv.",
)
@click.option("--connections", default="1,32", show_default=True, callback=numbers)
@click.option("--rounds", type=click.IntRange(min=1), default=3, show_default=True)
@click.option("--seconds", type=click.IntRange(min=1), default=10, show_default=True)
@click.option("--warm-up", type=click.IntRange(min=1), default=2, show_default=True)
@click.option("--server-core", type=int, default=0, show_default=True)
@click.option("--client-core", type=int, default=1, show_default=True)
@click.option("--port", type=int, default=8123, show_default=True, help="A free port.")
@click.option(
    "--bfloat16",
    is_flag=True,
    help="The service takes part once more, with STILLHOUSE_BFLOAT16 set to the model.",
)
@with_stillhouse
@ENVIRONMENTS
@click.option("--output", type=PATH, default=Path("docs/peers-embeddings.json"), show_default=True)
def embeddings(model: str, texts: Path, output: Path, **given: Any) -> None:
    """Compare embeddings with Infinity's; ends with an error below the bar."""
    need_libraries()
    from benchmarks.peers.embeddings import comparison as comparing
    from benchmarks.peers.errors import PeersError
    from benchmarks.peers.session import Plan
    from loadtest.traffic.texts import read_texts

    plan = Plan(
        *(given[name] for name in ("rounds", "connections", "seconds", "warm_up")),
        *(given[name] for name in ("server_core", "client_core")),
    )
    names = ("stillhouse", "models", "environments", "port", "bfloat16")
    sources = comparing.Sources(**{name: given[name] for name in names})
    try:
        found = comparing.compare(
            model, read_texts(texts), sources, plan, lambda visit: click.echo(said_of(visit))
        )
        comparing.write(found, output)
    except (PeersError, TextsUnfit, OSError) as error:
        raise click.ClickException(str(error)) from error
    for one in found.against:
        click.echo(
            f"{one.contender}, {one.connections} connections: {one.speed:.2f} times Infinity's "
            f"texts a second, {one.p99:.2f} of its p99"
        )
    if not found.reaches_the_bar:
        raise click.ClickException(
            f"at {comparing.BAR_CONNECTIONS} connections it is to be {comparing.BAR_SPEED} times "
            f"the texts a second, and {comparing.BAR_P99} of the p99"
        )
