"""`stillhouse push` and `stillhouse pull`."""

from pathlib import Path
from typing import Any

import click

_MODEL = click.option(
    "--model",
    "models",
    multiple=True,
    metavar="NAME[@V]",
    help="Only this version, or the highest of that name; may be given several times. "
    "Without it: all versions, and the routes.",
)
_REPLACE = click.option("--replace-routes", is_flag=True, help="In place of others, where it goes.")
_WITHOUT = click.option("--no-routes", is_flag=True, help="Versions alone.")
_SECONDS = click.option(
    "--timeout-seconds",
    type=click.FloatRange(min=0, min_open=True),
    default=60.0,
    show_default=True,
    help="In which the store must take or give 8 MiB.",
)


@click.command()
@click.argument("directory", metavar="MODELS", type=click.Path(path_type=Path))
@click.argument("url")
@_MODEL
@_REPLACE
@_WITHOUT
@_SECONDS
def push(directory: Path, url: str, **options: Any) -> None:
    """Copy a model repository, or versions of it, to URL: s3://, gs://, az:// or hf://.

    Files first, manifests after them, routes last: a service that reads there meanwhile sees no
    half of a version. What is there already is left; a version that is there with other contents
    is refused, before anything is copied.
    """
    _copy(directory, url, options).push(_order(options))


@click.command()
@click.argument("url")
@click.argument("directory", type=click.Path(path_type=Path))
@_MODEL
@_REPLACE
@_WITHOUT
@_SECONDS
def pull(url: str, directory: Path, **options: Any) -> None:
    """Copy a model repository, or versions of it, from URL to DIRECTORY.

    Every file is compared with the hash in its version's manifest, and a version is there whole or
    not at all. A version that is here with other contents is refused.
    """
    _copy(directory, url, options).pull(_order(options))


def _copy(directory: Path, url: str, options: dict[str, Any]) -> Any:
    from service.repository.copying.copy import Copy
    from service.repository.remote.address import parse_address
    from service.repository.remote.store import open_store

    address = parse_address(url)
    if address is None:
        raise click.UsageError(f"{url} is no URL: it looks like s3://bucket/prefix")
    if options["replace_routes"] and (options["no_routes"] or options["models"]):
        raise click.UsageError("--replace-routes is of a whole repository with its routes")
    store = open_store(address, options["timeout_seconds"])
    return Copy(directory, store, lambda line: click.echo(line, err=True))


def _order(options: dict[str, Any]) -> Any:
    from service.repository.copying.copy import Order

    return Order(options["models"], options["replace_routes"], options["no_routes"])
