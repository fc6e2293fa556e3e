"""The wire: bodies of requests and responses. Says nothing of how they are computed."""

from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Discriminator, Field, Tag


class Body(BaseModel):
    """Base of request bodies: `parse_json` refuses an unknown key. A null means the default."""

    model_config = ConfigDict(
        extra="allow", frozen=True, json_schema_extra={"additionalProperties": False}
    )


NOT_BLANK = {"minLength": 1, "pattern": r"\S"}  # in the OpenAPI document; the predictor checks it

Text = Annotated[str, Field(json_schema_extra=NOT_BLANK)]
# The first wrong item is the only error: a list of a million of them costs no more than one.
Texts = Annotated[list[Text], Field(min_length=1, fail_fast=True)]


def _shape(value: object) -> str:
    return "texts" if isinstance(value, list) else "text"


# Told apart by shape, so that an error speaks of the form the client used and not of both.
Inputs = Annotated[
    Annotated[Text, Tag("text")] | Annotated[Texts, Tag("texts")], Discriminator(_shape)
]


class PredictRequest(Body):
    """The body of `POST /predict`."""

    model_config = ConfigDict(
        json_schema_extra={
            "additionalProperties": False,
            "examples": [{"inputs": "a moving and funny film", "model": "student"}],
        },
    )

    inputs: Inputs = Field(description="one text, or several")
    model: str | None = Field(
        None, description="a model, `name@version`, an alias or a cascade; without it the default"
    )
    top_k: int | None = Field(None, ge=1, description="how many labels to list in `scores`")
    raw_scores: bool | None = Field(
        None, strict=True, description="logits in place of probabilities; a number is one already"
    )
    truncate: bool | None = Field(
        None, strict=True, description="cut a text that is too long; false: refuse it"
    )


class Prediction(BaseModel):
    """What one text got."""

    label: str | None = Field(
        None, description="the label of the highest score; a regression has none"
    )
    labels: list[str] | None = Field(
        None, description="multi-label models: every label over its threshold, perhaps none"
    )
    score: float = Field(description="of `label`; of a regression its number, of any size")
    scores: dict[str, float] | None = Field(
        None, description="by label, descending; a regression has none"
    )
    confidence: float | None = Field(
        None,
        description="how sure the model is of the labels it gives: what a cascade's threshold is "
        "compared with; of one label a text, its probability; a regression has none",
    )
    model: str = Field(description="the model that answered")
    version: int
    escalated: bool = Field(description="a cheaper model was asked first, and was unsure")
    tokens: int = Field(description="tokens read, special ones included")
    truncated: bool = Field(description="the text had more tokens than the model reads")


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
