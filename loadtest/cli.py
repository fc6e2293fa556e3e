"""`stillhouse loadtest compare` and `stillhouse measure`; `loadtest` has a file of its own."""

import json
from pathlib import Path
from typing import Any

import click

from loadtest import options
from loadtest.command import loadtest

__all__ = ["loadtest", "measure"]


@loadtest.command()
@click.argument("before", type=click.Path(path_type=Path, exists=True, dir_okay=False))
@click.argument("after", type=click.Path(path_type=Path, exists=True, dir_okay=False))
@click.option(
    "--output",
    type=click.Path(path_type=Path, dir_okay=False),
    help="The page that shows both; it must not exist yet.",
)
@click.option(
    "--fail-if",
    type=options.CHANGES,
    default="",
    help="Exit with 3 on one of these changes: p99>+10%,throughput<-5%.",
)
def compare(before: Path, after: Path, output: Path | None, fail_if: Any) -> None:
    """Compare two reports, the JSON files BEFORE and AFTER, side by side."""
    from loadtest import terminal
    from loadtest.comparison import NotComparable, compare_reports
    from loadtest.report import ReportUnfit, read_report, write_comparison

    try:
        found = compare_reports(read_report(before), read_report(after), fail_if)
        click.echo(found.text())
        if output is not None:
            write_comparison(found, output)
            click.echo(f"wrote {output}")
    except (NotComparable, ReportUnfit, OSError) as error:
        raise click.ClickException(str(error)) from error
    terminal.exit_if(found.broken)


@click.command()
@click.option(
    "--stillhouse",
    type=click.Path(path_type=Path, exists=True),
    default=Path(".venv/bin/stillhouse"),
    show_default=True,
    help="The command in the service's own environment.",
)
@click.option(
    "--models",
    type=click.Path(path_type=Path, exists=True),
    default=Path("models"),
    show_default=True,
    help="The model repository.",
)
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
    from loadtest import measure as measuring
    from loadtest.table import to_markdown, write_table

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
