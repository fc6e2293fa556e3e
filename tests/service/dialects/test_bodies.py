"""A body that cannot be used is refused for no more than a good one costs."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
from pydantic import BaseModel, ValidationError

from service.api.dialects import predict
from service.api.dialects.oip.described import IndexRequest, LoadRequest
from service.api.dialects.protocol import DialectRoute
from service.api.dialects.served import DIALECTS
from service.api.edge.bodies import parse_json
from service.api.schemas import Body, PredictRequest
from service.errors import InvalidInput

ROUTES = [*predict.ROUTES, *(route for api in DIALECTS.values() for route in api.routes)]
SCHEMAS: list[type[BaseModel]] = [
    *dict.fromkeys(route.body for route in ROUTES),
    *Body.__subclasses__(),
    IndexRequest,
    LoadRequest,
]
MANY = 100_000


def parts_of(schema: Any) -> Iterator[dict[str, Any]]:
    """Every part of a schema as pydantic compiled it."""
    if isinstance(schema, dict):
        yield schema
        for value in schema.values():
            yield from parts_of(value)
    elif isinstance(schema, list | tuple):
        for value in schema:
            yield from parts_of(value)


@pytest.mark.parametrize("model", SCHEMAS)
def test_no_schema_collects_errors(model: type[BaseModel]) -> None:
    """Every list stops at its first wrong item, and none makes an error of each unknown key."""
    parts = list(parts_of(model.__pydantic_core_schema__))
    lists = [part for part in parts if part.get("type") in ("list", "set", "tuple")]
    assert all(part.get("fail_fast") and part.get("max_length") for part in lists)
    assert not [part for part in parts if part.get("extra_behavior") == "forbid"]
    configs = [part.get("config") or {} for part in parts]
    assert not [config for config in configs if config.get("extra_fields_behavior") == "forbid"]


@pytest.mark.parametrize("route", ROUTES, ids=lambda route: route.path)
@pytest.mark.parametrize("item", [5, {}, None, [5]])
def test_many_wrong_items_are_one_error(route: DialectRoute, item: object) -> None:
    """Of a list of wrong items the first is told."""
    body = json.dumps({"inputs": [item] * MANY}).encode()
    with pytest.raises(ValidationError) as raised:
        parse_json(route.body, body)
    assert raised.value.error_count() <= 4  # what one item lacks


def test_first_unknown_key_is_named() -> None:
    """One unknown key is told with those there are, however many there are, and cut."""
    body = {"inputs": "good", "modle": 1} | {f"k{number}": 0 for number in range(MANY)}
    with pytest.raises(
        InvalidInput, match=r"^modle: unknown key; there are inputs, model, truncate"
    ):
        parse_json(PredictRequest, json.dumps(body).encode())
    with pytest.raises(InvalidInput) as raised:
        parse_json(PredictRequest, json.dumps({"inputs": "good", "k" * 9999: 1}).encode())
    assert len(str(raised.value)) < 200


def test_document_says_that_unknown_keys_are_refused() -> None:
    """The schema of a body that `parse_json` holds to its keys says so."""
    for model in Body.__subclasses__():
        assert model.model_json_schema()["additionalProperties"] is False
