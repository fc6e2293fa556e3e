"""`stillhouse serve`."""

from pathlib import Path
from typing import Any

import click


@click.command()
@click.option("--models", type=click.Path(path_type=Path), help="The model repository.")
@click.option("--host", help="The address to listen on.")
@click.option("--port", type=int, help="The port to listen on.")
@click.option("--workers", type=int, help="Processes on the port.")
def serve(**options: Any) -> None:
    """Serve a model repository over HTTP.

    Every setting is also an environment variable, STILLHOUSE_<NAME>; an option wins.
    """
    from pydantic import ValidationError

    from service.errors import StillhouseError
    from service.server import serve as run
    from service.settings import Settings

    given = {name: value for name, value in options.items() if value is not None}
    try:
        run(Settings(**given))
    except ValidationError as error:
        lines = (f"{'.'.join(map(str, e['loc']))}: {e['msg']}" for e in error.errors())
        raise click.ClickException("settings: " + "; ".join(lines)) from error
    except (OSError, StillhouseError) as error:
        raise click.ClickException(str(error)) from error
