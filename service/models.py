"""`stillhouse models`: what lies in a model repository, and small changes to it."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from service.repository.manifest import Manifest, Metrics

MODELS = click.option(
    "--models",
    type=click.Path(path_type=Path),
    default=Path("models"),
    show_default=True,
    help="The model repository.",
)


HEADER = ("model", "task", "labels", "precision", "MB", "measured", "created")


@click.group()
def models() -> None:
    """Look at a model repository, take versions out of it, rename labels."""


@models.command("list")
@MODELS
def list_models(models: Path) -> None:
    """List all versions with what was measured of each, and the routes."""
    from service.errors import ManifestError
    from service.repository.manifest import read_manifest
    from service.repository.routes import read_routes
    from service.repository.sources import ModelRepository

    repository = ModelRepository(models)
    repository.check()
    rows: list[tuple[str, ...]] = [HEADER]
    for name, versions in repository.versions().items():
        for version in versions:
            try:
                rows.append(_row(read_manifest(models / name / str(version))))
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
            f"{cascade}: {' -> '.join(found.chain)}, loses at most "
            f"{found.fit.accuracy_loss_bound:.4f} (n {found.fit.n})"
        )
    for alias, target in routes.aliases.items():
        click.echo(f"{alias}: {target}")
    if routes.default is not None:
        click.echo(f"default: {routes.default}")
    for problem in routes.problems(repository.versions()):
        click.echo(f"WARNING: {problem}")


@models.command()
@click.argument("model")
@MODELS
@click.option("--json", "as_json", is_flag=True, help="The manifest as it is.")
def show(model: str, models: Path, as_json: bool) -> None:
    """Show all that is known of MODEL: a name, or name@version."""
    from service.repository.editing import find, place_of
    from service.repository.manifest import read_manifest

    manifest = read_manifest(place_of(models, find(models, model)))
    if as_json:
        click.echo(json.dumps(manifest.model_dump(mode="json"), indent=2))
        return
    for line in _told(manifest):
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


def _row(manifest: "Manifest") -> tuple[str, ...]:
    name, found = next(iter(manifest.metrics.items()), (None, None))
    return (
        f"{manifest.name}@{manifest.version}",
        manifest.problem_type,
        str(len(manifest.labels)),
        manifest.precision,
        f"{sum(file.bytes for file in manifest.files.values()) / 1e6:.1f}",
        f"{name}: {_headline(found)}" if found else "nothing",
        f"{manifest.created_at:%Y-%m-%d}",
    )


def _headline(found: "Metrics") -> str:
    for title, value in {
        "accuracy": found.accuracy,
        "macro F1": found.macro_f1,
        "Pearson": found.pearson,
    }.items():
        if value is not None:
            return f"{title} {value:.4f} (n {found.n})"
    return f"n {found.n}"


def _share(value: float | None) -> str:
    return "-" if value is None else f"{value:.4f}"


def _told(manifest: "Manifest") -> Iterator[str]:
    size = sum(file.bytes for file in manifest.files.values())
    yield f"{manifest.name}@{manifest.version}, {manifest.created_at:%Y-%m-%d %H:%M} UTC"
    yield f"{manifest.problem_type}, labels: {', '.join(manifest.labels)}"
    if manifest.thresholds is not None:
        yield f"thresholds: {', '.join(f'{value:.3f}' for value in manifest.thresholds)}"
    yield (
        f"{manifest.precision}, weights in {manifest.weights}, {manifest.parameters:,} parameters, "
        f"{size / 1e6:.1f} MB"
    )
    yield f"reads {manifest.max_length} tokens; temperature {manifest.temperature:.4g}"
    yield f"licence: {manifest.licence}"
    for what, value in manifest.lineage.model_dump().items():
        hashes = ", ".join(value) if isinstance(value, tuple) else value
        yield f"{what.replace('_', ' ')}: {hashes or 'not known'}"
    if (parity := manifest.parity) is not None:
        yield (
            f"against its checkpoint (n {parity.n}): agreement {_share(parity.agreement)}, "
            f"accuracy lower by {_share(parity.accuracy_drop)}, largest logit difference "
            f"{parity.max_logit_difference:.2g}"
        )
    for name, found in manifest.metrics.items():
        rest = f"macro F1 {_share(found.macro_f1)}, ECE {_share(found.ece)}"
        yield f"{name}: {_headline(found)}, {rest}"
        for label, one in (found.by_label or {}).items():
            yield (
                f"  {label}: n {one.n}, precision {_share(one.precision)}, recall "
                f"{_share(one.recall)} ({_share(one.recall_low)} to {_share(one.recall_high)}), "
                f"F1 {_share(one.f1)}"
            )
