"""`python -m benchmarks promise`: what `stillhouse compress` comes to on data sets of others."""

import json
from pathlib import Path
from typing import Any

import click

RESULTS = Path("docs/benchmarks.json")
PAGE = Path("docs/benchmarks.md")
TECHNIQUES = Path("docs/techniques.md")
FILE = click.Path(path_type=Path, dir_okay=False)


@click.group()
def promise() -> None:
    """Run one teacher and one compression for each set, and write the page of them."""


@promise.command()
@click.option("--data", type=click.Path(path_type=Path, exists=True), required=True)
@click.option("--base", required=True, help="The encoder that teachers are fine-tuned from.")
@click.option("--sets", default="all", show_default=True, metavar="NAME,...")
@click.option("--budget", default="30m", show_default=True, help="Of each search.")
@click.option(
    "--start",
    "starts",
    type=click.Path(path_type=Path, exists=True),
    multiple=True,
    help="A smaller encoder of general text, which a candidate of each set begins with.",
)
@click.option("--limit", type=float, default=0.01, show_default=True, help="What may be lost.")
@click.option(
    "--stillhouse",
    type=click.Path(path_type=Path, exists=True),
    default=Path(".venv-dev/bin/stillhouse"),
    show_default=True,
)
@click.option("--conditions", default="", help="A sentence on how they were run, for the page.")
@click.option("--work", type=click.Path(path_type=Path), default=Path("checkpoints/promise"))
@click.option("--output", type=FILE, default=RESULTS, show_default=True)
def run(
    data: Path,
    base: str,
    sets: str,
    budget: str,
    starts: tuple[Path, ...],
    limit: float,
    stillhouse: Path,
    conditions: str,
    work: Path,
    output: Path,
) -> None:
    """Run the sets, one after another; the figures of each are written as it ends."""
    from benchmarks.promise.runs import Plan, settings
    from benchmarks.promise.runs import run as run_one
    from benchmarks.promise.sets import SETS

    names = [one.name for one in SETS] if sets == "all" else sets.split(",")
    if unknown := set(names) - {one.name for one in SETS}:
        raise click.UsageError(f"no set {sorted(unknown)}: there are {[one.name for one in SETS]}")
    plan = Plan(stillhouse.absolute(), data, base, work, budget, limit, starts)
    for one in SETS:
        if one.name not in names:
            continue
        try:
            row = run_one(one, plan, click.echo)
        except RuntimeError as error:
            raise click.ClickException(str(error)) from error
        rows = {found["set"]: found for found in _read(output)["rows"]} | {one.name: row}
        ordered = [rows[found.name] for found in SETS if found.name in rows]
        _write(output, {"settings": {**settings(plan), "conditions": conditions}, "rows": ordered})
        click.echo(row["headline"])


@promise.command()
@click.option("--results", type=FILE, default=RESULTS, show_default=True)
@click.option("--page", type=FILE, default=PAGE, show_default=True)
@click.option("--techniques", type=FILE, default=TECHNIQUES, show_default=True)
def report(results: Path, page: Path, techniques: Path) -> None:
    """Write the pages from the figures."""
    from benchmarks.promise import page as of_sets
    from benchmarks.promise import techniques as of_techniques

    found = _read(results)
    rows = found["rows"]
    page.write_text(of_sets.to_markdown(rows, found["settings"]), encoding="utf-8")
    techniques.write_text(of_techniques.to_markdown(rows), encoding="utf-8")
    techniques.with_suffix(".svg").write_text(of_techniques.to_svg(rows), encoding="utf-8")
    click.echo(f"{page}, {techniques}: {len(rows)} sets")


def _read(path: Path) -> dict[str, Any]:
    if not path.is_file():
        return {"settings": {}, "rows": []}
    found: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return found


def _write(path: Path, value: dict[str, Any]) -> None:
    partial = path.with_name(f".{path.name}.partial")
    partial.write_text(json.dumps(value, indent=2) + "\n", encoding="utf-8")
    partial.replace(path)
