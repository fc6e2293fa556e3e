"""The labels of a file in their plain form, and the problem that they are of.

Blanks around a name, 1.0 for 1, booleans and lists that are spelt out are put right, and told.
Knows nothing of what a label is called by a model.
"""

import ast
import json
import math
import re
from collections.abc import Callable, Sequence

from training.data.sources.raw import One, Value
from training.errors import DataError
from training.problem import ProblemType
from training.telling import tell

WHOLE_AS_FLOAT = re.compile(r"(-?\d+)\.0+")
WHOLE = re.compile(r"-?\d+")
SHOWN = 5


def plain(source: str, values: Sequence[Value]) -> list[Value]:
    """Each value in its plain form, in the same order; what was changed is told."""
    found = [_listed(value) for value in values]
    stripped = [_each(value, _without_blanks) for value in found]
    _told(source, found, stripped, "blanks around labels are left out")
    named = [_each(value, _without_booleans) for value in stripped]
    _told(source, stripped, named, "true and false are labels of these names")
    return _whole(source, named)


def problem_of_values(source: str, values: Sequence[Value]) -> ProblemType:
    """What labels are of: lists of several labels, numbers with fractions, or names.

    Raises:
        DataError: some are lists, and some are not.
    """
    lists = sum(isinstance(value, tuple) for value in values)
    if lists == len(values) > 0:
        return "multi_label"
    if lists:
        odd = next(value for value in values if not isinstance(value, tuple))
        raise DataError(f"{source}: some labels are lists, and {odd!r} is none: write [{odd!r}]")
    numbers = [as_number(value) for value in values]
    if all(number is not None for number in numbers) and any(
        number != int(number) for number in numbers if number is not None
    ):
        tell(f"{source}: the labels are numbers with fractions, and are read as targets")
        return "regression"
    return "single_label"


def as_number(value: Value) -> float | None:
    """A value as a finite number, if it is one."""
    if isinstance(value, tuple | bool):
        return None
    try:
        number = float(value)
    except ValueError:
        return None
    return number if math.isfinite(number) else None


def as_index(value: Value) -> int | None:
    """A value as an integer, if it is one, written out or not."""
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    return int(value) if isinstance(value, str) and WHOLE.fullmatch(value) else None


def _whole(source: str, values: list[Value]) -> list[Value]:
    """1.0 as 1, where no number has a fraction: a column of integers with a gap is of floats."""
    flat = [part for value in values for part in (value if isinstance(value, tuple) else (value,))]
    if not all(
        (isinstance(part, float) and part.is_integer())
        or (isinstance(part, int) and not isinstance(part, bool))
        or (isinstance(part, str) and (WHOLE.fullmatch(part) or WHOLE_AS_FLOAT.fullmatch(part)))
        for part in flat
    ):
        return values

    def whole(part: One) -> One:
        if isinstance(part, float):
            return int(part)
        return WHOLE_AS_FLOAT.sub(r"\1", part) if isinstance(part, str) else part

    found = [_each(value, whole) for value in values]
    _told(source, values, found, "1.0 is read as 1")
    return found


def _each(value: Value, change: Callable[[One], One]) -> Value:
    return tuple(change(part) for part in value) if isinstance(value, tuple) else change(value)


def _without_blanks(part: One) -> One:
    return part.strip() if isinstance(part, str) else part


def _without_booleans(part: One) -> One:
    return str(part).lower() if isinstance(part, bool) else part


def _listed(value: Value) -> Value:
    """A list that a table had to spell out, `["a", "b"]` or `['a', 'b']`, as a list."""
    if not isinstance(value, str) or not (value.startswith("[") and value.endswith("]")):
        return value
    for read in (json.loads, ast.literal_eval):
        try:
            found = read(value)
        except (ValueError, SyntaxError, RecursionError):
            continue
        if isinstance(found, list) and all(isinstance(part, str | int | float) for part in found):
            return tuple(found)
    return value


def _told(source: str, before: Sequence[Value], after: Sequence[Value], what: str) -> None:
    changed = [
        one for one, two in zip(before, after, strict=True) if (type(one), one) != (type(two), two)
    ]
    if changed:
        shown = ", ".join(repr(value) for value in changed[:SHOWN])
        tell(f"{source}: {what} ({shown}{', ...' if len(changed) > SHOWN else ''})")
