"""What the commands share: their errors, what they need, and how they end."""

import sys
from collections.abc import Callable
from importlib.util import find_spec
from typing import TypeVar

import click

Made = TypeVar("Made")


def made(make: Callable[[], Made]) -> Made:
    """What is made; an error that says what to do is a message and no traceback."""
    from benchmarks.peers.errors import PeersError
    from benchmarks.peers.figures.results import ResultsUnfit
    from benchmarks.reliability.agents.crew import AgentFailed
    from benchmarks.reliability.errors import ReliabilityError
    from benchmarks.reliability.questions.reference import ReferenceUnfit

    stops = (PeersError, ResultsUnfit, AgentFailed, ReliabilityError, ReferenceUnfit, OSError)
    try:
        return make()
    except stops as error:
        raise click.ClickException(str(error) or repr(error)) from error


def need(*packages: str) -> None:
    """Ends the command, unless these packages are there."""
    for name in packages:
        if not find_spec(name):
            raise click.ClickException(
                f"{name} is not installed: `make .venv-dev/installed` makes what has it"
            )


def finish(missed: tuple[str, ...]) -> None:
    """Ends the command: well, if nothing was missed."""
    for each in missed:
        click.echo(f"missed: {each}", err=True)
    sys.exit(bool(missed))
