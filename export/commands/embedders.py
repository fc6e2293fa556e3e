"""What `export`, `evaluate` and `predict` do with an embedder; heavy imports are in the bodies."""

import dataclasses
import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

import click

from export.commands.options import columns_for

Command = TypeVar("Command", bound=Callable[..., Any])

BARS = ("min_mean_cosine", "min_cosine", "min_neighbours_kept")


def _sizes(
    context: click.Context,  # noqa: ARG001  click passes it
    option: click.Parameter,
    given: str | None,
) -> tuple[int, ...] | None:
    if given is None:
        return None
    parts = given.split(",")
    if not all(part.strip().isdecimal() and int(part) for part in parts):
        raise click.BadParameter(f"{given!r} should look like 256,128", param=option)
    return tuple(sorted({int(part) for part in parts}, reverse=True))


EXPORT_OPTIONS = (
    click.option(
        "--min-mean-cosine",
        type=click.FloatRange(-1, 1),
        help="Of an embedder: refuse vectors that are less like the checkpoint's on average; "
        "default: 0.98.",
    ),
    click.option(
        "--min-cosine",
        type=click.FloatRange(-1, 1),
        help="Of an embedder: refuse where any text's vector is less like the checkpoint's; "
        "default: 0.9.",
    ),
    click.option(
        "--min-neighbours-kept",
        type=click.FloatRange(0, 1),
        help="Of an embedder: refuse what is shown to keep fewer texts' nearest neighbours; "
        "default: 0.85.",
    ),
    click.option(
        "--dimensions",
        callback=_sizes,
        metavar="N,N",
        help="Of an embedder: shorter vectors that it was trained for (Matryoshka); default: what "
        "its config says.",
    ),
)


def embedder_options(command: Command) -> Command:
    """Adds the options that `export` has for embedders alone."""
    for option in reversed(EXPORT_OPTIONS):
        command = option(command)
    return command


def with_dimensions(read: Any, sizes: tuple[int, ...] | None, options: Mapping[str, Any]) -> Any:
    """The checkpoint, with shorter vectors where they are asked for.

    Raises:
        click.UsageError: it is no embedder, and an option of embedders was given.
    """
    given = [name for name in BARS if options[name] is not None]
    if read.task != "feature-extraction" and (given or sizes):
        option = (given or ["dimensions"])[0].replace("_", "-")
        raise click.UsageError(f"--{option} is of embedders, and {read.source} is for {read.task}")
    if not sizes:
        return read
    embedding = dataclasses.replace(read.embedding, dimensions=sizes)
    return dataclasses.replace(read, embedding=embedding)


def tell_embedder(manifest: Any, place: Path, size: int) -> None:
    """Tells of what was published."""
    from export.publish.embedder_told import described, measured, parity_lines

    click.echo(f"published {place}: {size / 1e6:.1f} MB")
    click.echo(described(manifest))
    for line in parity_lines(manifest.parity):
        click.echo(line)
    for title, found in manifest.metrics.items():
        click.echo(measured(title, found))


def evaluate_embedder(
    model: str,
    source: str,
    models: Path,
    against: str | None,
    index: str | None,
    prompt: str | None,
    options: Mapping[str, Any],
) -> None:
    """Tells how often a text's nearest text has its label."""
    from export.evaluate.embedding import Looked, compared, lines, open_embedder
    from training.data.labels import map_of_model
    from training.data.loading import load_labelled_text, of_pairs

    columns = of_pairs(columns_for(None, options), False)
    among, names = None, None
    if index is not None:
        among = load_labelled_text(index, columns, "train", None, "single_label")
        names = map_of_model(among.labels, columns.labels)
    data = load_labelled_text(source, columns, "test", names, "single_label")
    looked = Looked(data, among)
    first = open_embedder(model, models)
    second = None if against is None else open_embedder(against, models)
    found = looked.by(first, prompt)
    for line in lines(found.title, found.retrieval):
        click.echo(line)
    if second is None:
        return
    other = looked.by(second, prompt)
    for line in lines(other.title, other.retrieval):
        click.echo(line)
    for line in compared(found, other):
        click.echo(line)


def predict_vectors(
    model: str, models: Path, texts: Sequence[str], output: Path | None, prompt: str | None
) -> None:
    """Writes or prints the vectors of texts."""
    from export.evaluate.embedding import open_embedder, rows, write_vectors

    vectors = open_embedder(model, models).embed(texts, prompt)
    if output is not None:
        write_vectors(output, texts, vectors)
        click.echo(f"{output}: {len(texts)} vectors of {vectors.shape[1]} numbers", err=True)
        return
    for row in rows(texts, vectors):
        click.echo(json.dumps(row, ensure_ascii=False))
