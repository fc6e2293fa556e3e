"""`stillhouse evaluate`."""

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click

from export.commands.embedders import evaluate_embedder
from export.commands.options import AGGREGATION, MODELS, WINDOWS, columns_for
from training.options import data_options


@click.command()
@click.argument("model")
@click.option("--data", "source", required=True, help="Labelled texts: a file or hub id.")
@MODELS
@WINDOWS
@click.option("--against", metavar="MODEL", help="Another model, compared text by text.")
@click.option(
    "--index",
    metavar="SOURCE",
    help="Of an embedder: labelled texts among which nearest ones are looked for; default: the "
    "others of --data.",
)
@click.option("--prompt", help="Of an embedder: the name of the prompt before each text.")
@click.option("--slice", "column", help="A column of the file: scores for each of its values too.")
@click.option(
    "--predictions",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Where each text's answer goes: a .tsv or .jsonl file.",
)
@AGGREGATION
@data_options
def evaluate(
    model: str,
    source: str,
    models: Path,
    windows: Any,
    against: str | None,
    index: str | None,
    prompt: str | None,
    column: str | None,
    predictions: Path | None,
    aggregation: str | None,
    **options: Any,
) -> None:
    """Score MODEL on labelled texts, with intervals, by label, and against another model.

    MODEL is a name of the repository, name@version, or a checkpoint: a directory or hub id.
    """
    from export.evaluate.locating import task_of_model

    if task_of_model(model, models) == "feature-extraction":
        if column is not None or predictions is not None:
            raise click.UsageError(
                "--slice and --predictions are of classifiers: `stillhouse predict` writes vectors"
            )
        evaluate_embedder(model, source, models, against, index, prompt, options)
        return
    if index is not None or prompt is not None:
        raise click.UsageError("--index and --prompt are of embedders")
    from export.evaluate.answering import open_classifier, open_model
    from export.evaluate.evaluation import against as paired
    from export.evaluate.evaluation import answers_scores
    from export.evaluate.evaluation import evaluate as run
    from export.evaluate.predictions import refuse_output, rows, write_predictions
    from export.evaluate.tagging import TagAnswering
    from export.evaluate.telling import compared, headline, lines
    from training.data.labels import map_of_model
    from training.data.loading import load_beside, load_labelled_text, of_pairs

    if predictions is not None:
        refuse_output(predictions, source)
    first = open_model(model, models, windows, pairs=options["pairs"])
    if isinstance(first, TagAnswering):
        if column is not None:
            raise click.UsageError("--slice is of whole texts' labels, and a tagger has none")
        other = None if against is None else open_model(against, models)
        for line in _tagger(first, other, source, predictions, aggregation, options):
            click.echo(line)
        return
    recipe = first.checkpoint.recipe if first.checkpoint else None
    columns = columns_for(recipe.data if recipe else None, options)
    columns = of_pairs(columns, first.pairs)
    names = map_of_model(first.labels, columns.labels)
    values = None
    if column is None:
        data = load_labelled_text(source, columns, "test", names, first.problem)
    else:
        data, values = load_beside(source, columns, column, "test", names, first.problem)
    second = None if against is None else open_classifier(against, models, pairs=data.pairs)
    started = time.process_time()
    answers = first.answer(data.texts)
    taken = 1000 * (time.process_time() - started) / len(data)
    for line in lines(first.title, run(answers, data, values), first.labels, column):
        click.echo(line)
    click.echo(f"{taken:.3g} ms of processor time a text; {first.reading(data.texts)}")
    if second is not None:
        others = second.answer(data.texts)
        click.echo()
        click.echo(f"{second.title}: {headline(answers_scores(others, data))}")
        for line in compared(first.title, second.title, paired(answers, others, data)):
            click.echo(line)
    if predictions is not None:
        write_predictions(predictions, rows(data.texts, answers, data))
        click.echo(f"predictions: {predictions}")


def _tagger(
    first: Any,
    second: Any | None,
    source: str,
    predictions: Path | None,
    aggregation: Any,
    options: dict[str, Any],
) -> Iterator[str]:
    """What is told of a tagger; its predictions are written."""
    from export.errors import ExportError
    from export.evaluate.predictions import write_predictions
    from export.evaluate.tagging import TagAnswering, compared, headline, lines, rows, scores_of
    from training.data.tags.loading import load_tagged_text

    recipe = first.checkpoint.recipe if first.checkpoint else None
    columns = columns_for(recipe.data if recipe else None, options)
    data = load_tagged_text(source, columns, "test", first.types)
    found = first.find(data.texts, aggregation)
    yield from lines(first.title, scores_of(found, data), data.types)
    if second is not None:
        if not isinstance(second, TagAnswering):
            raise ExportError(f"{second.title} is no tagger, and cannot be compared with one")
        others = second.find(data.texts, aggregation)
        yield ""
        yield f"{second.title}: {headline(scores_of(others, data))}"
        yield compared(first.title, second.title, found, others, data)
    if predictions is not None:
        write_predictions(predictions, rows(data.texts, found, data))
        yield f"predictions: {predictions}"
