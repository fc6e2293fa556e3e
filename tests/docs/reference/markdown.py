"""Tables of Markdown, and what a JSON schema says of its keys."""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

Schema = Mapping[str, Any]
WRITTEN = "Written from the code by `make reference`; a test holds it."
_WORDS = {"string": "text", "integer": "whole number", "boolean": "true, false"}
_BOUNDS = (
    ("exclusiveMinimum", "> {}"),
    ("minimum", "{} or more"),
    ("exclusiveMaximum", "< {}"),
    ("maximum", "{} or less"),
    ("minItems", "{} or more of them"),
    ("maxItems", "{} or fewer of them"),
)


def table(heads: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table, each cell on one line."""
    lines = [heads, ["---"] * len(heads), *rows]
    return "".join(f"| {' | '.join(_cell(cell) for cell in line)} |\n" for line in lines)


def keys(schema: Schema, models: Mapping[str, Schema], *, defaults: bool = True) -> str:
    """The table of a schema's keys.

    Args:
        models: schemas by name, that the schema refers to.
        defaults: whether a key may be left out: of what is read, not of what is answered.
    """
    required = schema.get("required", ())
    rows = []
    for name, key in schema.get("properties", {}).items():
        default = "" if name in required else _default(key)
        said = key.get("description", "")
        row = [f"`{name}`", values(key, models), *([default] if defaults else []), said]
        rows.append(row)
    return table(["key", "values", *(["default"] if defaults else []), "meaning"], rows)


def values(schema: Schema, models: Mapping[str, Schema]) -> str:
    """What a key may be, in words."""
    if "$ref" in schema:
        name = schema["$ref"].rpartition("/")[2]
        found = models[name]
        return values(found, models) if "properties" not in found else f"[{name}](#{name.lower()})"
    for several in ("anyOf", "oneOf", "allOf"):
        if several in schema:
            told = [values(one, models) for one in schema[several] if one.get("type") != "null"]
            return ", or ".join(dict.fromkeys(told))
    if "const" in schema or "enum" in schema:
        return ", ".join(f"`{value}`" for value in schema.get("enum", [schema.get("const")]))
    kind = str(schema.get("type", "anything"))
    if kind == "array":
        kind = _array(schema, models)
    elif kind == "object":
        of = schema.get("additionalProperties")
        kind = f"table of {values(of, models)}" if isinstance(of, dict) and of else "table"
    kind = _WORDS.get(kind, kind)
    bounds = [words.format(f"{schema[name]:g}") for name, words in _BOUNDS if name in schema]
    return f"{kind} ({', '.join(bounds)})" if bounds else kind


def _array(schema: Schema, models: Mapping[str, Schema]) -> str:
    if places := schema.get("prefixItems"):
        return f"list: {', '.join(values(one, models) for one in places)}"
    return f"list of {values(schema.get('items', {}), models)}"


def named(schema: Any) -> Iterator[str]:
    """The models that a schema refers to, each as often as it does."""
    if isinstance(schema, dict):
        if "$ref" in schema:
            yield schema["$ref"].rpartition("/")[2]
        for part in schema.values():
            yield from named(part)
    elif isinstance(schema, list):
        for part in schema:
            yield from named(part)


def reached(names: Iterable[str], models: Mapping[str, Schema]) -> list[str]:
    """The models that have keys and are referred to by `names`, themselves first."""
    found: dict[str, None] = {}
    waiting = list(names)
    while waiting:
        name = waiting.pop(0)
        if name not in found:
            found[name] = None
            waiting += named(dict(models[name]))
    return [name for name in found if "properties" in models[name]]


def _default(key: Schema) -> str:
    default = key.get("default")
    return "" if default is None else f"`{json.dumps(default)}`"


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")
