"""Valid requests to every path, which the fuzzer breaks."""

import json
from collections.abc import Mapping
from typing import Any

from benchmarks.reliability.service import wire

_TENSOR = {"name": "text", "shape": [2], "datatype": "BYTES", "data": ["a good film", "a bad one"]}
# What a client of OIP's binary extension sends: each string with its length before it.
_STRINGS = b"".join(
    len(text).to_bytes(4, "little") + text for text in (b"a good film", b"a bad one")
)
_BINARY = {
    "inputs": [
        {
            **{name: _TENSOR[name] for name in ("name", "shape", "datatype")},
            "parameters": {"binary_data_size": len(_STRINGS)},
        }
    ],
    "outputs": [{"name": "label"}, {"name": "scores", "parameters": {"binary_data": True}}],
}
_POSTS: tuple[tuple[str, Any], ...] = (
    ("/predict", {"inputs": "a good film"}),
    ("/predict", {"inputs": ["a good film", "a bad one"], "model": "student", "top_k": 1}),
    (
        "/predict",
        {
            "inputs": "a film",
            "model": "nano@2",
            "top_k": None,
            "raw_scores": True,
            "truncate": False,
        },
    ),
    ("/models/student", {"inputs": "a good film"}),
    (
        "/models/nano",
        {"inputs": ["a film", "b"], "parameters": {"function_to_apply": "softmax", "top_k": 1}},
    ),
    ("/v2/models/student/infer", {"id": "7", "parameters": {}, "inputs": [_TENSOR]}),
    ("/v2/models/auto/infer", {"inputs": [_TENSOR], "outputs": [{"name": "label"}]}),
    ("/v2/models/nano/versions/2/infer", {"inputs": [_TENSOR]}),
    ("/v2/repository/index", {"ready": True}),
    ("/v2/repository/models/student/load", {}),
    ("/v2/repository/models/student/unload", {}),
    ("/tei/predict", {"inputs": "a good film", "truncate": True, "truncation_direction": "Right"}),
    (
        "/tei/predict?model=student",
        {"inputs": [["a good film"], ["a bad one"]], "raw_scores": True},
    ),
    ("/tei/embed", {"inputs": ["a film"], "normalize": True}),
    ("/tei/rerank", {"query": "a film", "texts": ["good", "bad"]}),
    ("/v1/embeddings", {"input": "a film", "model": "student"}),
    ("/admin/models/student/load", {"version": 4}),
    ("/admin/models/student/unload", {}),
    ("/admin/reload", {}),
)
_GETS = (
    *("/", "/docs", "/openapi.json", "/livez", "/readyz", "/metrics", "/stats"),
    *("/models", "/models/student", "/v2", "/v2/health/live", "/v2/health/ready"),
    *("/v2/models/student", "/v2/models/student/ready", "/v2/models/student/config"),
    *("/v2/models/student/stats", "/v2/models/nano/versions/2", "/tei/info", "/tei/health"),
)
PATHS = (*(path for path, _ in _POSTS), *_GETS)


def requests() -> tuple[bytes, ...]:
    """All of them; none has a key, so that none changes what is served."""
    posts = [wire.request("POST", path, json.dumps(body).encode()) for path, body in _POSTS]
    gets = [wire.request(method, path) for path in _GETS for method in ("GET", "HEAD")]
    return (*posts * 3, _binary(), *gets)


def _binary() -> bytes:
    head = json.dumps(_BINARY).encode()
    headers: Mapping[str, str] = {
        "Inference-Header-Content-Length": str(len(head)),
        "Content-Type": "application/octet-stream",
    }
    return wire.request("POST", "/v2/models/student/infer", head + _STRINGS, headers)
