"""`stillhouse predict`."""

import json
import sys
from pathlib import Path
from typing import Any

import click

from export.commands.embedders import predict_vectors
from export.commands.options import AGGREGATION, MODELS, WINDOWS, columns_for
from service.runtime.model import Input
from training.options import data_options


@click.command()
@click.argument("model")
@click.argument("texts", nargs=-1)
@MODELS
@WINDOWS
@click.option(
    "--file",
    "source",
    help="Texts from a file or hub id, as every command reads them; - reads one a line from "
    "standard input.",
)
@click.option(
    "--output",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Where the answers go: a .tsv or .jsonl file, vectors a .npy or .jsonl file; default: "
    "JSON lines, printed.",
)
@click.option("--prompt", help="Of an embedder: the name of the prompt before each text.")
@AGGREGATION
@data_options
def predict(
    model: str,
    texts: tuple[str, ...],
    models: Path,
    windows: Any,
    source: str | None,
    output: Path | None,
    prompt: str | None,
    aggregation: Any,
    **options: Any,
) -> None:
    """Ask MODEL for the labels, entities or vectors of TEXTS, or of those in a file.

    No service is needed. Of a model that reads pairs, TEXTS are taken two by two.

    MODEL is a name of the repository, name@version, or a checkpoint: a directory or hub id.
    """
    from export.errors import ExportError
    from export.evaluate.answering import Answering, open_model
    from export.evaluate.embedding import refuse_output as refuse_vectors
    from export.evaluate.locating import task_of_model
    from export.evaluate.predictions import refuse_output, rows, two_by_two, write_predictions
    from export.evaluate.tagging import TagAnswering
    from export.evaluate.tagging import rows as entity_rows
    from training.data.inputs import halves
    from training.data.loading import load_texts, of_pairs
    from training.data.texts import singles

    embeds = task_of_model(model, models) == "feature-extraction"
    if prompt is not None and not embeds:
        raise click.UsageError("--prompt is of embedders")
    if output is not None:
        (refuse_vectors if embeds else refuse_output)(output, source)
    if bool(texts) == (source is not None):
        raise click.UsageError("give texts, or a file of texts with --file")
    asked = None if embeds else open_model(model, models, windows, pairs=options["pairs"])
    pairs = asked.pairs if isinstance(asked, Answering) else False
    found: list[Input] = list(texts)
    if source == "-":
        found = [line.rstrip("\r\n") for line in sys.stdin if line.strip()]  # as of a .txt
    elif source is not None:
        columns = of_pairs(columns_for(None, options), pairs)
        found = list(load_texts(source, columns, "test"))
    if source in (None, "-") and pairs:
        found = two_by_two(found)
    if blank := [
        place for place, one in enumerate(found, 1) if not all(map(str.strip, halves(one)))
    ]:
        raise ExportError(f"text {blank[0]} is empty: there is nothing to say of it")
    if not found:
        raise ExportError("there are no texts")
    if asked is None:
        predict_vectors(model, models, singles(found), output, prompt)
        return
    if isinstance(asked, TagAnswering):
        told = entity_rows(singles(found), asked.find(singles(found), aggregation))
    else:
        told = rows(found, asked.answer(found))
    if output is not None:
        write_predictions(output, told)
        click.echo(f"{output}: {len(found)} texts", err=True)
        return
    for row in told:
        click.echo(json.dumps(row, ensure_ascii=False))
