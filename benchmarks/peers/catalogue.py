"""The peers: how each is launched, what it is asked, and the settings that are tried.

A peer's folder, beside this file, holds its application and its pinned requirements; its
environment has the folder's name. A new peer is a folder and an entry here.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).parent
COMMON = FOLDER / "common"  # what the applications share: on their PYTHONPATH

SERVICE, CASCADE, PLAIN, SERVER, FLOOR = "service", "cascade", "plain", "server", "floor"

Settings = dict[str, str]


@dataclass(frozen=True, slots=True)
class Form:
    """What is posted where for one text, and where the label stands in the answer."""

    path: str
    body: Callable[[str], Any]
    label: Callable[[Any], str]


@dataclass(frozen=True, slots=True)
class Peer:
    """One way to serve the model.

    `note` tells readers what was set and tried, and why. `command` may name {bin}, the
    environment's folder of commands, and {port}; it runs in a copy of the folder. `tries` are
    settings, handed to the application as environment variables: the first is taken unless
    `tune` found a better one. `constant` is set likewise, may name {port} and {scratch}, an empty
    directory that goes when the server has gone, and is not tried.
    """

    name: str
    kind: str
    folder: str
    package: str  # whose version names the peer
    command: tuple[str, ...]
    form: Form
    note: str
    tries: tuple[Settings, ...] = ({},)
    constant: Settings = field(default_factory=dict)


UVICORN = ("{bin}/uvicorn", "serve:app", "--host", "127.0.0.1", "--port", "{port}")
QUIET = ("--no-access-log", "--log-level", "warning")
SERVE = ("{bin}/python", "serve.py")


def _text(text: str) -> Any:
    return {"text": text}


def _label(answer: Any) -> str:
    return str(answer["label"])


def _tensor(text: str) -> Any:
    return {"inputs": [{"name": "text", "shape": [1], "datatype": "BYTES", "data": [text]}]}


def _tensor_label(answer: Any) -> str:
    outputs = {output["name"]: output["data"] for output in answer["outputs"]}
    return str(outputs["label"][0])


def _tries(names: tuple[str, ...], *rows: tuple[object, ...]) -> tuple[Settings, ...]:
    return tuple({n: str(v) for n, v in zip(names, row, strict=True)} for row in rows)


PEERS = {
    peer.name: peer
    for peer in (
        Peer(
            "fastapi-def",
            PLAIN,
            "fastapi",
            "fastapi",
            UVICORN + QUIET,
            Form("/def", _text, _label),
            "`def`: runs in FastAPI's pool of 40 threads; no batching, nothing to tune",
        ),
        Peer(
            "fastapi-async",
            PLAIN,
            "fastapi",
            "fastapi",
            UVICORN + QUIET,
            Form("/async", _text, _label),
            "`async def`: runs on the event loop and blocks it; no batching, nothing to tune",
        ),
        Peer(
            "litserve",
            SERVER,
            "litserve",
            "litserve",
            SERVE,
            Form("/predict", _text, _label),
            "one worker, one API server; tried: no batching, batches of 4 to 32, its ZeroMQ queue",
            # Without a window its batched loop spins on an empty queue, so there always is one.
            _tries(
                ("MAX_BATCH_SIZE", "BATCH_TIMEOUT_S", "FAST_QUEUE"),
                (8, 0.002, 1),
                (1, 0, 0),
                (1, 0, 1),
                (4, 0.002, 1),
                (16, 0.005, 1),
                (32, 0.005, 1),
            ),
        ),
        Peer(
            "bentoml",
            SERVER,
            "bentoml",
            "bentoml",
            (
                *("{bin}/bentoml", "serve", "serve:Classify"),
                *("--host", "127.0.0.1", "--port", "{port}"),
            ),
            Form(
                "/classify",
                lambda text: {"texts": [text]},
                lambda answer: str(answer[0]["label"]),
            ),
            "one worker; tried: no batching, adaptive batches of up to 4 to 32",
            # Its dispatcher refuses (503) what it expects to be later than the latency given.
            _tries(
                ("BATCHABLE", "MAX_BATCH_SIZE", "MAX_LATENCY_MS"),
                (1, 8, 10_000),
                (0, 1, 10_000),
                (1, 4, 10_000),
                (1, 16, 10_000),
                (1, 32, 10_000),
            ),
            {"BENTOML_DO_NOT_TRACK": "True", "BENTOML_HOME": "{scratch}"},
        ),
        Peer(
            "mlserver",
            SERVER,
            "mlserver",
            "mlserver",
            ("{bin}/mlserver", "start", "."),
            Form("/v2/models/classify/infer", _tensor, _tensor_label),
            "tried: no batching (its default), in the server's own process or in a worker's; "
            "batches of 4 to 32 in its own",
            # Batching is off by default (0, 0); a parallel worker is a process of its own.
            _tries(
                (
                    "MLSERVER_MODEL_MAX_BATCH_SIZE",
                    "MLSERVER_MODEL_MAX_BATCH_TIME",
                    "MLSERVER_PARALLEL_WORKERS",
                ),
                (0, 0, 0),
                (0, 0, 1),
                (4, 0.002, 0),
                (8, 0.002, 0),
                (16, 0.005, 0),
                (32, 0.005, 0),
            ),
            {"MLSERVER_HTTP_PORT": "{port}"},
        ),
        Peer(
            "infinity",
            SERVER,
            "infinity",
            "infinity-emb",
            SERVE,
            Form(
                "/classify",
                lambda text: {"model": "model", "input": [text], "raw_scores": False},
                lambda answer: str(answer["data"][0][0]["label"]),
            ),
            "its ONNX engine, given one thread; tried: queues of 4 to 32, which it sorts by length "
            "and runs text by text",
            _tries(("BATCH_SIZE",), (8,), (4,), (16,), (32,)),
            # Its optimiser does not work with this optimum; ONNX Runtime's own does the same.
            {"INFINITY_ONNX_DISABLE_OPTIMIZE": "1", "DO_NOT_TRACK": "1", "HF_HUB_OFFLINE": "1"},
        ),
        Peer(
            "ray",
            SERVER,
            "ray",
            "ray",
            SERVE,
            Form("/", _text, _label),
            "one replica, no dashboard; tried: no batching, batches of 8 and 32, its settings for "
            "throughput, HAProxy in place of its own proxy",
            _tries(
                (
                    "MAX_BATCH_SIZE",
                    "BATCH_WAIT_TIMEOUT_S",
                    "RAY_SERVE_THROUGHPUT_OPTIMIZED",
                    "RAY_SERVE_ENABLE_HA_PROXY",
                ),
                (8, 0.002, 1, 0),
                (1, 0, 0, 0),
                (1, 0, 1, 0),
                (1, 0, 1, 1),
                (8, 0.002, 1, 1),
                (32, 0.005, 1, 1),
            ),
            # On one core its parts can take longer to start than the seconds they are given.
            {
                "RAY_SERVE_PROXY_READY_CHECK_TIMEOUT_S": "60",
                "RAY_raylet_start_wait_time_s": "120",
                "RAY_USAGE_STATS_ENABLED": "0",
                "RAY_AUTH_MODE": "disabled",
                "RAY_SERVE_HAPROXY_CONFIG_FILE_LOC": "{scratch}/haproxy.cfg",
                "RAY_SERVE_HAPROXY_SOCKET_PATH": "{scratch}/admin.sock",
                "RAY_SERVE_HAPROXY_METRICS_SOCKET_PATH": "{scratch}/metrics.sock",
                "RAY_SERVE_HAPROXY_SERVER_STATE_BASE": "{scratch}",
                "RAY_SERVE_HAPROXY_SERVER_STATE_FILE": "{scratch}/server-state",
            },
        ),
        Peer(
            "fastapi-echo",
            FLOOR,
            "fastapi",
            "fastapi",
            UVICORN + QUIET,
            Form("/echo", _text, _label),
            "what a request costs without a model",
        ),
    )
}
