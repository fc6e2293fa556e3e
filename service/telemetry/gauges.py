"""How each version is now, as gauges: said anew at each look, so that what is gone is not told.

Of several workers one is asked for metrics and speaks for all: each leaves what it last said in
the folder that they share. Prometheus' own gauges cannot forget a label there.
"""

import contextlib
import json
import os
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

SHARED_FOLDER = "PROMETHEUS_MULTIPROC_DIR"  # the name is prometheus_client's


class VersionGauge(NamedTuple):
    """How one version of a process is.

    Attributes:
        state: as the registry names it.
        depth: texts accepted and not yet answered.
    """

    model: str
    version: int
    state: str
    depth: int


class StoreGauge(NamedTuple):
    """How the store is that models come from.

    Attributes:
        synced_at: when all that was wanted had last been fetched, in seconds of the clock.
    """

    up: bool
    synced_at: float | None


class Gauges(Collector):
    """The versions of this process and of its fellow workers."""

    def __init__(self) -> None:
        self._told: Sequence[VersionGauge] = ()
        self._fitted: Mapping[tuple[str, str], float] = {}
        self._store: StoreGauge | None = None

    def tell(
        self,
        gauges: Sequence[VersionGauge],
        fitted: Mapping[tuple[str, str], float] | None = None,
        store: StoreGauge | None = None,
    ) -> None:
        """Says how this process's versions are; the others read it where there are others.

        Args:
            fitted: of each cascade, by its name and each of its models', the share of texts that
                the model is expected to answer.
            store: None: models lie in a directory.
        """
        self._told = tuple(gauges)
        self._store = store
        self._fitted = fitted or {}
        if (folder := _folder()) is None:
            return
        path = _path(folder, os.getpid())
        written = path.with_suffix(".tmp")
        with contextlib.suppress(OSError):  # a full disk: the others see what was before
            written.write_text(json.dumps(self._told), encoding="utf-8")
            written.replace(path)

    def collect(self) -> Iterator[GaugeMetricFamily]:
        """The gauges, added up over the workers."""
        depth = GaugeMetricFamily(
            "stillhouse_queue_depth",
            "Texts accepted and not yet answered.",
            labels=["model", "version"],
        )
        state = GaugeMetricFamily(
            "stillhouse_version_state",
            "Processes in which a version is in this state.",
            labels=["model", "version", "state"],
        )
        depths: Counter[tuple[str, str]] = Counter()
        states: Counter[tuple[str, str, str]] = Counter()
        for gauge in [*self._told, *_told_by_others()]:
            version = str(gauge.version)
            depths[gauge.model, version] += gauge.depth
            states[gauge.model, version, gauge.state] += 1
        for labels, texts in sorted(depths.items()):
            depth.add_metric(labels, texts)
        for names, processes in sorted(states.items()):
            state.add_metric(names, processes)
        yield depth
        yield state
        fitted = GaugeMetricFamily(
            "stillhouse_fitted_share",
            "Share of a cascade's texts that each of its models answered when it was fitted.",
            labels=["model", "by"],
        )
        for route, share in sorted(self._fitted.items()):
            fitted.add_metric(route, share)
        yield fitted
        if self._store is not None:
            yield from of_store(self._store)


def of_store(store: StoreGauge) -> Iterator[GaugeMetricFamily]:
    """The same in every worker: they share what is known of it."""
    yield GaugeMetricFamily(
        "stillhouse_models_store_up",
        "1: the store of models answered when it was last asked.",
        value=float(store.up),
    )
    if store.synced_at is not None:
        yield GaugeMetricFamily(
            "stillhouse_models_store_synced_timestamp_seconds",
            "When all that is wanted had last been fetched from the store of models.",
            value=store.synced_at,
        )


def pids() -> list[int]:
    """Of this process, and of its fellow workers."""
    folder = _folder()
    others = folder.glob("versions_*.json") if folder else ()
    return sorted({os.getpid(), *(int(path.stem.partition("_")[2]) for path in others)})


def kept() -> Path | None:
    """Where workers keep what was last seen of their processes; None: there is one alone."""
    folder = _folder()
    return None if folder is None else folder / "processes.json"


def mark_dead(pid: int) -> None:
    """Forgets how the versions of a worker were that has ended; what it counted stays."""
    if (folder := _folder()) is not None:
        _path(folder, pid).unlink(missing_ok=True)


def _folder() -> Path | None:
    given = os.environ.get(SHARED_FOLDER)
    return Path(given) if given else None


def _path(folder: Path, pid: int) -> Path:
    return folder / f"versions_{pid}.json"


def _told_by_others() -> Iterable[VersionGauge]:
    folder = _folder()
    if folder is None:
        return
    own = _path(folder, os.getpid())
    for path in sorted(folder.glob("versions_*.json")):
        if path == own:
            continue
        with contextlib.suppress(OSError):  # its worker has ended since
            yield from (VersionGauge(*row) for row in json.loads(path.read_bytes()))
