"""The wire: bodies of requests and responses. Says nothing of how they are computed."""

from collections.abc import Sequence
from typing import Annotated, Any, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Discriminator, Field, Tag, model_validator

from service.runtime.model import Input, Pair
from service.runtime.tasks.entities import Aggregation
from service.setting_values import MOST_TEXTS

SHOWN = 64  # characters of an unknown key that come back
_Body = TypeVar("_Body", bound=BaseModel)


class Body(BaseModel):
    """Base of request bodies: `parse_json` refuses an unknown key. A null means the default."""

    model_config = ConfigDict(
        extra="allow", frozen=True, json_schema_extra={"additionalProperties": False}
    )


def refuse_unknown(body: _Body) -> _Body:
    """Raises ValueError at the first unknown key: pydantic's own "forbid" says each."""
    for key in body.model_extra or ():
        known = ", ".join(type(body).model_fields)
        raise ValueError(f"{key[:SHOWN]}: unknown key; there are {known}")
    return body


NOT_BLANK = {"minLength": 1, "pattern": r"\S"}  # in the OpenAPI document; the predictor checks it

Text = Annotated[str, Field(json_schema_extra=NOT_BLANK)]
# The first wrong item is the only error, and no list is read further than any setting allows: one
# of a million items costs no more than a good one.
FEW = Field(fail_fast=True, max_length=MOST_TEXTS)
SOME = Field(fail_fast=True, min_length=1, max_length=MOST_TEXTS)
Texts = Annotated[list[Text], SOME]


class TextOrPair(BaseModel):
    """A text, or a pair of texts."""

    model_config = ConfigDict(frozen=True)

    text: Text
    text_pair: Text | None = Field(None, description="of a model that reads pairs; null: none")

    @property
    def input(self) -> Input:
        """What it is to a model."""
        return self.text if self.text_pair is None else Pair(self.text, self.text_pair)


class InputBody(TextOrPair, Body):
    """A text, or a pair of texts."""

    _no_more = model_validator(mode="after")(refuse_unknown)


def shape_of(value: object) -> str:
    """What `inputs` holds: a list holds what its first is."""
    if isinstance(value, list):
        return "pairs" if value and isinstance(value[0], dict) else "texts"
    return "pair" if isinstance(value, dict) else "text"


# Told apart by shape, so that an error speaks of the form the client used and not of all.
Inputs = Annotated[
    Annotated[Text, Tag("text")]
    | Annotated[Texts, Tag("texts")]
    | Annotated[InputBody, Tag("pair")]
    | Annotated[list[InputBody], SOME, Tag("pairs")],
    Discriminator(shape_of),
]


def inputs_of(given: str | Sequence[str] | TextOrPair | Sequence[TextOrPair]) -> list[Input]:
    """Every input of a request, in order."""
    if isinstance(given, str):
        return [given]
    if isinstance(given, TextOrPair):
        return [given.input]
    return [one if isinstance(one, str) else one.input for one in given]


Pooling = Literal["mean", "max", "first"]  # of the answers of a text's windows


class WindowsBody(Body):
    """How a text that is too long for the model is read: in several windows."""

    stride: int = Field(
        ge=0, strict=True, description="tokens that a window shares with the one before it"
    )
    pooling: Pooling | None = Field(
        None,
        description="what is made of the windows' answers, a tagger's being stitched; null: mean",
    )

    _no_more = model_validator(mode="after")(refuse_unknown)


def _windows_shape(value: object) -> str | None:
    if isinstance(value, dict | WindowsBody):
        return "object"
    return "false" if value is False else None


# Told apart by shape, as inputs are.
WindowsWish = Annotated[
    Annotated[WindowsBody, Tag("object")] | Annotated[Literal[False], Tag("false")],
    Discriminator(
        _windows_shape,
        custom_error_type="windows",
        custom_error_message='Input should be an object, such as {"stride": 64}, or false',
    ),
]

WINDOWS = (
    "how a text that is too long is read; false: it is cut; null: as the model's manifest says"
)

# Of these each means something to some tasks alone: see `dialects.tasks`.
PARTICULAR = frozenset(
    {"top_k", "raw_scores", "aggregation", "normalize", "dimensions", "prompt_name"}
)


# What can be asked of embeddings, in every dialect.
Normalize = Annotated[
    bool | None,
    Field(strict=True, description="of embeddings: to length 1; null: as the model says"),
]
Dimensions = Annotated[
    int | None,
    Field(
        ge=1,
        strict=True,
        description="of embeddings: a size of those that the model was trained for; null: the "
        "whole vector",
    ),
]
PromptName = Annotated[
    str | None,
    Field(
        description="of embeddings: the name of what the model puts before a text; null: its "
        "default prompt, or none"
    ),
]


class PredictRequest(Body):
    """The body of `POST /predict`."""

    model_config = ConfigDict(
        json_schema_extra={
            "additionalProperties": False,
            "examples": [{"inputs": "a moving and funny film", "model": "student"}],
        },
    )

    inputs: Inputs = Field(
        description="a text, or a pair as `text` and `text_pair`; or a list of such"
    )
    model: str | None = Field(
        None, description="a model, `name@version`, an alias or a cascade; without it the default"
    )
    truncate: bool | None = Field(
        None, strict=True, description="cut a text that is too long; false: refuse it"
    )
    windows: WindowsWish | None = Field(None, description=WINDOWS)
    top_k: int | None = Field(
        None,
        ge=1,
        strict=True,
        description="of classification: how many labels to list in `scores`",
    )
    raw_scores: bool | None = Field(
        None,
        strict=True,
        description="of classification: logits in place of probabilities; a number is one already",
    )
    aggregation: Aggregation | None = Field(
        None,
        description="of token classification: how tokens are made entities; null: as the model's "
        "manifest says, which is simple as a rule",
    )
    normalize: Normalize = None
    dimensions: Dimensions = None
    prompt_name: PromptName = None


class Entity(BaseModel):
    """A part of a text to which a tagger gave a label."""

    label: str
    score: float
    text: str = Field(description="the user's own, from `start` to `end`")
    start: int = Field(description="in characters (code points) of the user's text")
    end: int = Field(description="the first character after it")


class Prediction(BaseModel):
    """What one text, or pair, got; what is there is told by the task of the model."""

    label: str | None = Field(
        None, description="of a classifier: the label of the highest score; a regression has none"
    )
    labels: list[str] | None = Field(
        None, description="multi-label models: every label over its threshold, perhaps none"
    )
    score: float | None = Field(
        None, description="of `label`; of a regression its number, of any size"
    )
    scores: dict[str, float] | None = Field(
        None, description="of a classifier: by label, descending; a regression has none"
    )
    confidence: float | None = Field(
        None,
        description="how sure the model is of the labels it gives: what a cascade's threshold is "
        "compared with; of one label a text, its probability; of a tagger, that of its least sure "
        "entity, as its own aggregation makes them; a regression has none",
    )
    entities: list[Entity] | None = Field(None, description="of a tagger, in the text's order")
    embedding: list[float] | None = Field(None, description="of an embedder")
    model: str = Field(description="the model that answered")
    version: int
    escalated: bool = Field(description="a cheaper model was asked first, and was unsure")
    degraded: bool | None = Field(
        None,
        description='of a cascade with `overload = "answer"`, and of no other route: the model '
        "was unsure, and kept its answer since the next model's would have been late",
    )
    tokens: int = Field(description="tokens read, special ones included")
    truncated: bool = Field(description="the text had more tokens than were read")
    windows: int | None = Field(
        None, description="in how many it was read; where the request or the model asks for them"
    )


class Timing(BaseModel):
    """Milliseconds by stage."""

    tokenize: float
    queue: float
    inference: float
    total: float


class PredictResponse(BaseModel):
    """The answer of `POST /predict`."""

    model: str = Field(description="the route that was asked for")
    predictions: list[Prediction] = Field(description="in the order of `inputs`")
    timing_ms: Timing


class Problem(BaseModel):
    """An error, RFC 9457."""

    type: str = "about:blank"
    title: str
    status: int
    detail: str
    request_id: str
    errors: list[dict[str, Any]] | None = Field(None, description="which part of the body, and why")


class Health(BaseModel):
    """The answer of `/livez` and `/readyz`."""

    status: str
