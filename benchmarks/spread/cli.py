"""`python -m benchmarks spread`: how `score --ray` grows with cores."""

import json
from dataclasses import asdict
from pathlib import Path

import click

from benchmarks.options import with_models


@click.command()
@click.option(
    "--stillhouse",
    type=click.Path(path_type=Path, exists=True),
    default=Path(".venv-dev/bin/stillhouse"),
    show_default=True,
    help="The command in an environment with Ray.",
)
@with_models
@click.option("--model", default="auto", show_default=True, help="Who answers.")
@click.option("--rows", type=click.IntRange(min=1), default=200_000, show_default=True)
@click.option("--chunk-rows", type=click.IntRange(min=1), default=4096, show_default=True)
@click.option("--rounds", type=click.IntRange(min=1), default=5, show_default=True)
@click.option(
    "--output",
    type=click.Path(path_type=Path),
    default=Path("docs/ray.json"),
    show_default=True,
    help="The figures; replaced when all runs are complete.",
)
@click.option(
    "--page",
    type=click.Path(path_type=Path, exists=True),
    help="Also write the table between this page's marks.",
)
def spread(
    stillhouse: Path,
    models: Path,
    model: str,
    rows: int,
    chunk_rows: int,
    rounds: int,
    output: Path,
    page: Path | None,
) -> None:
    """Measure `score --ray` on one core and on two, and reckon 16 and 256 from it."""
    from benchmarks.spread.report import table, write_into
    from benchmarks.spread.timing import measure

    try:
        growth = measure(stillhouse.absolute(), models, model, rows, chunk_rows, rounds)
        partial = output.with_name(f".{output.name}.partial")
        partial.write_text(json.dumps(asdict(growth), indent=2) + "\n", encoding="utf-8")
        partial.replace(output)
        if page is not None:
            write_into(page, growth)
    except (OSError, RuntimeError, ValueError) as error:
        raise click.ClickException(str(error)) from error
    click.echo(table(growth))
