"""Recipes: the TOML files that say, whole, how a model is trained.

A recipe is read once, checked, and copied into the checkpoint as it ran. This module
knows the format and nothing of what the values do.
"""

import hashlib
import json
import tomllib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, Literal, Self

import tomli_w
from pydantic import Field, ValidationError, model_validator

from training.errors import RecipeError
from training.recipe.section import Section
from training.recipe.teaching import Distillation


class Data(Section):
    """Where labelled text comes from and how it is split."""

    train: str = Field(description="hub id, or a local TSV, CSV, JSON lines or Parquet file")
    test: str | None = Field(None, description="set for reporting; never used to choose")
    text_column: str | None = Field(None, description="default: text, sentence, review or content")
    label_column: str = "label"
    labels: dict[str, str] | None = Field(
        None, description="label in the file -> label served, in the order of the logits"
    )
    validation_size: int = Field(500, ge=1, description="texts cut from train to choose by")
    max_length: int = Field(128, ge=4, description="most tokens of a text that are read")
    seed: int = Field(13, description="draws the validation, transfer and augmented texts")


InitialEmbeddings = Annotated[
    Literal["random", "teacher", "contextual"],
    Field(
        description="teacher: its word embeddings; contextual: its last layer's states of each "
        "token read alone; both projected to embedding_size by SVD"
    ),
]


class EncoderModel(Section):
    """A pretrained transformer encoder with a classification head."""

    architecture: Literal["encoder"]
    base: str | None = Field(
        None,
        description="hub id or local directory of the pretrained encoder; default: the teacher",
    )
    layers: tuple[Annotated[int, Field(ge=0)], ...] | None = Field(
        None, min_length=1, description="the base's layers to keep, counted from 0; default: all"
    )
    dropout: float = Field(0.1, ge=0, lt=1)

    @model_validator(mode="after")
    def _ascending(self) -> Self:
        if self.layers is not None and list(self.layers) != sorted(set(self.layers)):
            raise ValueError("layers: name each once, in ascending order")
        return self


class BiLstmModel(Section):
    """A bidirectional LSTM over the teacher's own token ids."""

    architecture: Literal["bilstm"]
    embedding_size: int = Field(128, ge=1)
    hidden_size: int = Field(256, ge=1)
    layers: int = Field(1, ge=1)
    dropout: float = Field(0.3, ge=0, lt=1)
    pooling: Literal["last", "max", "mean"] = "last"
    initial_embeddings: InitialEmbeddings = "teacher"


class NanoModel(Section):
    """One convolution over the teacher's own token ids, and the maximum over time."""

    architecture: Literal["nano"]
    embedding_size: int = Field(96, ge=1)
    filters: int = Field(128, ge=1)
    width: int = Field(5, ge=1, description="tokens that a filter sees at once")
    dropout: float = Field(0.3, ge=0, lt=1)
    initial_embeddings: InitialEmbeddings = "contextual"


class Training(Section):
    """The schedule. One Trainer runs it, so the names are the Trainer's."""

    epochs: float = Field(gt=0)
    batch_size: int = Field(ge=1)
    learning_rate: float = Field(gt=0)
    warmup_ratio: float = Field(0.06, ge=0, lt=1)
    weight_decay: float = Field(0.01, ge=0)
    max_grad_norm: float = Field(1.0, gt=0)
    scheduler: Literal["linear", "cosine", "constant"] = "linear"
    evaluations_per_epoch: int = Field(2, ge=1)
    choose_by: Literal["accuracy", "loss"] = Field(
        "accuracy", description="on the validation texts; the loss moves where few labels do"
    )
    precision: Literal["fp32", "bf16"] = "fp32"
    seed: int = Field(13, description="draws the new weights, the order of texts and dropout")


class Quality(Section):
    """The most that an export may lose against its checkpoint; more is not published."""

    max_accuracy_drop: float = Field(0.003, ge=0, le=1, description="share of labelled texts")
    min_agreement: float = Field(
        0.99, ge=0, le=1, description="share of texts that keep their label"
    )


class Recipe(Section):
    """A whole recipe. With `distillation` it trains a student, without it a teacher."""

    name: str = Field(pattern=r"^[a-z0-9][a-z0-9._-]*$")
    data: Data
    model: Annotated[EncoderModel | BiLstmModel | NanoModel, Field(discriminator="architecture")]
    training: Training
    distillation: Distillation | None = None
    quality: Quality | None = None

    @model_validator(mode="after")
    def _startable(self) -> Self:
        model = self.model
        if isinstance(model, EncoderModel) and model.base is None and self.distillation is None:
            raise ValueError("model.base is missing, and there is no [distillation] teacher either")
        return self

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
        return tomli_w.dumps(self.model_dump(mode="json", exclude_none=True))


def load_recipe(path: Path, overrides: Sequence[str] = ()) -> Recipe:
    """Reads a recipe and applies overrides such as `training.epochs=1`.

    Raises:
        RecipeError: the file is missing or not TOML, or a value is out of range.
    """
    try:
        values = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise RecipeError(f"no recipe at {path}: {error.strerror}") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise RecipeError(f"{path} is not TOML: {error}") from error
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
