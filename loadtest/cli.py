"""`stillhouse loadtest`."""

import json
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import click

if TYPE_CHECKING:
    from loadtest.results import Load, Report, Row, Second

WARM_UP_SECONDS = 1.0
PROGRESS_EVERY = 5  # seconds


def _host(_context: click.Context, _option: click.Parameter, value: str) -> str:
    parts = urlsplit(value)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise click.BadParameter("expected http://HOST:PORT")
    if parts.username is not None or parts.query or parts.fragment:
        raise click.BadParameter("a user name, a query or a fragment has no place here")
    return value.rstrip("/")


def _models(_context: click.Context, _option: click.Parameter, value: str) -> list[str]:
    names = list(dict.fromkeys(name.strip() for name in value.split(",") if name.strip()))
    if not names:
        raise click.BadParameter("expected one name or more, with commas between them")
    return sorted(names, key=lambda name: name == "mix")  # the mix last


@click.command()
@click.option(
    "--host",
    default="http://127.0.0.1:8000",
    show_default=True,
    callback=_host,
    help="The service's address.",
)
@click.option(
    "--users",
    type=click.IntRange(min=1),
    default=8,
    show_default=True,
    help="How many ask at once; each waits for its answer.",
)
@click.option(
    "--seconds",
    type=click.IntRange(min=1),
    default=20,
    show_default=True,
    help="How long each run lasts, after a warm-up.",
)
@click.option(
    "--output",
    type=click.Path(path_type=Path, file_okay=False),
    default=Path("reports"),
    show_default=True,
    help="The directory that gets the report.",
)
@click.option(
    "--models",
    default="teacher,student,mix",
    show_default=True,
    callback=_models,
    help="One run each; `mix` asks the student mostly, and the teacher.",
)
@click.option("--seed", type=int, default=20, show_default=True, help="Of what is asked.")
@click.option(
    "--max-p99-ms",
    type=click.FloatRange(min=0, min_open=True),
    help="Fail when a run's p99 is over this.",
)
@click.option(
    "--max-error-share",
    type=click.FloatRange(min=0, max=1),
    default=0.0,
    show_default=True,
    help="Fail when a run's share of failed requests is over this.",
)
def loadtest(
    host: str,
    users: int,
    seconds: int,
    output: Path,
    models: list[str],
    seed: int,
    max_p99_ms: float | None,
    max_error_share: float,
) -> None:
    """Put load on a running service, and report what it did."""
    if find_spec("locust") is None:
        raise click.ClickException(
            "Locust is not installed: pip install 'stillhouse[loadtest]' brings it"
        )
    from loadtest.generator import GeneratorFailed
    from loadtest.report import write_report
    from loadtest.results import Limits, Load
    from loadtest.session import run_session
    from loadtest.target import TargetUnfit

    loads = [Load(host, model, users, seconds, WARM_UP_SECONDS, seed) for model in models]
    click.echo(f"{host}: {', '.join(models)}; {users} users, {seconds} s each")
    try:
        output.mkdir(parents=True, exist_ok=True)  # not after minutes of load
        report = run_session(loads, Limits(max_p99_ms, max_error_share), _progress)
        paths = write_report(report, output)
    except (GeneratorFailed, TargetUnfit) as error:
        raise click.ClickException(str(error)) from error
    except OSError as error:
        raise click.ClickException(f"--output {output}: {error}") from error
    click.echo(_table(report))
    for note in report.notes:
        click.echo(f"note: {note}")
    click.echo("\n".join(f"wrote {path}" for path in paths))
    if report.broken:
        raise click.ClickException("; ".join(report.broken))


def _progress(load: "Load", second: "Second") -> None:
    at = round(second.at)
    if at % PROGRESS_EVERY == 0 or at == load.seconds:
        click.echo(
            f"{load.model}: {at} of {load.seconds} s, {second.requests_per_second:.0f} req/s, "
            f"p99 {_ms(second.p99_ms)} ms, {second.failures} failures in the last second"
        )


def _table(report: "Report") -> str:
    heads = ("requests", "failures", "req/s", "p50 ms", "p95 ms", "p99 ms", "max ms")
    rows = [row for run in report.runs for row in _rows(run.total, run.rows)]
    width = max(len(row.name) for row in rows)
    lines = ["", " " * width + "".join(f"{head:>10}" for head in heads)]
    for row in rows:
        times = (row.p50_ms, row.p95_ms, row.p99_ms, row.max_ms)
        lines.append(
            f"{row.name:<{width}}{row.requests:>10,}{row.failures:>10,}"
            f"{row.requests_per_second:>10,.1f}" + "".join(f"{_ms(time):>10}" for time in times)
        )
    kinds = [kind for run in report.runs for kind in run.failures]
    lines += [f"failed: {kind.name}: {kind.count:,} x {kind.kind}" for kind in kinds]
    return "\n".join([*lines, ""])


def _rows(total: "Row", rows: "tuple[Row, ...]") -> "tuple[Row, ...]":
    return (total,) if len(rows) == 1 else (*rows, total)


def _ms(value: float | None) -> str:
    if value is None:
        return "-"
    return f"{value:,.3g}" if value < 100 else f"{value:,.0f}"


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
