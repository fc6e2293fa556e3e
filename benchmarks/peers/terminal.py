"""What the commands of `peers` share: what they need, and a visit in words."""

from importlib.util import find_spec
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from benchmarks.peers.figures.results import BareVisit, Visit


def need_libraries() -> None:
    """Raises ClickException, which says what to do, where a library is not installed."""
    missing = [name for name in ("psutil", "tqdm", "urllib3", "matplotlib") if not find_spec(name)]
    if missing:
        raise click.ClickException(
            f"{missing[0]} is not installed: `make .venv-dev/installed` makes what has it"
        )


def said_of(visit: "Visit | BareVisit") -> str:
    """A visit in a line."""
    from benchmarks.peers.figures.results import BareVisit

    if isinstance(visit, BareVisit):
        return f"bare: {visit.texts_per_second:.1f} texts/s, one in {visit.one_text_p50_ms:.2f} ms"
    if visit.failure is not None:
        return f"{visit.contender}: FAILED: {visit.failure}"
    loads = ", ".join(
        f"{load.connections}: {load.requests_per_second:.1f}/s p99 {load.p99_ms:.1f} ms"
        for load in visit.loads
    )
    start = visit.start_to_first_answer_s
    return f"{visit.contender}: {loads}; {visit.rss_mb} MB, first answer {start} s"
