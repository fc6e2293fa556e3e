"""`python -m benchmarks measure`: the README's table of results."""

import json
from pathlib import Path

import click

from benchmarks.options import with_models, with_stillhouse


@click.command()
@with_stillhouse
@with_models
@click.option(
    "--data",
    type=click.Path(path_type=Path, exists=True),
    required=True,
    help="A TSV with label and text: SST-2's dev set.",
)
@click.option("--port", type=int, default=8123, show_default=True, help="A free port.")
@click.option("--texts", type=int, default=300, show_default=True, help="How many texts are timed.")
@click.option(
    "--output",
    type=click.Path(path_type=Path),
    default=Path("docs/results.json"),
    show_default=True,
    help="The figures; replaced when the run is complete.",
)
@click.option(
    "--readme",
    type=click.Path(path_type=Path, exists=True),
    help="Also write the table between this file's `results` marks.",
)
def measure(
    stillhouse: Path,
    models: Path,
    data: Path,
    port: int,
    texts: int,
    output: Path,
    readme: Path | None,
) -> None:
    """Measure what the README states: accuracy, latency, memory, size, start."""
    from benchmarks import measure as measuring
    from benchmarks.table import to_markdown, write_table

    try:
        figures = measuring.measure(stillhouse, models, data, port, texts)
    except (OSError, RuntimeError) as error:
        raise click.ClickException(str(error)) from error
    partial = output.with_name(f".{output.name}.partial")
    partial.write_text(measuring.to_json(figures), encoding="utf-8")
    partial.replace(output)
    table = to_markdown(json.loads(output.read_text(encoding="utf-8")))
    if readme is not None:
        write_table(readme, table)
    click.echo(table)
