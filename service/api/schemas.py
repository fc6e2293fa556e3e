"""The wire: bodies of requests and responses. Says nothing of how they are computed."""

from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Discriminator, Field, Tag

from service.repository.routes import Fit, Hop, Shadow


class Body(BaseModel):
    """Base of request bodies: an unknown key is an error, not a silent default."""

    model_config = ConfigDict(extra="forbid", frozen=True)


NOT_BLANK = {"minLength": 1, "pattern": r"\S"}  # in the OpenAPI document; the predictor checks it

Text = Annotated[str, Field(json_schema_extra=NOT_BLANK)]


def _shape(value: object) -> str:
    return "texts" if isinstance(value, list) else "text"


# Told apart by shape, so that an error speaks of the form the client used and not of both.
Inputs = Annotated[
    Annotated[Text, Tag("text")] | Annotated[list[Text], Field(min_length=1), Tag("texts")],
    Discriminator(_shape),
]


class PredictRequest(Body):
    """The body of `POST /predict`."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"inputs": "a moving and funny film", "model": "student"}]},
    )

    inputs: Inputs = Field(description="one text, or several")
    model: str | None = Field(
        None, description="a model, `name@version`, an alias or a cascade; without it the default"
    )
    top_k: int | None = Field(None, ge=1, description="how many labels to list in `scores`")
    raw_scores: bool = Field(False, strict=True, description="logits in place of probabilities")
    truncate: bool = Field(
        True, strict=True, description="cut a text that is too long; false: refuse it"
    )


class Prediction(BaseModel):
    """What one text got."""

    label: str = Field(description="the label of the highest score")
    labels: list[str] | None = Field(
        None, description="multi-label models: every label over its threshold"
    )
    score: float
    scores: dict[str, float] = Field(description="by label, descending")
    confidence: float = Field(
        description="how sure the model is of the labels it gives: what a cascade's threshold is "
        "compared with; of one label a text, its probability"
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


class ModelInfo(BaseModel):
    """One model of the repository."""

    name: str
    state: Literal["ready", "asleep", "unavailable"] = Field(
        description="asleep: unloaded since nobody asked, and loaded for the next who does"
    )
    version: int | None = Field(description="the version that serves")
    versions: list[int] = Field(description="the versions in the repository")
    problems: dict[str, str] = Field(description="versions that cannot be served, and why")
    labels: list[str] | None = None
    problem_type: str | None = None
    precision: str | None = None
    parameters: int | None = None
    bytes: int | None = None
    max_length: int | None = None
    metrics: dict[str, dict[str, float]] | None = None
    licence: str | None = None
    created_at: datetime | None = None


class CascadeInfo(BaseModel):
    """A cascade of `routes.toml`."""

    name: str
    chain: list[str]
    hops: list[Hop]
    fit: Fit
    stale: str | None = Field(
        description="why its thresholds are not trusted, so that the last model alone answers"
    )


class ModelList(BaseModel):
    """The answer of `GET /models`."""

    default: str | None = Field(description="what a request without `model` gets")
    models: list[ModelInfo]
    cascades: list[CascadeInfo]
    aliases: dict[str, str]
    shadows: dict[str, Shadow]


class RouteStats(BaseModel):
    """Recent requests, of one route or of all."""

    requests: int = Field(description="ended, with an answer or an error")
    texts: int = Field(description="answered")
    errors: int = Field(description="requests refused or failed")
    requests_per_second: float
    texts_per_second: float
    p50_ms: float | None = Field(description="half of the answered requests took at most this")
    p99_ms: float | None = Field(description="99 of 100 answered requests took at most this")
    escalated_share: float | None = Field(
        description="of the texts answered, those that a later model of a cascade answered"
    )


class Stats(BaseModel):
    """The answer of `GET /stats`: one worker process speaks for itself alone."""

    pid: int = Field(description="the worker process whose requests these are")
    seconds: float = Field(
        description="how long the figures look back: 60, or less after a start or when very busy"
    )
    overall: RouteStats
    routes: dict[str, RouteStats] = Field(
        description="by the route asked for; `-` stands for requests that named none there is"
    )


class Health(BaseModel):
    """The answer of `/livez` and `/readyz`."""

    status: str
