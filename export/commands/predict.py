"""`stillhouse predict`."""

import json
import sys
from pathlib import Path
from typing import Any

import click

from export.commands.options import MODELS, columns_for
from training.options import data_options


@click.command()
@click.argument("model")
@click.argument("texts", nargs=-1)
@MODELS
@click.option(
    "--file",
    "source",
    help="Texts from a file or hub id, as every command reads them; - reads one a line from "
    "standard input.",
)
@click.option(
    "--output",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Where the answers go: a .tsv or .jsonl file; default: JSON lines, printed.",
)
@data_options
def predict(
    model: str,
    texts: tuple[str, ...],
    models: Path,
    source: str | None,
    output: Path | None,
    **options: Any,
) -> None:
    """Ask MODEL for the labels of TEXTS, or of those in a file, without a service.

    MODEL is a name of the repository, name@version, or a checkpoint: a directory or hub id.
    """
    from export.errors import ExportError
    from export.evaluate.answering import open_model
    from export.evaluate.predictions import refuse_output, rows, write_predictions
    from training.data.loading import load_texts

    if output is not None:
        refuse_output(output, source)
    if bool(texts) == (source is not None):
        raise click.UsageError("give texts, or a file of texts with --file")
    found: list[str] = list(texts)
    if source == "-":
        found = [line.rstrip("\r\n") for line in sys.stdin if line.strip()]  # as of a .txt
    elif source is not None:
        found = list(load_texts(source, columns_for(None, options), "test"))
    if blank := [place for place, text in enumerate(found, 1) if not text.strip()]:
        raise ExportError(f"text {blank[0]} is empty: there is nothing to say of it")
    if not found:
        raise ExportError("there are no texts")
    answers = open_model(model, models).answer(found)
    if output is not None:
        write_predictions(output, found, answers)
        click.echo(f"{output}: {len(found)} texts", err=True)
        return
    for row in rows(found, answers):
        click.echo(json.dumps(row, ensure_ascii=False))
