"""`stillhouse serve`."""

import os
from pathlib import Path
from typing import Any

import click

from service.models import models
from service.repository.copying.commands import pull, push

__all__ = ["models", "pull", "push", "serve"]


@click.command()
@click.option("--models", help="The model repository: a directory, or s3://, gs://, az://, hf://.")
@click.option("--host", help="The address to listen on.")
@click.option("--port", type=int, help="The port to listen on.")
@click.option("--unix-socket", type=click.Path(path_type=Path), help="A path to listen on instead.")
@click.option("--grpc-port", type=int, help="A port for gRPC beside it.")
@click.option("--workers", type=int, help="Processes on the port.")
def serve(**options: Any) -> None:
    """Serve a model repository over HTTP, and over gRPC where it has a port.

    Every setting is also an environment variable, STILLHOUSE_<NAME>; an option wins.
    """
    from pydantic import ValidationError

    from service.environment import PREFIX
    from service.errors import StillhouseError
    from service.process.server import serve as run
    from service.settings import Settings

    for name, value in options.items():
        if value is not None:  # workers read their settings from the environment too
            os.environ[f"{PREFIX}{name.upper()}"] = str(value)
    try:
        run(Settings())
    except ValidationError as error:
        raise click.ClickException(f"settings: {_told(error.errors())}") from error
    except (OSError, StillhouseError) as error:
        raise click.ClickException(str(error)) from error


def _told(errors: list[Any]) -> str:
    """What is wrong with which settings, without what they were set to."""
    told = []
    for error in errors:
        cause = error.get("ctx", {}).get("error")
        name = ".".join(map(str, error["loc"]))
        told.append(f"{name}: {cause or error['msg']}" if name else str(cause or error["msg"]))
    return "; ".join(told)
