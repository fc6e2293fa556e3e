"""Recipes: the TOML files that say, whole, how a model is trained.

A recipe is read once, checked, and copied into the checkpoint as it ran. This module
knows the format and nothing of what the values do.
"""

import hashlib
import json
import tomllib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, Self

import tomli_w
from pydantic import Field, ValidationError, model_validator

from training.errors import RecipeError
from training.problem import Task
from training.recipe.data import Data
from training.recipe.models import (
    BiLstmModel,
    CausalLmModel,
    EncoderModel,
    LinearModel,
    NanoModel,
)
from training.recipe.pruning import Pruning
from training.recipe.quality import Quality
from training.recipe.quantization import Quantization
from training.recipe.schedule import Training
from training.recipe.section import Section
from training.recipe.teaching import Distillation

# Of [training], where a model is fitted in one go: what is read, and what stands for the rest.
READ_IN_ONE_GO = ("choose_by", "seed")
NO_SCHEDULE = {"batch_size": 1, "learning_rate": 1.0}


class Recipe(Section):
    """A whole recipe. With `distillation` it trains a student, without it a teacher."""

    name: str = Field(
        pattern=r"^[a-z0-9][a-z0-9._-]*$", description="lower case, figures, `.`, `_` and `-`"
    )
    task: Task | None = Field(
        None,
        description="what the model is for; default: what its teacher is for, else "
        "text-classification",
    )
    data: Data
    model: Annotated[
        EncoderModel | BiLstmModel | NanoModel | LinearModel | CausalLmModel,
        Field(discriminator="architecture"),
    ]
    training: Training
    distillation: Distillation | None = None
    pruning: Pruning | None = None
    quantization: Quantization | None = None
    quality: Quality | None = None
    trainer: dict[str, Any] | None = Field(
        None,
        description="passed to `transformers.TrainingArguments` as it is, what the recipe decides "
        'excepted; `report_to = "tensorboard"`, say, which is none by default',
    )

    @model_validator(mode="before")
    @classmethod
    def _has_a_schedule(cls, values: Any) -> Any:
        """What must be given of every loop is of none where a model is fitted in one go."""
        if not isinstance(values, Mapping) or not _in_one_go(values.get("model")):
            return values
        return {**values, "training": {**NO_SCHEDULE, **values.get("training", {})}}

    @model_validator(mode="after")
    def _startable(self) -> Self:
        model = self.model
        if isinstance(model, EncoderModel) and model.base is None and self.distillation is None:
            raise ValueError("model.base is missing, and there is no [distillation] teacher either")
        if self.training.learning_rate is None and model.architecture != "encoder":
            raise ValueError("training.learning_rate is missing: encoders alone have a default")
        if isinstance(model, CausalLmModel) and self.distillation is not None:
            raise ValueError("a causal-lm learns from labels alone: leave [distillation] out")
        if self.quantization is not None:
            self.quantization.refuse_other(model.architecture)
        return self

    @model_validator(mode="after")
    def _prunable(self) -> Self:
        spec, taught = self.pruning, self.distillation
        if spec is None:
            return self
        if self.model.architecture != "encoder":
            raise ValueError(
                "[pruning] cuts heads and neurons out of an encoder: take "
                'model.architecture = "encoder"'
            )
        by_logits = taught is not None and taught.weights.from_teacher
        if spec.importance == "distillation" and not by_logits:
            raise ValueError(
                'pruning.importance = "distillation" asks how far the teacher is missed: give a '
                "[distillation] with kl or mse, or take taylor or magnitude"
            )
        if taught is not None and taught.weights.attention and spec.heads < 1:
            raise ValueError(
                "distillation.losses.attention compares head with head, and pruning.heads cuts "
                "some: leave that loss out (hidden, cosine, kl and mse work)"
            )
        return self

    def refuse_schedule(self) -> None:
        """Raises RecipeError where a loop is described, and the model is fitted in one go."""
        if not isinstance(self.model, LinearModel):
            return
        given, none = self.training.model_dump(), Training.model_validate(NO_SCHEDULE).model_dump()
        read = {*READ_IN_ONE_GO}
        wrong = [f"training.{key}" for key in given.keys() - read if given[key] != none[key]]
        wrong += ["[trainer]"] if self.trainer else []
        if wrong:
            raise RecipeError(
                f"a linear model is fitted in one go, without {', '.join(sorted(wrong))}: take "
                "that out"
            )

    @property
    def sha256(self) -> str:
        """Hash of the values, independent of layout and comments.

        The order of keys counts in `data.labels` alone, where it is the order of the logits.
        """
        values = self.model_dump(mode="json", exclude_none=True)
        if self.data.labels is not None:
            values["data"]["labels"] = list(self.data.labels.items())
        return hashlib.sha256(json.dumps(values, sort_keys=True).encode()).hexdigest()

    def to_toml(self) -> str:
        """The recipe as TOML; reading it back gives an equal recipe."""
        values = self.model_dump(mode="json", exclude_none=True)
        if isinstance(self.model, LinearModel):
            read = {name: values["training"].get(name) for name in READ_IN_ONE_GO}
            values["training"] = {name: value for name, value in read.items() if value is not None}
        return tomli_w.dumps(values)


def load_recipe(
    path: Path, overrides: Sequence[str] = (), named: Mapping[str, Any] | None = None
) -> Recipe:
    """Reads a recipe and applies overrides such as `training.epochs=1`.

    Args:
        named: values by dotted names, whatever is in them; an override goes over them.

    Raises:
        RecipeError: the file is missing or not TOML, or a value is out of range.
    """
    try:
        values = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise RecipeError(f"no recipe at {path}: {error.strerror}") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise RecipeError(f"{path} is not TOML: {error}") from error
    for key, value in (named or {}).items():
        if value is not None:
            _put(values, key, value)
    for override in overrides:
        _apply(values, override)
    return parse_recipe(values, str(path))


def shipped_recipe(name: str) -> Path:
    """A recipe that comes with the package.

    Raises:
        RecipeError: there is none of that name.
    """
    folder = Path(__file__).parents[1] / "recipes"
    names = sorted(path.stem for path in folder.glob("*.toml"))
    if name not in names:
        raise RecipeError(f"no recipe {name} ships; there are {names}")
    return folder / f"{name}.toml"


def quoted(value: str | tuple[str, ...]) -> str:
    """A string, or several as a list, as an override writes it, whatever is in it."""
    if isinstance(value, tuple):
        return "[" + ", ".join(map(quoted, value)) + "]"
    return '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"'


def parse_recipe(values: Mapping[str, Any], source: str) -> Recipe:
    """Checks a recipe's values; `source` names them in the error.

    Raises:
        RecipeError: with one line for each wrong key.
    """
    try:
        return Recipe.model_validate(values)
    except ValidationError as error:
        lines = (
            f"  {'.'.join(map(str, e['loc'])) or 'recipe'}: {e['msg']}" for e in error.errors()
        )
        raise RecipeError(f"{source} is not a usable recipe:\n" + "\n".join(lines)) from error


def with_values(recipe: Recipe, changes: Mapping[str, Any]) -> Recipe:
    """The recipe with other values, by dotted names such as `training.epochs`.

    Raises:
        RecipeError: with one line for each wrong key.
    """
    values = recipe.model_dump(mode="json", exclude_none=True)
    for key, value in changes.items():
        _put(values, key, value)
    return parse_recipe(values, recipe.name)


def _in_one_go(model: Any) -> bool:
    if isinstance(model, Mapping):
        return model.get("architecture") == "linear"
    return isinstance(model, LinearModel)


def _apply(values: dict[str, Any], override: str) -> None:
    key, separator, text = override.partition("=")
    if not separator:
        raise RecipeError(f"override {override!r} should look like training.epochs=1")
    try:
        value = tomllib.loads(f"value = {text}")["value"]
    except tomllib.TOMLDecodeError:
        value = text  # a bare word is a string, as in a shell
    _put(values, key.strip(), value)


def _put(values: dict[str, Any], key: str, value: Any) -> None:
    *parents, leaf = key.split(".")
    for parent in parents:
        values = values.setdefault(parent, {})
        if not isinstance(values, dict):
            raise RecipeError(f"{key}: {parent} is not a section")
    values[leaf] = value
