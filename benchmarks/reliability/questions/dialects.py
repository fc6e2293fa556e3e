"""The forms of asking and answering that are put on the service: `/predict` and its dialects."""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from benchmarks.reliability.service import wire


@dataclass(frozen=True, slots=True)
class Said:
    """What a model said of one text. `scores` may lack labels that the dialect does not give."""

    label: str
    scores: Mapping[str, float]


class Unreadable(Exception):
    """An answer is not of its dialect's form."""


@dataclass(frozen=True, slots=True)
class Dialect:
    """How texts are asked about, and how an answer is read."""

    path: str  # {model} is filled in
    body: Callable[[str, Sequence[str]], Any]
    read: Callable[[Any], list[Said]]


def _predict_body(model: str, texts: Sequence[str]) -> Any:
    return {"inputs": texts[0] if len(texts) == 1 else list(texts), "model": model}


def _predict(answer: Any) -> list[Said]:
    return [Said(one["label"], one["scores"]) for one in answer["predictions"]]


def _ranked(answer: Any) -> list[Said]:
    """Lists of labels with scores, the best first; one text's may lie flat."""
    lists = answer if isinstance(answer[0], list) else [answer]
    return [Said(one[0]["label"], {row["label"]: row["score"] for row in one}) for one in lists]


def _oip_body(_model: str, texts: Sequence[str]) -> Any:
    tensor = {"name": "text", "shape": [len(texts)], "datatype": "BYTES", "data": list(texts)}
    return {"inputs": [tensor]}


def _oip(answer: Any) -> list[Said]:
    outputs = {one["name"]: one["data"] for one in answer["outputs"]}
    pairs = zip(outputs["label"], outputs["score"], strict=True)
    return [Said(label, {label: score}) for label, score in pairs]


DIALECTS: Mapping[str, Dialect] = {
    "predict": Dialect("/predict", _predict_body, _predict),
    "hf": Dialect("/models/{model}", lambda _, texts: {"inputs": list(texts)}, _ranked),
    "oip": Dialect("/v2/models/{model}/infer", _oip_body, _oip),
    "tei": Dialect(
        "/tei/predict?model={model}",
        lambda _, texts: {"inputs": [[text] for text in texts]},
        _ranked,
    ),
}


def build(dialect: str, model: str, texts: Sequence[str], timeout_ms: int | None = None) -> bytes:
    """A request about texts, in its bytes.

    Args:
        timeout_ms: the request's deadline; None: the service's own.
    """
    form = DIALECTS[dialect]
    body = json.dumps(form.body(model, texts)).encode()
    headers = {} if timeout_ms is None else {"X-Request-Timeout-Ms": str(timeout_ms)}
    return wire.request("POST", form.path.format(model=model), body, headers)


def read(dialect: str, body: bytes) -> list[Said]:
    """What an answer of status 200 says, text by text.

    Raises:
        Unreadable: it is of another form.
    """
    try:
        return DIALECTS[dialect].read(json.loads(body))
    except (ValueError, LookupError, TypeError) as error:
        raise Unreadable(f"{type(error).__name__} in {body[:80]!r}") from error
