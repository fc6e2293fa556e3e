"""A null where a value is optional means the default: typed clients send every field they have."""

import copy
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, get_args, get_origin

import pytest
from fastapi.testclient import TestClient
from pydantic import BaseModel

from service.api.dialects.hf_schemas import HfRequest
from service.api.dialects.oip.described import IndexRequest
from service.api.dialects.oip.schemas import InferRequest
from service.api.dialects.openai_schemas import EmbeddingsRequest
from service.api.dialects.tei.schemas import TeiEmbedRequest, TeiRequest
from service.api.schemas import PredictRequest
from tests.service.dialects.test_oip_wire import element, post_binary
from tests.service.embedders import publish_embedder

Place = tuple[str | int, ...]

TENSOR = {"name": "text", "shape": [1], "datatype": "BYTES", "data": ["good " * 40]}
BODIES: dict[str, tuple[type[BaseModel], dict[str, Any]]] = {
    "/predict": (PredictRequest, {"inputs": {"text": "good " * 40}}),
    "/models/student": (HfRequest, {"inputs": {"text": "good"}}),
    "/v2/models/student/infer": (
        InferRequest,
        {"inputs": [TENSOR], "outputs": [{"name": "score"}]},
    ),
    "/v2/repository/index": (IndexRequest, {}),
    "/tei/predict": (TeiRequest, {"inputs": "good " * 40}),
    "/tei/embed": (TeiEmbedRequest, {"inputs": "good " * 40}),
    "/v1/embeddings": (EmbeddingsRequest, {"input": "good " * 40}),
}
EMBEDS = ("/tei/embed", "/v1/embeddings")
# What a null cannot stand in by itself: the data of a tensor that has none after the JSON either;
# the pooling of windows that have no stride.
NEEDED = {("inputs", 0, "data"), ("windows", "pooling")}


def models_in(annotation: Any) -> Iterator[tuple[type[BaseModel], bool]]:
    """The schemas that a field may hold, and whether in a list."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation, False
    for part in get_args(annotation):
        for model, listed in models_in(part):
            yield model, listed or get_origin(annotation) is list


def optional_places(model: type[BaseModel], at: Place = ()) -> Iterator[Place]:
    """Where a body of the schema may hold nothing."""
    for name, field in model.model_fields.items():
        here = (*at, name)
        if not field.is_required():
            yield here
        for inner, listed in models_in(field.annotation):
            yield from optional_places(inner, (*here, 0) if listed else here)


def with_null(body: dict[str, Any], place: Place) -> dict[str, Any]:
    """The body with a null in that place."""
    body = copy.deepcopy(body)
    holder: Any = body
    for step in place[:-1]:
        holder = holder[step] if isinstance(step, int) else holder.setdefault(step, {})
    holder[place[-1]] = None
    return body


CASES: Sequence[tuple[str, Place]] = [
    (path, place)
    for path, (model, _) in BODIES.items()
    for place in optional_places(model)
    if place not in NEEDED and not (place[:2] == ("inputs", 0) and model is not InferRequest)
]


def test_every_parameter_is_tried() -> None:
    """The walk over the schemas finds those inside others, in lists too."""
    assert ("/v2/models/student/infer", ("outputs", 0, "parameters", "binary_data")) in CASES
    assert ("/v2/models/student/infer", ("inputs", 0, "parameters")) in CASES
    assert ("/models/student", ("parameters", "top_k")) in CASES
    assert ("/tei/predict", ("truncation_direction",)) in CASES
    assert ("/predict", ("raw_scores",)) in CASES


@pytest.mark.parametrize(("path", "place"), CASES)
def test_null_is_the_default(
    models: Path, connect: Callable[..., TestClient], path: str, place: Place
) -> None:
    """The answer is the same with the null and without."""
    if path in EMBEDS:
        publish_embedder(models, "embedder")
        (models / "routes.toml").write_text('default = "embedder"\n')
    client, body = connect(), BODIES[path][1]
    without, with_it = (client.post(path, json=sent) for sent in (body, with_null(body, place)))
    assert with_it.status_code == 200, with_it.text
    if place == ("outputs",):  # all come where none is named
        assert len(with_it.json()["outputs"]) == 3
        return
    found, expected = with_it.json(), without.json()
    for answer in (found, expected):
        if isinstance(answer, dict):
            answer.pop("timing_ms", None)
    assert found == expected


def test_null_for_a_tensor_that_follows_the_json(connect: Callable[..., TestClient]) -> None:
    """Where a tensor is binary, its `data` may be null."""
    response = post_binary(connect(), element(b"good"), data=None)
    assert response.status_code == 200, response.text
