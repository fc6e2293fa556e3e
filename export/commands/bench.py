"""`stillhouse bench`."""

from pathlib import Path
from typing import Any

import click

from export.commands.options import MODELS, say
from training.options import data_options

RANGE = click.IntRange(min=1)


@click.command()
@click.argument("names", metavar="MODEL...", nargs=-1, required=True)
@click.option(
    "--data", "source", required=True, help="Texts, labelled where there are: a file or hub id."
)
@MODELS
@click.option("--texts", type=RANGE, help="How many are taken, at random; default: all.")
@click.option("--runs", type=RANGE, default=300, show_default=True, help="Timed texts alone.")
@click.option(
    "--warm-up",
    type=click.IntRange(min=0),
    default=20,
    show_default=True,
    help="Texts alone before those, not timed.",
)
@click.option("--threads", type=RANGE, default=1, show_default=True, help="Of each model.")
@click.option(
    "--batch-size", type=RANGE, help="Of all models; default: for each the fastest of 1 to 64."
)
@click.option(
    "--max-length", type=RANGE, help="Most tokens of a text; default: what each model reads."
)
@click.option("--pad-to", type=RANGE, help="Pad, or cut, every text to so many tokens.")
@click.option(
    "--torch-int8",
    is_flag=True,
    help="Of each checkpoint PyTorch's own dynamic INT8 too.",
)
@click.option(
    "--output",
    type=click.Path(path_type=Path),
    help="A new folder for bench.json, bench.md and bench.svg; default: none.",
)
@click.option(
    "--format",
    "form",
    type=click.Choice(["markdown", "json"]),
    default="markdown",
    show_default=True,
    help="Of what is printed.",
)
@data_options
def bench(
    names: tuple[str, ...],
    source: str,
    models: Path,
    texts: int | None,
    runs: int,
    warm_up: int,
    threads: int,
    batch_size: int | None,
    max_length: int | None,
    pad_to: int | None,
    torch_int8: bool,
    output: Path | None,
    form: str,
    **options: Any,
) -> None:
    """Measure MODELS side by side on the same texts: quality, size and speed.

    Each MODEL is a name of the repository, name@version, the folder of a model or of a version, a
    checkpoint (a directory or hub id, run by PyTorch), or an ONNX file with its tokenizer.json and
    config.json beside it. Others are compared with the first.
    """
    from export.bench.loading import How
    from export.bench.running import Asked
    from export.bench.running import bench as run
    from export.bench.table import markdown
    from export.bench.writing import refuse_folder, write

    if output is not None:
        refuse_folder(output)
    asked = Asked(
        models=names,
        root=models,
        data=source,
        columns=options,
        how=How(threads, max_length, pad_to, options["pairs"]),
        texts=texts,
        batch_size=batch_size,
        runs=runs,
        warm_up=warm_up,
        torch_int8=torch_int8,
    )
    found = run(asked, say)
    if output is not None:
        write(found, output)
        say(f"written: {output}")
    click.echo(markdown(found) if form == "markdown" else found.model_dump_json(indent=2))
