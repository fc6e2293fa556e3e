"""Search spaces: the TOML files that say which values of a recipe are tuned, and where.

A key is a recipe's, by its dotted name; its value is a range (`low`, `high`, optionally `log`
or `step`) or a list of `choices`. Knows nothing of how values are chosen.
"""

import hashlib
import tomllib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, TypeVar

from optuna.distributions import (
    BaseDistribution,
    CategoricalDistribution,
    FloatDistribution,
    IntDistribution,
    distribution_to_json,
)
from pydantic import BaseModel, ConfigDict, Field, StrictBool, StrictFloat, StrictInt, StrictStr
from pydantic import ValidationError as Invalid

from training.errors import RecipeError, SpaceError
from training.recipe.recipe import Recipe, with_values

Space = dict[str, BaseDistribution]
Spec = TypeVar("Spec", bound=BaseModel)

TUNABLE_DATA = "data.max_length"
FIXED = {
    "name": "it changes nothing",
    "training.seed": "the best of several is luck",
    "training.steps": "trials are of so many epochs: tune training.epochs",
    "training.choose_by": "trials are compared by accuracy",
    "training.evaluations_per_epoch": "trials are compared evaluation by evaluation",
}


class Range(BaseModel):
    """Numbers from `low` to `high`, both included."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    low: StrictInt | StrictFloat
    high: StrictInt | StrictFloat
    log: bool = Field(False, description="even on a scale of magnitudes, as for learning rates")
    step: StrictInt | StrictFloat | None = None


class Choices(BaseModel):
    """One of some values."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    choices: list[StrictBool | StrictInt | StrictFloat | StrictStr] = Field(min_length=1)


def load_space(path: Path, recipe: Recipe) -> Space:
    """Reads a search space and checks that `recipe` can take each of its ends and choices.

    Raises:
        SpaceError: with one line for each wrong key.
    """
    try:
        values = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise SpaceError(f"no search space at {path}: {error.strerror}") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise SpaceError(f"{path} is not TOML: {error}") from error
    space: Space = {}
    wrong: list[str] = []
    for key, value in _leaves(values).items():
        try:
            space[key] = _distribution(key, value, recipe)
        except (RecipeError, SpaceError, ValueError) as error:
            wrong.append(f"  {key}: {error}")
    if wrong or not space:
        lines = wrong or ["  it names no key, such as training.learning_rate"]
        raise SpaceError(f"{path} is not a usable search space:\n" + "\n".join(lines))
    return space


def space_sha256(space: Space) -> str:
    """Hash of keys and ranges, independent of layout and comments."""
    lines = sorted(f"{key} {distribution_to_json(value)}" for key, value in space.items())
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()


def own_values(recipe: Recipe, space: Space) -> dict[str, Any] | None:
    """The recipe's own values of the space's keys; None where they lie outside of it."""
    found = values_of(recipe, space)
    if all(
        found[key] is not None and _contains(distribution, found[key])
        for key, distribution in space.items()
    ):
        return found
    return None


def values_of(recipe: Recipe, keys: Iterable[str]) -> dict[str, Any]:
    """What a recipe says of some keys, by their dotted names; None where it says nothing."""
    found = {}
    for key in keys:
        value: Any = recipe.model_dump(mode="json")
        for part in key.split("."):
            value = value.get(part) if isinstance(value, dict) else None
        found[key] = value
    return found


def drawn_values(params: Mapping[str, Any]) -> dict[str, Any]:
    """A trial's values as a recipe takes them: 0.3, not 0.30000000000000004."""
    return {
        key: float(f"{value:.12g}") if isinstance(value, float) else value
        for key, value in params.items()
    }


def _contains(distribution: BaseDistribution, value: Any) -> bool:
    if isinstance(distribution, CategoricalDistribution):
        return value in distribution.choices
    assert isinstance(distribution, FloatDistribution | IntDistribution)
    if not distribution.low <= value <= distribution.high:
        return False
    steps = (value - distribution.low) / (distribution.step or 1)
    return distribution.step is None or abs(steps - round(steps)) < 1e-9


def _leaves(values: Mapping[str, Any], parents: tuple[str, ...] = ()) -> dict[str, Any]:
    """Ranges and choices by dotted name, whether nested as tables or quoted as one key."""
    found: dict[str, Any] = {}
    for key, value in values.items():
        name = (*parents, key)
        inner = isinstance(value, dict) and not {"low", "high", "choices"} & value.keys()
        found |= _leaves(value, name) if inner and value else {".".join(name): value}
    return found


def _distribution(key: str, value: Any, recipe: Recipe) -> BaseDistribution:
    if key.startswith("data.") and key != TUNABLE_DATA:
        raise SpaceError("it cannot be tuned: all trials must share their data")
    if key in FIXED:
        raise SpaceError(f"it cannot be tuned: {FIXED[key]}")
    if not isinstance(value, dict) or not value:
        raise SpaceError("it should look like { low = 1, high = 3 } or { choices = [1, 2] }")
    if "choices" in value:
        choices = _parsed(Choices, value).choices
        for choice in choices:
            _check(recipe, key, choice)
        return CategoricalDistribution(choices)
    spec = _parsed(Range, value)
    for end in (spec.low, spec.high):
        _check(recipe, key, end)
    if _takes_integers_only(recipe, key, spec):
        step = 1 if spec.step is None else spec.step
        if step != int(step):
            raise SpaceError(f"a step of {step} leaves the integers")
        return IntDistribution(int(spec.low), int(spec.high), log=spec.log, step=int(step))
    step_or_none = None if spec.step is None else float(spec.step)
    return FloatDistribution(float(spec.low), float(spec.high), log=spec.log, step=step_or_none)


def _parsed(spec: type[Spec], value: Mapping[str, Any]) -> Spec:
    try:
        return spec.model_validate(value)
    except Invalid as error:
        last = error.errors()[-1]
        raise SpaceError(f"{last['loc'][0]}: {last['msg']}") from error


def _check(recipe: Recipe, key: str, value: Any) -> None:
    try:
        with_values(recipe, {key: value})
    except RecipeError as error:
        lines = str(error).splitlines()
        reasons = "; ".join(line.strip() for line in lines[1:] or lines)
        raise SpaceError(f"{value!r} cannot be used ({reasons})") from error


def _takes_integers_only(recipe: Recipe, key: str, spec: Range) -> bool:
    """Whether the recipe refuses a fraction between two whole ends that it takes."""
    if spec.low != int(spec.low) or spec.high != int(spec.high) or spec.low >= spec.high:
        return isinstance(spec.low, int) and isinstance(spec.high, int)
    try:
        with_values(recipe, {key: spec.low + 0.5})
    except RecipeError:
        return True
    return False
