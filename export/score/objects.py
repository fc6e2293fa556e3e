"""A line of JSON as a row that every format which is written can hold, or why it is none."""

import json
from typing import Any, NamedTuple

SHOWN = 1000  # characters of a line that nobody reads whole


class Broken(NamedTuple):
    """A row that is none of its format."""

    why: str
    content: Any


def object_of(line: str) -> dict[str, Any] | Broken:
    """Its columns; of an object in one that has none, nothing is kept."""
    try:
        found = json.loads(line)
        why = _unfit(found)
    except RecursionError:
        return Broken("it is nested too deeply", line[:SHOWN])
    except ValueError as error:
        return Broken(f"it is not JSON: {error}", line.rstrip("\n"))
    if why:
        return Broken(why, line.rstrip("\n"))
    if not isinstance(found, dict):
        return Broken("it is no object with columns", found)
    return {name: _without_empty(value) for name, value in found.items()}


def _unfit(value: Any) -> str:
    """Why no file can hold a value, if none can."""
    match value:
        case str():
            return "" if value.isascii() or _is_text(value) else "it has half of a character"
        case int() if not -(2**63) <= value < 2**63:
            return "it has a number of more than 64 bits"
        case list():
            return next(filter(None, map(_unfit, value)), "")
        case dict():
            return next(filter(None, map(_unfit, (*value, *value.values()))), "")
    return ""


def _is_text(value: str) -> bool:
    try:
        value.encode()
    except UnicodeEncodeError:
        return False
    return True


def _without_empty(value: Any) -> Any:
    """An object without columns, which Parquet has not, is none."""
    if isinstance(value, dict):
        return {name: _without_empty(one) for name, one in value.items()} or None
    return [_without_empty(one) for one in value] if isinstance(value, list) else value
