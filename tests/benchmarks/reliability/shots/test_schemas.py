"""Requests are made of OpenAPI documents, and go to the paths that are served."""

from typing import Any

import pytest
import yaml

from benchmarks.reliability.shots import mutate, schemas

DOCUMENT: dict[str, Any] = {
    "openapi": "3.0.0",
    "info": {"title": "t", "version": "1"},
    "paths": {
        "/models/${MODEL_NAME}/infer": {
            "parameters": [
                {"name": "MODEL_NAME", "in": "path", "required": True, "schema": {"type": "string"}}
            ],
            "post": {
                "requestBody": {
                    "required": True,
                    "content": {
                        "application/json": {
                            "schema": {
                                "type": "object",
                                "properties": {"inputs": {"type": "string"}},
                                "required": ["inputs"],
                            }
                        }
                    },
                },
                "responses": {"200": {"description": "ok"}},
            },
        },
        "/health": {"get": {"responses": {"200": {"description": "ok"}}}},
    },
}


@pytest.fixture
def document() -> dict[str, Any]:
    """As it is read from a file."""
    return schemas.load(yaml.safe_dump(DOCUMENT, sort_keys=False).encode())


def test_paths_are_templates_of_models_that_there_are(document: dict[str, Any]) -> None:
    """`${NAME}` is a template's way to be filled in by hand."""
    assert list(document["paths"]) == ["/models/{MODEL_NAME}/infer", "/health"]
    (parameter,) = document["paths"]["/models/{MODEL_NAME}/infer"]["parameters"]
    assert parameter["schema"] == {"enum": list(schemas.MODELS)}
    below = schemas.under(document, "/tei")
    assert list(below["paths"]) == ["/tei/models/{MODEL_NAME}/infer", "/tei/health"]


def test_requests_are_whole_and_as_many_as_asked_for(document: dict[str, Any]) -> None:
    """Whole requests on the loopback; such as are allowed, and such as are not."""
    known = frozenset({"/models/{}/infer", "/health"})
    found = schemas.requests(document, 60, 1, known)
    assert len(found) == 60
    assert all(map(mutate.is_one, found))
    infers = [one for one in found if one.startswith(b"POST /models/")]
    assert len(infers) > 30
    assert any(b'{"inputs"' in one.replace(b" ", b"") for one in infers)
    assert any(b"inputs" not in one for one in infers)
    assert all(b"\r\nHost: 127.0.0.1\r\n" in one for one in found)


def test_few_go_where_nobody_serves(document: dict[str, Any]) -> None:
    """The rest is for the paths that there are."""
    found = schemas.requests(document, 60, 1, frozenset({"/models/{}/infer"}))
    healths = [one for one in found if one.startswith(b"GET /health")]
    assert 0 < len(healths) <= schemas.ROUNDS * schemas.FEW
    assert schemas.served(document) == {"/models/{}/infer", "/health"}
