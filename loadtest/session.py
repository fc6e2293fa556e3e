"""A whole load test: one run after the other, so that none spoils another's numbers.

Knows nothing of files and terminals.
"""

import os
import platform
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from importlib.metadata import version
from urllib.parse import urlsplit

from loadtest.generator import generate
from loadtest.results import Limits, Load, Report, Second, broken_limits, notes_on
from loadtest.target import check_target

SCHEMA_VERSION = 1
MIX = "mix"
MIXED = ("teacher", "student")  # whom the mix asks


def run_session(
    loads: Iterable[Load], limits: Limits, on_second: Callable[[Load, Second], None]
) -> Report:
    """Puts each load on the service in turn; the loads differ in their model alone.

    Raises:
        TargetUnfit: the service is not ready, or does not serve a model.
        GeneratorFailed: a run ended without a result.
    """
    loads = tuple(loads)
    first = loads[0]
    asked = [name for load in loads for name in (MIXED if load.model == MIX else (load.model,))]
    check_target(first.host, dict.fromkeys(asked))
    started_at = datetime.now(UTC).replace(microsecond=0)
    runs = []
    for load in loads:

        def report_second(second: Second, load: Load = load) -> None:
            on_second(load, second)

        runs.append(generate(load, report_second))
    return Report(
        schema_version=SCHEMA_VERSION,
        started_at=started_at,
        host=first.host,
        users=first.users,
        seconds=first.seconds,
        warm_up_seconds=first.warm_up_seconds,
        seed=first.seed,
        locust_version=version("locust"),
        python_version=platform.python_version(),
        cpu_count=os.cpu_count() or 1,
        limits=limits,
        runs=tuple(runs),
        broken=broken_limits(runs, limits),
        notes=notes_on(runs, urlsplit(first.host).hostname or ""),
    )
