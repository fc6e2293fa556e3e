"""`stillhouse loadtest`: its options, and the plan that they make."""

from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from loadtest import options

if TYPE_CHECKING:
    from loadtest.load import Pace
    from loadtest.run.session import Plan

WARM_UP_SECONDS = 1


@click.group(invoke_without_command=True, context_settings={"help_option_names": ["-h", "--help"]})
@click.option(
    "--host",
    default="http://127.0.0.1:8000",
    show_default=True,
    type=options.HOST,
    help="The service's address.",
)
@click.option(
    "--model",
    "models",
    multiple=True,
    help="A model, `name@version`, alias or cascade; a run each. Without: all there are.",
)
@click.option("--mix", type=options.MIX, help="A run of several: student=0.8,teacher=0.2.")
@click.option(
    "--users",
    type=options.USERS,
    help="Closed loop: so many ask at once, and each waits for its answer; 1,8,32 is a run each. "
    " [default: 8]",
)
@click.option(
    "--rate", type=options.RATES, help="Open loop: requests a second; 50,100 is a run each."
)
@click.option(
    "--profile",
    type=options.PROFILE,
    help="Open loop whose rate changes: 0-500/60s (a ramp), 100/20s,1000/5s,100/20s (a spike).",
)
@click.option(
    "--arrivals",
    type=click.Choice(["poisson", "constant"]),
    default="poisson",
    show_default=True,
    help="Of an open loop.",
)
@click.option(
    "--seconds",
    type=click.IntRange(min=1),
    default=20,
    show_default=True,
    help="How long each run lasts, after a warm-up; a profile says it itself.",
)
@click.option("--capacity", is_flag=True, help="Search each model's capacity within --slo.")
@click.option(
    "--slo",
    type=options.OBJECTIVE,
    default="p99=50ms,errors=0.1%",
    show_default=True,
    help="What a rate must keep to count: p50, p95, p99, max, errors.",
)
@click.option(
    "--step-seconds",
    type=click.IntRange(min=1),
    default=5,
    show_default=True,
    help="Of a search: how long a step lasts at least.",
)
@click.option(
    "--step-samples",
    type=click.IntRange(min=1),
    default=1000,
    show_default=True,
    help="And how many requests it has at least, unless that takes more than a minute.",
)
@click.option(
    "--first-rate",
    type=click.FloatRange(min=0.1),
    help="Of a search: where it begins. Without: told by a short look.",
)
@click.option(
    "--highest-rate",
    type=click.FloatRange(min=0.1),
    default=100_000.0,
    show_default=True,
    help="Of a search: beyond this nothing is tried.",
)
@click.option(
    "--precision",
    type=options.SHARE,
    default="5%",
    show_default=True,
    help="A search ends when the next rate that fails is no further away.",
)
@click.option(
    "--texts",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    help="One a line, a TSV's column `text`, or JSON lines (.jsonl) with `text` and, of pairs, "
    "`text_pair`; may be gzipped. A TSV's column `label`, or an object's, is the right label, a "
    "name or a place among the model's: then the accuracy of the answers is told. Without: "
    "built-in sentences.",
)
@click.option(
    "--long-share",
    type=options.SHARE,
    default="0",
    show_default=True,
    help="Of the requests, with texts as long as IMDB's, joined of the others.",
)
@click.option(
    "--long-words",
    type=click.IntRange(min=1),
    default=173,
    show_default=True,
    help="The median length of these.",
)
@click.option(
    "--batch",
    type=options.BATCHES,
    default="1",
    show_default=True,
    help="Texts in a request: 8, or 1=0.9,8=0.1.",
)
@click.option(
    "--workers",
    type=click.IntRange(min=1),
    default=1,
    show_default=True,
    help="Processes that put the load on: Locust's master and workers.",
)
@click.option("--seed", type=int, default=20, show_default=True, help="Of what is asked, and when.")
@click.option(
    "--api-key-file",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Its first line is the key for the service. Without: STILLHOUSE_API_KEY, if set.",
)
@click.option(
    "--price-core-hour",
    type=click.FloatRange(min=0, min_open=True),
    help="Tells what a million requests cost.",
)
@click.option(
    "--cores",
    type=click.FloatRange(min=0, min_open=True),
    default=1.0,
    show_default=True,
    help="That the service has, for the cost.",
)
@click.option(
    "--output",
    type=click.Path(path_type=Path, file_okay=False),
    default=Path("reports"),
    show_default=True,
    help="The directory that gets the report.",
)
@click.option(
    "--fail-if",
    type=options.FAIL_IF,
    help="Exit with 3 when a run breaks one of these: p99>50ms,errors>0.1%,throughput<100; of "
    "p50, p95, p99, max, lag, errors, escalated, degraded, accuracy, throughput, capacity.  "
    "[default: errors>0%]",
)
@click.pass_context
def loadtest(context: click.Context, /, **given: Any) -> None:
    """Put load on a running service, and report what it did."""
    if context.invoked_subcommand is not None:
        return
    if find_spec("locust") is None:
        raise click.ClickException(
            "Locust is not installed: pip install 'stillhouse[loadtest]' brings it"
        )
    from loadtest.generator.process import GeneratorFailed
    from loadtest.report import terminal
    from loadtest.report.files import write_report
    from loadtest.run.session import Progress, run_session
    from loadtest.run.target import TargetUnfit
    from loadtest.traffic.texts import TextsUnfit

    output = given["output"]
    key = options.read_key(given["api_key_file"])
    plan = _plan(given)
    try:
        output.mkdir(parents=True, exist_ok=True)  # not after minutes of load
        report = run_session(plan, key, Progress(terminal.show_second, terminal.show_step))
        paths = write_report(report, output)
    except (GeneratorFailed, TargetUnfit, TextsUnfit, OSError) as error:
        raise click.ClickException(str(error)) from error
    terminal.show_report(report)
    click.echo("\n".join(f"wrote {path}" for path in paths))
    terminal.exit_if(report.broken)


def _plan(given: dict[str, Any]) -> "Plan":
    from loadtest.load import Content
    from loadtest.results import Price
    from loadtest.run.session import Plan, Search

    search = None
    if given["capacity"]:
        search = Search(
            objective=given["slo"],
            written=", ".join(limit.written for limit in given["slo"]),
            arrivals=given["arrivals"],
            first=given["first_rate"],
            highest=given["highest_rate"],
            seconds=given["step_seconds"],
            samples=given["step_samples"],
            precision=given["precision"],
        )
    limits = given["fail_if"]
    if limits is None:
        limits = options.read_fail_if("errors>0%") if search is None else ()
    if search is None and any(limit.measure == "capacity" for limit in limits):
        raise click.UsageError("--fail-if names a capacity, which only --capacity searches")
    if search is not None and any(limit.measure != "capacity" for limit in limits):
        raise click.UsageError("of a search --fail-if can judge the capacity alone; --slo the rest")
    price = given["price_core_hour"]
    texts = given["texts"]
    return Plan(
        host=given["host"],
        models=tuple(dict.fromkeys(given["models"])),
        mix=given["mix"] or (),
        paces=_paces(given),
        seconds=given["seconds"],
        warm_up_seconds=WARM_UP_SECONDS,
        search=search,
        content=Content(
            None if texts is None else str(texts.resolve()),
            given["long_share"],
            given["long_words"],
        ),
        batches=given["batch"],
        processes=given["workers"],
        seed=given["seed"],
        limits=limits,
        price=None if price is None else Price(price, given["cores"]),
    )


def _paces(given: dict[str, Any]) -> "tuple[Pace, ...]":
    from loadtest.load import MOST_ON_THEIR_WAY, Closed, Open, steady

    ways = [name for name in ("users", "rate", "profile", "capacity") if given[name]]
    if len(ways) > 1:
        raise click.UsageError(
            f"--{ways[0]} and --{ways[1]} exclude each other: one says how fast requests come"
        )
    if given["capacity"]:
        return ()
    if given["profile"]:
        return (Open(given["profile"], given["arrivals"]),)
    if given["rate"]:
        return tuple(steady(rate, given["seconds"], given["arrivals"]) for rate in given["rate"])
    for users in given["users"] or ():
        if users > MOST_ON_THEIR_WAY * given["workers"]:
            raise click.UsageError(
                f"--users {users} needs {-(-users // MOST_ON_THEIR_WAY)} --workers: a process has "
                f"at most {MOST_ON_THEIR_WAY} connections"
            )
    return tuple(Closed(users) for users in given["users"] or (8,))
