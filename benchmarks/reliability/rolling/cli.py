"""`python -m benchmarks reliability rolling`."""

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import click

from benchmarks.options import PATH
from benchmarks.reliability.commands import finish, made, need
from benchmarks.reliability.options import COMMON, with_options

if TYPE_CHECKING:
    from benchmarks.reliability.rolling.rollout import Rollout

DOCS = Path("docs")


@click.command()
@with_options(COMMON)
@click.option("--model", default="student", show_default=True, help="That is asked.")
@click.option("--rate", type=click.FloatRange(min=1), default=200.0, show_default=True)
@click.option(
    "--endpoint-seconds",
    type=click.FloatRange(min=0),
    default=5.0,
    show_default=True,
    help="After SIGTERM, until nginx has heard of it.",
)
@click.option(
    "--notice-seconds",
    type=click.FloatRange(min=0),
    help="To see what is lost with less.  [default: the Deployment's]",
)
@click.option("--calm-seconds", type=click.FloatRange(min=0), default=10.0, show_default=True)
@click.option(
    "--deployment",
    type=click.Path(path_type=Path, exists=True),
    default=Path("deploy/kubernetes/base/deployment.yaml"),
    show_default=True,
    help="Has notice, drain, grace, probe and replicas.",
)
@click.option("--output", type=PATH, default=DOCS / "rolling.json", show_default=True)
@click.option(
    "--page", type=PATH, default=DOCS / "kubernetes.md", show_default=True, help="Gets the result."
)
def rolling(
    stillhouse: Path,
    models: Path,
    texts: int,
    model: str,
    rate: float,
    endpoint_seconds: float,
    notice_seconds: float | None,
    calm_seconds: float,
    deployment: Path,
    output: Path,
    page: Path,
) -> None:
    """Update all pods behind a real nginx, under load; about a minute. Needs nginx.

    None of the requests may be lost.
    """
    need("psutil", "urllib3", "yaml")
    from benchmarks.reliability.rolling import page as paper
    from benchmarks.reliability.rolling.nginx import nginx_version
    from benchmarks.reliability.rolling.rollout import Plan, roll
    from benchmarks.reliability.rolling.values import read_deployment
    from benchmarks.reliability.service.conditions import Place, describe, ended
    from benchmarks.table import write_between

    def make() -> "Rollout":
        deployed = read_deployment(deployment)
        if notice_seconds is not None:
            deployed = replace(deployed, notice=notice_seconds)
        plan = Plan(deployed, endpoint_seconds, rate, calm_seconds, model, texts)
        version = nginx_version()
        place = Place.here(stillhouse, models)
        conditions = describe(place, {})
        found = roll(plan, place, click.echo)
        whole = paper.to_json(plan, ended(conditions, None, rate), version, found)
        paper.write(whole, output)
        write_between(page, paper.BEGIN, paper.END, paper.to_markdown(whole))
        return found

    found = made(make)
    click.echo(f"{found.tally.requests} requests: {found.tally.fates}")
    click.echo(f"wrote {output} and the result in {page}")
    finish(found.missed)
