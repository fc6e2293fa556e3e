"""The OpenAPI document: FastAPI's own, and the predictions, which are no handlers of FastAPI's."""

from collections.abc import Sequence
from typing import Any

from fastapi import FastAPI
from pydantic import BaseModel, TypeAdapter
from pydantic.json_schema import models_json_schema

from service.api.dialects.protocol import FAILURES, DialectRoute
from service.api.schemas import Problem

_TEMPLATE = "#/components/schemas/{model}"
_TIMEOUT = {
    "name": "X-Request-Timeout-Ms",
    "in": "header",
    "required": False,
    "schema": {"type": "integer", "minimum": 1},
    "description": "after this long the answer is of no use, and 504 comes instead",
}
_DEGRADED = {
    "X-Stillhouse-Degraded": {
        "schema": {"type": "string"},
        "description": "of a cascade that answers under overload: the places, from 0 and with "
        "commas, of the texts that kept a cheaper model's answer; absent where there are none",
    }
}
KEYS = (
    "Where the service was started with keys, a request needs one, as `Authorization: Bearer KEY` "
    "or `X-API-Key: KEY`; `/admin` and the loading of models need the admin key."
)
_CONFLICT = "the version cannot be served"


def problems_of(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """For `responses` of a handler: these statuses are problem documents."""
    return {
        status: {
            "description": {**FAILURES, 409: _CONFLICT}[status],
            "content": {"application/problem+json": {"schema": _reference(Problem)}},
        }
        for status in statuses
    }


def body_of(model: type[BaseModel], *, required: bool = True) -> dict[str, Any]:
    """For `openapi_extra` of a handler that reads its body itself."""
    content = {"application/json": {"schema": _reference(model)}}
    return {"requestBody": {"required": required, "content": content}}


def install(
    app: FastAPI, routes: Sequence[DialectRoute], bodies: Sequence[type[BaseModel]]
) -> None:
    """Adds predictions, and the schemas that handlers read by hand, to the document.

    Args:
        routes: the predictions that are served.
        bodies: the schemas.
    """
    generate = app.openapi

    def openapi() -> dict[str, Any]:
        if app.openapi_schema is not None:
            return app.openapi_schema
        document = generate()
        schemas = document.setdefault("components", {}).setdefault("schemas", {})
        document["info"]["description"] = KEYS
        schemas.pop("HTTPValidationError", None)
        schemas.pop("ValidationError", None)
        document["components"]["securitySchemes"] = {
            "key": {"type": "http", "scheme": "bearer", "description": KEYS}
        }
        document["security"] = [{}, {"key": []}]
        for path in document["paths"].values():
            for operation in path.values():  # FastAPI's own form of 422, which is never sent
                if "HTTPValidationError" in str(operation["responses"].get("422")):
                    del operation["responses"]["422"]
        for route in routes:
            document["paths"].setdefault(route.path, {})["post"] = _operation(route, schemas)
        _add_schemas(schemas, Problem, *bodies)
        return document

    app.openapi = openapi  # type: ignore[method-assign]  # FastAPI's documented way


def _operation(route: DialectRoute, schemas: dict[str, Any]) -> dict[str, Any]:
    answer = TypeAdapter(route.answer).json_schema(ref_template=_TEMPLATE, mode="serialization")
    schemas |= answer.pop("$defs", {})
    if isinstance(route.answer, type) and issubclass(route.answer, BaseModel):
        _add_schemas(schemas, route.answer)
        answer = _reference(route.answer)
    _add_schemas(schemas, route.body)
    binary = {"application/octet-stream": {"schema": {"type": "string", "format": "binary"}}}
    more = binary if route.binary else {}
    names = [part[1:-1] for part in route.path.split("/") if part.startswith("{")]
    return {
        "tags": [route.tag],
        "summary": route.summary,
        "description": route.description,
        "operationId": f"post_{route.path.strip('/').translate(str.maketrans('/', '_', '{}'))}",
        "parameters": [
            *({"name": n, "in": "path", "required": True, "schema": _TEXT} for n in names),
            *(
                {"name": n, "in": "query", "required": False, "schema": _TEXT, "description": what}
                for n, what in route.query.items()
            ),
            _TIMEOUT,
        ],
        "requestBody": {
            "required": True,
            "content": {"application/json": {"schema": _reference(route.body)}, **more},
        },
        "responses": {
            "200": {
                "description": "Successful Response",
                "headers": _DEGRADED,
                "content": {"application/json": {"schema": answer}, **more},
            },
            **{str(status): _failure(route, text) for status, text in route.failures.items()},
        },
    }


def _failure(route: DialectRoute, text: str) -> dict[str, Any]:
    kind = "application/json" if route.error else "application/problem+json"
    return {
        "description": text,
        "content": {kind: {"schema": _reference(route.error or Problem)}},
    }


def _add_schemas(schemas: dict[str, Any], *models: type[BaseModel]) -> None:
    _, document = models_json_schema(
        [(model, "validation") for model in models], ref_template=_TEMPLATE
    )
    schemas |= document["$defs"]


def _reference(model: type[BaseModel]) -> dict[str, str]:
    return {"$ref": _TEMPLATE.format(model=model.__name__)}


_TEXT = {"type": "string"}
