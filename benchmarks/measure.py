"""Measures what the README states: accuracy, latency, memory, size and start, through HTTP.

Starts the service on one core and asks from the other. Accuracy is on a labelled file, every
text a request of its own; latency likewise, the models taking turns text by text, another one first
each time, and PyTorch eager BERT-base after them on the server's core.
"""

import csv
import gzip
import http.client
import json
import os
import platform
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
from scipy.stats import binomtest

SERVER_CORE, CLIENT_CORE = 0, 1
WARM_UP = 20
START_SECONDS = 60


@dataclass(frozen=True)
class ModelFigures:
    """One model or cascade, as its clients see it. Times in milliseconds.

    Of a cascade, `escalated` is the share of texts that its last model answered.
    """

    name: str
    kind: str
    parameters: int | None
    megabytes: float | None
    escalated: float | None
    n: int
    accuracy: float
    accuracy_low: float
    accuracy_high: float
    p50_ms: float
    p99_ms: float


@dataclass(frozen=True)
class BaselineFigures:
    """PyTorch eager BERT-base in its own process, no HTTP. Times in milliseconds."""

    padded_p50_ms: float
    padded_p99_ms: float
    unpadded_p50_ms: float
    unpadded_p99_ms: float


@dataclass(frozen=True)
class Figures:
    """A whole run."""

    created_at: str
    data: str
    latency_texts: int
    machine: str
    models: list[ModelFigures]
    baseline: BaselineFigures
    start_to_first_answer_s: float
    service_memory_mb: float
    service_environment_mb: float


def measure(
    stillhouse: Path,
    models: Path,
    data: Path,
    port: int,
    latency_texts: int,
) -> Figures:
    """Runs everything; takes some minutes.

    Args:
        stillhouse: the command of the service's own environment.
        data: a TSV with `label` and `text`, labels 0 and 1 or the models' own names.
        latency_texts: how many of its texts are timed.
    """
    os.sched_setaffinity(0, {CLIENT_CORE})
    rows = read_rows(data)
    with _service(stillhouse, models, port) as (process, started):
        client = _connect(port)
        listed = _get(client, "/models")
        served = {model["name"]: model for model in listed["models"] if model["state"] == "ready"}
        names = [*served, *(one["name"] for one in listed["cascades"] if not one["stale"])]
        last = {one["name"]: one["chain"][-1] for one in listed["cascades"]}
        counted = {name: _count(client, name, last.get(name), rows) for name in names}
        times, baseline = _latency(
            client, names, [text for _, text in rows[:latency_texts]], models
        )
        memory = _resident_mb(process.pid)
    return Figures(
        created_at=datetime.now(UTC).isoformat(timespec="seconds"),
        data=data.name,
        latency_texts=min(latency_texts, len(rows)),
        machine=f"{_cpu_name()}, {os.cpu_count()} CPUs, Python {platform.python_version()}",
        models=[
            _figures(name, served.get(name), *counted[name], len(rows), times[name])
            for name in names
        ],
        baseline=baseline,
        start_to_first_answer_s=round(started, 2),
        service_memory_mb=round(memory, 1),
        service_environment_mb=round(_tree_mb(stillhouse.parent.parent), 1),
    )


def read_rows(path: Path) -> list[tuple[str, str]]:
    """Label and text of each row of a TSV, gzipped or not."""
    opened = gzip.open if path.suffix == ".gz" else open
    with opened(path, "rt", encoding="utf-8") as file:
        reader = csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE)
        return [(row["label"], row["text"]) for row in reader]


@contextmanager
def _service(
    stillhouse: Path, models: Path, port: int
) -> Iterator[tuple[subprocess.Popen[bytes], float]]:
    """The service on its core, and the seconds from its start to its first prediction."""
    command = ["taskset", "-c", str(SERVER_CORE), str(stillhouse), "serve"]
    environment = {**os.environ, "STILLHOUSE_ACCESS_LOG": "false", "STILLHOUSE_LOG_LEVEL": "error"}
    begun = time.monotonic()
    process = subprocess.Popen(  # noqa: S603  our own command
        [*command, "--models", str(models), "--port", str(port)], env=environment
    )
    try:
        _await_answer(process, port, begun + START_SECONDS)
        yield process, time.monotonic() - begun
    finally:
        process.terminate()
        process.wait(30)


def _await_answer(process: "subprocess.Popen[bytes]", port: int, give_up: float) -> None:
    while time.monotonic() < give_up and process.poll() is None:
        try:
            _predict(_connect(port), None, "is it there ?")
        except ConnectionError:
            time.sleep(0.01)
        else:
            return
    raise RuntimeError(f"no service on port {port} within {START_SECONDS} s: see its output above")


def _connect(port: int) -> http.client.HTTPConnection:
    return http.client.HTTPConnection("127.0.0.1", port, timeout=30)


def _latency(
    client: http.client.HTTPConnection, names: list[str], texts: list[str], models: Path
) -> tuple[dict[str, list[float]], BaselineFigures]:
    times: dict[str, list[float]] = {name: [] for name in names}
    padded: list[float] = []
    unpadded: list[float] = []
    tokenizer = next(models.glob("*/*/tokenizer.json"))
    with subprocess.Popen(  # noqa: S603  our own module
        [  # noqa: S607  found on PATH
            "taskset",
            "-c",
            str(SERVER_CORE),
            sys.executable,
            "-m",
            "benchmarks.torch_baseline",
            str(tokenizer),
        ],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as baseline:
        _ask(baseline, texts[0], True)  # its start takes longer than an idle connection lives,
        client.close()  # and a closed one is opened anew by the next request
        for index, text in enumerate([*texts[:WARM_UP], *texts]):
            timed = index >= WARM_UP
            turn = index % len(names)
            in_turn = [*names[turn:], *names[:turn]]
            _predict(client, in_turn[-1], text)  # BERT-base has left nothing of them in the caches
            for name in in_turn:
                begun = time.perf_counter()
                _predict(client, name, text)
                if timed:
                    times[name].append(time.perf_counter() - begun)
            for is_padded, found in ((True, padded), (False, unpadded)):
                seconds = _ask(baseline, text, is_padded)
                if timed:
                    found.append(seconds)
        assert baseline.stdin is not None
        baseline.stdin.close()
    return times, BaselineFigures(*_quantiles(padded), *_quantiles(unpadded))


def _ask(baseline: "subprocess.Popen[str]", text: str, padded: bool) -> float:
    assert baseline.stdin is not None
    assert baseline.stdout is not None
    baseline.stdin.write(json.dumps({"text": text, "padded": padded}) + "\n")
    baseline.stdin.flush()
    return float(baseline.stdout.readline())


def _count(
    client: http.client.HTTPConnection, name: str, last: str | None, rows: list[tuple[str, str]]
) -> tuple[int, int]:
    """How many texts a model or cascade gets right, and how many its last model answered."""
    right = escalated = 0
    for label, text in rows:
        answer = _predict(client, name, text)["predictions"][0]
        right += answer["label"] == {"0": "negative", "1": "positive"}.get(label, label)
        escalated += answer["model"] == last
    return right, escalated


def _figures(
    name: str,
    model: dict[str, Any] | None,
    right: int,
    escalated: int,
    n: int,
    seconds: list[float],
) -> ModelFigures:
    interval = binomtest(right, n).proportion_ci(method="wilson")
    return ModelFigures(
        name,
        model["precision"] if model else "cascade",
        model["parameters"] if model else None,
        round(model["bytes"] / 1e6, 2) if model else None,
        None if model else escalated / n,
        n,
        right / n,
        float(interval.low),
        float(interval.high),
        *_quantiles(seconds),
    )


def _quantiles(seconds: list[float]) -> tuple[float, float]:
    p50, p99 = np.quantile(seconds, (0.5, 0.99)) * 1000
    return round(float(p50), 3), round(float(p99), 3)


def _predict(client: http.client.HTTPConnection, model: str | None, text: str) -> dict[str, Any]:
    body = json.dumps({"inputs": text, "model": model})
    client.request("POST", "/predict", body, {"content-type": "application/json"})
    return _read(client)


def _get(client: http.client.HTTPConnection, path: str) -> dict[str, Any]:
    client.request("GET", path)
    return _read(client)


def _read(client: http.client.HTTPConnection) -> dict[str, Any]:
    response = client.getresponse()
    body: dict[str, Any] = json.loads(response.read())
    if response.status != 200:
        raise RuntimeError(f"status {response.status}: {body}")
    return body


def _resident_mb(pid: int) -> float:
    status = Path(f"/proc/{pid}/status").read_text()
    kilobytes = next(line.split()[1] for line in status.splitlines() if line.startswith("VmRSS"))
    return int(kilobytes) / 1000


def _tree_mb(root: Path) -> float:
    return sum(path.lstat().st_size for path in root.rglob("*") if path.is_file()) / 1e6


def _cpu_name() -> str:
    info = Path("/proc/cpuinfo").read_text()
    names = (line.split(":")[1].strip() for line in info.splitlines() if "model name" in line)
    return next(names, platform.machine())


def to_json(figures: Figures) -> str:
    """The committed form."""
    return json.dumps(asdict(figures), indent=2) + "\n"
