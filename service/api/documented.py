"""Parts of the OpenAPI document that FastAPI cannot tell from a handler that reads its body."""

from typing import Any

from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

from service.api.problems import RESPONSES

_REFERENCE = "#/components/schemas/{model}"

_TIMEOUT = {
    "name": "X-Request-Timeout-Ms",
    "in": "header",
    "schema": {"type": "integer", "minimum": 1},
    "description": "after this long the answer is of no use, and 504 comes instead",
}


def body_of(model: type[BaseModel]) -> dict[str, Any]:
    """For `openapi_extra`: the schema of a prediction's body, and the header that limits it."""
    schema = {"$ref": _REFERENCE.format(model=model.__name__)}
    return {
        "requestBody": {"required": True, "content": {"application/json": {"schema": schema}}},
        "parameters": [_TIMEOUT],
    }


def errors_of(model: type[BaseModel], *statuses: int) -> dict[int | str, dict[str, Any]]:
    """For `responses`: what can go wrong, in a dialect whose errors are `model`.

    Args:
        statuses: those that can come; none given, all those of a prediction.
    """
    return {
        status: {"model": model, "description": response["description"]}
        for status, response in RESPONSES.items()
        if (status in statuses if statuses else status != 409)  # 409 is of /admin alone
    }


def schemas_of(*models: type[BaseModel]) -> dict[str, Any]:
    """The schemas of models and of all they refer to, by name."""
    _, document = models_json_schema(
        [(model, "validation") for model in models], ref_template=_REFERENCE
    )
    definitions: dict[str, Any] = document["$defs"]
    return definitions
