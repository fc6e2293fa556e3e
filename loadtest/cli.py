"""`stillhouse loadtest compare`; `loadtest` itself has a file of its own."""

from pathlib import Path
from typing import Any

import click

from loadtest import options
from loadtest.command import loadtest

__all__ = ["loadtest"]


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
    from loadtest.report import terminal
    from loadtest.report.comparison import NotComparable, compare_reports
    from loadtest.report.files import ReportUnfit, read_report, write_comparison

    try:
        found = compare_reports(read_report(before), read_report(after), fail_if)
        click.echo(found.text())
        if output is not None:
            write_comparison(found, output)
            click.echo(f"wrote {output}")
    except (NotComparable, ReportUnfit, OSError) as error:
        raise click.ClickException(str(error)) from error
    terminal.exit_if(found.broken)
