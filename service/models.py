"""`stillhouse models`: what lies in a model repository, and small changes to it."""

import json
from pathlib import Path

import click

MODELS = click.option(
    "--models",
    type=click.Path(path_type=Path),
    default=Path("models"),
    show_default=True,
    help="The model repository.",
)


@click.group()
def models() -> None:
    """Look at a model repository, take versions out of it, rename labels."""


@models.command("list")
@MODELS
def list_models(models: Path) -> None:
    """List all versions with what was measured of each, and the routes."""
    from service.errors import ManifestError
    from service.repository.held import HeldFile
    from service.repository.kinds import Kind
    from service.repository.manifest import read_manifest
    from service.repository.routes import Target, read_routes
    from service.repository.sources import ModelRepository
    from service.shown import HEADER, row_of

    repository = ModelRepository(models)
    repository.check()
    rows: list[tuple[str, ...]] = [HEADER]
    kinds: dict[Target, Kind] = {}
    for name, versions in repository.versions().items():
        for version in versions:
            try:
                manifest = read_manifest(models / name / str(version))
                kinds[Target(name, version)] = Kind.of(manifest)
                rows.append(row_of(manifest))
            except ManifestError as error:
                rows.append((f"{name}@{version}", str(error), "", "", "", "", ""))
    if len(rows) == 1:
        click.echo(f"no models in {models}")
        return
    widths = [max(len(row[place]) for row in rows) for place in range(len(rows[0]))]
    for row in rows:
        cells = (cell.ljust(width) for cell, width in zip(row, widths, strict=True))
        click.echo("  ".join(cells).rstrip())
    routes = read_routes(models)
    for cascade, found in routes.cascade.items():
        click.echo(
            f"{cascade}: {' -> '.join(found.chain)}, {found.fit.promised(found.chain[-1])} "
            f"(confidence {found.fit.confidence:g}, n {found.fit.n})"
        )
        if found.overload == "answer":
            click.echo(
                f"{cascade} answers under overload too: accuracy {found.accuracy_degraded:.4f} "
                "where no text goes on"
            )
    for alias, target in routes.aliases.items():
        click.echo(f"{alias}: {target}")
    for name, held in sorted(HeldFile(models, None).read().items()):
        click.echo(f"{name}: " + (f"held at {held} by hand" if held else "unloaded by hand"))
    if routes.default is not None:
        click.echo(f"default: {routes.default}")
    for problem in routes.problems(repository.versions(), kinds):
        click.echo(f"WARNING: {problem}")


@models.command()
@click.argument("model")
@MODELS
@click.option("--json", "as_json", is_flag=True, help="The manifest as it is.")
def show(model: str, models: Path, as_json: bool) -> None:
    """Show all that is known of MODEL: a name, or name@version."""
    from service.repository.editing import find, place_of
    from service.repository.manifest import read_manifest
    from service.shown import told

    manifest = read_manifest(place_of(models, find(models, model)))
    if as_json:
        click.echo(json.dumps(manifest.model_dump(mode="json"), indent=2))
        return
    for line in told(manifest):
        click.echo(line)


@models.command()
@click.argument("model")
@MODELS
@click.option("--all", "whole", is_flag=True, help="All versions of a model.")
@click.option("--force", is_flag=True, help="Even what a route names, or a service is held at.")
def remove(model: str, models: Path, whole: bool, force: bool) -> None:
    """Remove MODEL: name@version, or with --all a name with all its versions."""
    from service.repository.editing import broken_by, find
    from service.repository.editing import remove as run
    from service.repository.routes import Target
    from service.repository.sources import ModelRepository

    found = find(models, model)
    if "@" not in model and not whole:
        raise click.UsageError(
            f"say which version, such as {found.name}@{found.version}, or all of them with --all"
        )
    gone = [found]
    if whole:
        numbers = ModelRepository(models).versions()[found.name]
        gone = [Target(found.name, number) for number in numbers]
    if (wrong := broken_by(models, gone)) and not force:
        raise click.ClickException(
            "not removed: " + "; ".join(wrong) + "; --force removes it all the same"
        )
    run(models, gone)
    click.echo(f"removed {', '.join(f'{one.name}@{one.version}' for one in gone)}")


@models.command("rename-labels")
@click.argument("model")
@click.argument("renamed", nargs=-1, required=True, metavar="OLD=NEW...")
@MODELS
def rename_labels(model: str, renamed: tuple[str, ...], models: Path) -> None:
    """Write a new version of MODEL with other names for its labels."""
    from service.repository.editing import find
    from service.repository.editing import rename_labels as run

    pairs = {}
    for text in renamed:
        old, separator, new = text.partition("=")
        if not separator or not old or not new:
            raise click.UsageError(f"{text!r} should look like LABEL_0=negative")
        pairs[old] = new
    target = find(models, model)
    manifest = run(models, target, pairs)
    click.echo(f"{manifest.name}@{manifest.version}: {', '.join(manifest.labels)}")
    click.echo(
        f"cascades that were fitted on {target.name}@{target.version} go on with it, under its "
        "old names: fit them again with `stillhouse calibrate --replace`"
    )
