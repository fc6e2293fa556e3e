"""A page of all that a recipe may say, from the models that read it.

Run as `python -m training.recipe.reference > docs/reference/recipe.md`.
"""

import inspect
import sys
from collections.abc import Iterator
from typing import Any, get_args

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from training.recipe.recipe import Recipe
from training.recipe.section import Section

HEAD = """# Recipe keys

All that a recipe may say, generated from the code by `stillhouse recipe`. A key without a default
must be given; an unknown one is an error. Any value can be given on the command line, as
`--set training.epochs=1`. `stillhouse recipe --minimal` prints the least that is a recipe.
"""
BOUNDS = (
    ("exclusiveMinimum", "> {}"),
    ("minimum", "{} or more"),
    ("exclusiveMaximum", "< {}"),
    ("maximum", "{} or less"),
    ("minItems", "{} or more of them"),
)
WORDS = {"string": "text", "number": "number", "integer": "whole number", "boolean": "true, false"}


def reference() -> str:
    """The page, as Markdown."""
    parts = [HEAD]
    for title, section in _sections(Recipe, ""):
        parts += [f"## {title}\n", f"{_told(section)}\n"] if title else []
        parts.append(_table(section))
    return "\n".join(parts)


def keys() -> dict[str, str]:
    """Every key by its dotted name, with what it says of itself."""
    return {
        f"{title.split(']')[0].strip('`[')}.{name}".lstrip("."): field.description or ""
        for title, section in _sections(Recipe, "")
        for name, field in _own(section)
    }


def _sections(section: type[Section], path: str) -> Iterator[tuple[str, type[Section]]]:
    """A section and all within it, each with its heading."""
    title = f"`[{path}]`" if path else ""
    kinds = section.model_fields.get("architecture")
    if kinds is not None:
        title += f' with `architecture = "{get_args(kinds.annotation)[0]}"`'
    yield title, section
    for name, field in section.model_fields.items():
        for inner in _models(field.annotation):
            yield from _sections(inner, f"{path}.{name}".lstrip("."))


def _models(annotation: Any) -> list[type[Section]]:
    """The sections that an annotation names, in its order."""
    if inspect.isclass(annotation) and issubclass(annotation, BaseModel):
        return [annotation] if issubclass(annotation, Section) else []
    return [model for part in get_args(annotation) for model in _models(part)]


def _own(section: type[Section]) -> list[tuple[str, FieldInfo]]:
    """The keys of a section that are no sections themselves."""
    return [
        (name, field)
        for name, field in section.model_fields.items()
        if not _models(field.annotation)
    ]


def _table(section: type[Section]) -> str:
    schema = section.model_json_schema()["properties"]
    lines = ["| key | values | default | |", "| --- | --- | --- | --- |"]
    for name, field in _own(section):
        cells = [f"`{name}`", _values(schema[name]), _default(field), field.description or ""]
        lines.append("| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |")
    return "\n".join(lines) + "\n"


def _values(schema: dict[str, Any]) -> str:
    """What a key may be, in words."""
    if "anyOf" in schema:
        kinds = [_values(part) for part in schema["anyOf"] if part.get("type") != "null"]
        return ", or ".join(dict.fromkeys(kinds))
    if "const" in schema or "enum" in schema:
        return ", ".join(f"`{value}`" for value in schema.get("enum", [schema.get("const")]))
    if schema.get("type") == "array":
        kind = f"list of {_values(schema.get('items', {})) or 'values'}"
    elif schema.get("type") == "object":
        kind = "table"
    else:
        kind = WORDS.get(schema.get("type", ""), "")
    bounds = [words.format(f"{schema[name]:g}") for name, words in BOUNDS if name in schema]
    return " ".join([kind, *([f"({', '.join(bounds)})"] if bounds else [])])


def _default(field: FieldInfo) -> str:
    if field.is_required():
        return ""
    return "none" if field.default is None else f"`{field.default}`"


def _told(section: type[Section]) -> str:
    return inspect.cleandoc(section.__doc__ or "")


if __name__ == "__main__":
    sys.stdout.write(reference())
