"""`stillhouse score`."""

from pathlib import Path

import click

from export.commands.options import MODELS


@click.command()
@MODELS
@click.option("--model", required=True, help="A model, name@version, alias or cascade.")
@click.option(
    "--input",
    "inputs",
    multiple=True,
    required=True,
    help="A file, a folder or a pattern such as 'in/*.parquet', again for each further one: "
    "Parquet, CSV, TSV or JSON lines.",
)
@click.option(
    "--output",
    type=click.Path(path_type=Path),
    required=True,
    help="The file to write: .parquet, .jsonl, .csv or .tsv; without an ending, a folder of "
    "Parquet files. It is never written over.",
)
@click.option("--text-column", help="The column of texts; default: text or another usual name.")
@click.option("--text-pair-column", help="The column of the second texts, of a model of pairs.")
@click.option(
    "--processes",
    type=click.IntRange(min=1),
    help="That answer, each on one core with models of its own; default: the cores there are.",
)
@click.option(
    "--batch-tokens",
    type=click.IntRange(min=1),
    default=512,
    show_default=True,
    help="Most tokens of a batch, padding counted.",
)
@click.option(
    "--chunk-rows",
    type=click.IntRange(min=1),
    default=2048,
    show_default=True,
    help="Rows that are kept together: what a stop loses at most for each process.",
)
@click.option(
    "--ray",
    is_flag=False,
    flag_value="here",
    metavar="[ADDRESS]",
    help="Score Parquet files on a Ray cluster: 'auto' on a machine of it, or host:port; without "
    "an address on a Ray of this machine alone. --processes is then the most workers.",
)
def score(
    models: Path,
    model: str,
    inputs: tuple[str, ...],
    output: Path,
    text_column: str | None,
    text_pair_column: str | None,
    processes: int | None,
    batch_tokens: int,
    chunk_rows: int,
    ray: str | None,
) -> None:
    """Score the texts of files by a published model or cascade, on all cores.

    The output has the rows of the inputs in their order, and what was said of each: label,
    confidence, who answered (of a cascade), and the probability of each label. It is a file of soft
    labels that `stillhouse distil --teacher` takes. Rows that cannot be scored go to
    OUTPUT.bad.jsonl with the reason. What was stopped goes on when the same command is given again.
    """
    from export.score.scoring import Order
    from service.cpus import usable_cpus

    order = Order(
        models=models,
        model=model,
        inputs=inputs,
        output=output,
        text_column=text_column,
        text_pair_column=text_pair_column,
        batch_tokens=batch_tokens,
        rows=chunk_rows,
        processes=processes or usable_cpus(),
    )
    if ray is None:
        from export.score.scoring import score

        done = score(order)
    else:
        from export.score.spread import score_on_ray

        done = score_on_ray(order, ray, processes)
    click.echo(f"{output}: {done.scored:,} rows")
    if done.bad:
        click.echo(f"{output}.bad.jsonl: {done.bad:,} rows that could not be scored", err=True)
