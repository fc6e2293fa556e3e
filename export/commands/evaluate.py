"""`stillhouse evaluate`."""

from pathlib import Path
from typing import Any

import click

from export.commands.options import MODELS, columns_for
from training.options import data_options


@click.command()
@click.argument("model")
@click.option("--data", "source", required=True, help="Labelled texts: a file or hub id.")
@MODELS
@click.option("--against", metavar="MODEL", help="Another model, compared text by text.")
@click.option("--slice", "column", help="A column of the file: scores for each of its values too.")
@click.option(
    "--predictions",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Where each text's answer goes: a .tsv or .jsonl file.",
)
@data_options
def evaluate(
    model: str,
    source: str,
    models: Path,
    against: str | None,
    column: str | None,
    predictions: Path | None,
    **options: Any,
) -> None:
    """Score MODEL on labelled texts, with intervals, by label, and against another model.

    MODEL is a name of the repository, name@version, or a checkpoint: a directory or hub id.
    """
    from export.evaluate.answering import open_model
    from export.evaluate.evaluation import against as paired
    from export.evaluate.evaluation import answers_scores
    from export.evaluate.evaluation import evaluate as run
    from export.evaluate.predictions import refuse_output, write_predictions
    from export.evaluate.telling import compared, headline, lines
    from training.data.labels import map_of_model
    from training.data.loading import load_beside, load_labelled_text

    if predictions is not None:
        refuse_output(predictions, source)
    first = open_model(model, models)
    recipe = first.checkpoint.recipe if first.checkpoint else None
    columns = columns_for(recipe.data if recipe else None, options)
    names = map_of_model(first.labels, columns.labels)
    values = None
    if column is None:
        data = load_labelled_text(source, columns, "test", names, first.problem)
    else:
        data, values = load_beside(source, columns, column, "test", names)
    second = None if against is None else open_model(against, models)
    answers = first.answer(data.texts)
    for line in lines(first.title, run(answers, data, values), first.labels, column):
        click.echo(line)
    if second is not None:
        others = second.answer(data.texts)
        click.echo()
        click.echo(f"{second.title}: {headline(answers_scores(others, data))}")
        for line in compared(first.title, second.title, paired(answers, others, data)):
            click.echo(line)
    if predictions is not None:
        write_predictions(predictions, data.texts, answers, data)
        click.echo(f"predictions: {predictions}")
