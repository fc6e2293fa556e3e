"""Bodies that cost more than they should: a million wrong items, long texts with no time."""

import asyncio
import itertools
import threading
import time
from collections import Counter
from collections.abc import Iterator, Sequence

from benchmarks.reliability.faults.common import Harm, Scene, under_load
from benchmarks.reliability.questions import dialects
from benchmarks.reliability.results import Fault
from benchmarks.reliability.service import wire
from benchmarks.reliability.service.process import Service

MILLION = 1_000_000
WITHIN = 500_000  # items in a body below the default limit of a megabyte
MOST_GROWTH_MB = 100.0
LONG_TEXTS = 6
LONG_CHARACTERS = 400_000
DEADLINE_MS = 5
PAUSE = 0.5
PATIENCE = 60.0
CLIENT_ERRORS = range(400, 500)


def wrong_items(scene: Scene) -> Fault:
    """Lists of numbers in place of texts; a million of them, and as many as a body may have."""
    requests = [
        wire.request("POST", "/predict", _items(MILLION)),
        wire.request("POST", "/predict", _items(WITHIN)),
        wire.request("POST", "/models/student", _items(WITHIN)),
        wire.request("POST", "/tei/predict", _items(WITHIN)),
        wire.request(
            "POST",
            "/v2/models/student/infer",
            b'{"inputs":[{"name":"text","shape":[1],"datatype":"BYTES","data":['
            + b",".join([b"1"] * (WITHIN - 50))
            + b"]}]}",
        ),
    ]

    def harm(service: Service) -> Harm:
        statuses: Counter[int | None] = Counter()
        before = service.rss_mb()
        with _Peak(service) as peak:
            for request in _again(requests, scene.seconds):
                statuses.update(asyncio.run(_volley(service.port, [request])))
        growth = peak.mb - before
        missed = [f"{n} answered with {s}" for s, n in statuses.items() if s not in CLIENT_ERRORS]
        if growth > MOST_GROWTH_MB:
            missed.append(f"memory grew by {growth:.0f} MB, more than {MOST_GROWTH_MB:.0f}")
        findings = {
            "answered": _said(statuses),
            "memory": f"{before:.0f} MB, at most {peak.mb:.0f}",
        }
        return Harm(findings, tuple(missed))

    what = "bodies of a million wrong items, and of as many as a megabyte holds, in every dialect"
    return under_load(scene, "wrong-items", what, scene.launch(), harm)


def long_texts(scene: Scene) -> Fault:
    """Texts that take long to read, with a deadline that is over before."""
    settings = {
        "STILLHOUSE_MAX_CHARACTERS": str(LONG_CHARACTERS + 1),
        "STILLHOUSE_MAX_BODY_BYTES": str(4 * LONG_CHARACTERS),
    }
    text = ("a film without an end " * LONG_CHARACTERS)[:LONG_CHARACTERS]
    whole = [dialects.build("predict", "student", [text], DEADLINE_MS)] * LONG_TEXTS
    good = frozenset({200, 429, 504})

    def harm(service: Service) -> Harm:
        statuses: Counter[int | None] = Counter()
        calm, quiet = service.cpu_seconds(), time.monotonic()
        time.sleep(max(1.0, scene.around / 2))
        calm = (service.cpu_seconds() - calm) / (time.monotonic() - quiet)
        used, begun, volleys = service.cpu_seconds(), time.monotonic(), 0
        for _ in _again(whole[:1], scene.seconds):
            statuses.update(asyncio.run(_volley(service.port, whole)))
            volleys += 1
        used = service.cpu_seconds() - used - calm * (time.monotonic() - begun)
        missed = [f"{n} answered with {s}" for s, n in statuses.items() if s not in good]
        findings = {
            "answered": _said(statuses),
            "CPU a volley, beyond the load's": f"{max(0.0, used) / volleys * 1000:.0f} ms",
        }
        return Harm(findings, tuple(missed))

    what = (
        f"{LONG_TEXTS} texts of {LONG_CHARACTERS // 1000} kB at once with a deadline of "
        f"{DEADLINE_MS} ms, every {PAUSE:g} s"
    )
    return under_load(scene, "long-texts", what, scene.launch(settings), harm)


class _Peak:
    """The most memory that a service has meanwhile."""

    def __init__(self, service: Service) -> None:
        self.mb = 0.0
        self._service = service
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._look)

    def _look(self) -> None:
        while not self._done.wait(0.02):
            self.mb = max(self.mb, self._service.rss_mb())

    def __enter__(self) -> "_Peak":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._done.set()
        self._thread.join()


def _again(requests: Sequence[bytes], seconds: float) -> Iterator[bytes]:
    """The requests in turn with pauses, until the time has passed; each once at least."""
    ends = time.monotonic() + seconds
    yield from requests
    for request in itertools.cycle(requests):
        time.sleep(PAUSE)
        if time.monotonic() > ends:
            return
        yield request


async def _volley(port: int, requests: Sequence[bytes]) -> list[int | None]:
    """Statuses of requests that are sent at the same time."""

    async def one(request: bytes) -> int | None:
        try:
            return (await wire.once(port, request, PATIENCE)).status
        except (wire.Unreached, wire.Lost, TimeoutError):
            return None

    return list(await asyncio.gather(*map(one, requests)))


def _items(count: int) -> bytes:
    return b'{"inputs":[' + b",".join([b"1"] * count) + b"]}"


def _said(statuses: Counter[int | None]) -> str:
    return ", ".join(f"{status or 'nothing'}: {count}" for status, count in statuses.most_common())
