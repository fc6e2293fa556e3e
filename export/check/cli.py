"""`stillhouse check`."""

from typing import Any, Literal

import click

from training.options import SPECIAL_TOKENS, data_options, in_data


@click.command()
@click.argument("checkpoint")
@click.option(
    "--data",
    metavar="SOURCE",
    help="Texts of your own, which are compared too; their labels are matched with its own.",
)
@click.option("--texts", metavar="SOURCE", help="Texts without labels, which are compared too.")
@click.option(
    "--max-length",
    type=click.IntRange(min=4),
    help="Read no more tokens than this; default: what the owner's files say.",
)
@SPECIAL_TOKENS
@data_options
def check(
    checkpoint: str,
    data: str | None,
    texts: str | None,
    max_length: int | None,
    special_tokens: Literal["text", "parsed"] | None,
    **options: Any,
) -> None:
    """See whether CHECKPOINT (a directory or a hub id) can be distilled, exported and served.

    It is read, exported and run as it would be served, and every answer is compared with that of
    transformers' own pipeline. Nothing is trained, and nothing is published.
    """
    from export.check.check import check as run
    from training.data.labels import map_of_model
    from training.data.loading import load_labelled_text, load_texts, of_pairs
    from training.models.checkpoints.checkpoint import load_checkpoint
    from training.recipe.data import Data

    columns = Data(**in_data(options))
    sources = [source for source in (data, texts) if source is not None]
    pairs = load_checkpoint(checkpoint, max_length, pairs=columns.pairs).stated_pairs
    columns = of_pairs(columns, pairs)
    own = [text for one in sources for text in load_texts(one, columns)]
    found = run(checkpoint, own, max_length, pairs=pairs, special_tokens=special_tokens)
    columns = of_pairs(columns, found.pairs)
    for line in found.lines():
        click.echo(line)
    if data is not None:
        names = map_of_model(found.labels, columns.labels)
        read = load_labelled_text(data, columns, "train", names, found.problem)
        click.echo(f"{data}: {len(read)} texts, and every label is one of the model's")
