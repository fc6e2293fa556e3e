"""`python -m benchmarks pipeline-size`: what training takes for many rows."""

from pathlib import Path

import click


@click.command("pipeline-size")
@click.option(
    "--stillhouse",
    type=click.Path(path_type=Path, exists=True),
    default=Path(".venv/bin/stillhouse"),
    show_default=True,
    help="The command in an environment that trains.",
)
@click.option(
    "--rows",
    type=click.IntRange(min=1000),
    default=1_600_000,
    show_default=True,
    help="Of the synthetic file.",
)
@click.option(
    "--command",
    "commands",
    type=click.Choice(["train", "distil"]),
    multiple=True,
    default=["train"],
    show_default=True,
    help="What is run; give it again for both.",
)
@click.option(
    "--output",
    type=click.Path(path_type=Path),
    default=Path("docs/pipeline-size.json"),
    show_default=True,
    help="The figures; replaced when all runs are complete.",
)
def pipeline_size(stillhouse: Path, rows: int, commands: tuple[str, ...], output: Path) -> None:
    """Measure memory, and the time until training begins, on a synthetic file."""
    from benchmarks.pipeline.size import measure, to_json

    sizes = []
    try:
        for command in commands:
            sizes.append(measure(stillhouse.absolute(), command, rows))
            found = sizes[-1]
            click.echo(
                f"{command}, {rows:,} rows: training began after {found.seconds_to_training} s, "
                f"peak {found.peak_rss_mb} MB ({found.peak_private_mb} MB private)"
            )
    except (OSError, RuntimeError) as error:
        raise click.ClickException(str(error)) from error
    partial = output.with_name(f".{output.name}.partial")
    partial.write_text(to_json(sizes), encoding="utf-8")
    partial.replace(output)
