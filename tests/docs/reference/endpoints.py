"""docs/reference/endpoints.md: every path, from the OpenAPI document."""

import inspect
import re
from collections.abc import Iterator, Mapping
from typing import Any

from service.app import create_app
from service.settings import Settings
from tests.docs.reference.markdown import WRITTEN, Schema, keys, named, reached, table, values

HEAD = f"""# Endpoints

The service tells the same at `/docs`, to try out, and at `/openapi.json`, for programs. {WRITTEN}

"""
BODIES = """
## Bodies

What requests and answers hold, by the names above. A null where a value is optional means the
default.

"""


def endpoints() -> str:
    """The page."""
    document = create_app(Settings()).openapi()
    models: Mapping[str, Schema] = document["components"]["schemas"]
    tags: dict[str, list[tuple[str, str, dict[str, Any]]]] = {}
    for path, operations in document["paths"].items():
        for method, operation in operations.items():
            if method != "head":
                tags.setdefault(operation["tags"][0], []).append((method, path, operation))
    # Predictions first: they are what the service is for.
    ordered = sorted(tags, key=lambda tag: tag != "predict")
    rows = (
        [f"[`{method.upper()} {path}`](#{_anchor(method, path)})", one["summary"]]
        for tag in ordered
        for method, path, one in tags[tag]
    )
    parts = [HEAD, f"{document['info']['description']}\n\n", table(["path", "for"], rows)]
    for tag in ordered:
        parts.append(f"\n## {tag[0].upper()}{tag[1:]}\n")
        for method, path, one in tags[tag]:
            parts += _told(method, path, one, models)
    shown = reached((name for name in named(document["paths"])), models)
    parts.append(BODIES)
    parts += (
        f"### {name}\n\n{_cleaned(models[name])}{keys(models[name], models)}\n"
        for name in sorted(shown)
    )
    return "".join(parts).rstrip("\n") + "\n"


def _anchor(method: str, path: str) -> str:
    """The anchor of an operation's heading, as sites and hosts of code make it."""
    return f"{method}-{re.sub('[^a-z0-9_-]', '', path.lower())}"


def _told(
    method: str, path: str, operation: dict[str, Any], models: Mapping[str, Schema]
) -> Iterator[str]:
    title = operation["summary"]
    said = inspect.cleandoc(operation.get("description", ""))
    yield f"\n### `{method.upper()} {path}`\n\n"
    yield f"{title}{'' if title.endswith('?') else '.'} {said}\n\n"
    yield from (f"- {line}.\n" for line in _lines(operation, models))


def _lines(operation: dict[str, Any], models: Mapping[str, Schema]) -> Iterator[str]:
    """What goes in and what comes out."""
    if body := operation.get("requestBody"):
        yield f"Body: {_content(body['content'], models)}"
    given = [one for one in operation.get("parameters", ()) if one["in"] != "path"]
    if given:
        yield "Optional: " + ", ".join(f"`{one['name']}` ({one['in']})" for one in given)
    answers = dict(operation["responses"])
    if content := answers.pop("200", {}).get("content"):
        yield f"Answer: {_content(content, models)}"
    if answers:
        failures = sorted(answers.items())
        yield "Else: " + "; ".join(f"{status} {one['description']}" for status, one in failures)


def _content(content: dict[str, Any], models: Mapping[str, Schema]) -> str:
    told = []
    for kind, one in content.items():
        said = values(one.get("schema", {}), models)
        told.append(said if kind == "application/json" else f"`{kind}`")
    return ", or ".join(told)


def _cleaned(model: Schema) -> str:
    said = inspect.cleandoc(model.get("description", ""))
    return f"{said}\n\n" if said else ""
