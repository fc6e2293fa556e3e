"""The bodies of Text Embeddings Inference; says nothing of how they are computed."""

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Discriminator, Field, Tag

from service.api.schemas import FEW, SOME, WINDOWS, Dimensions, PromptName, Text, WindowsWish


def shape_of(value: object) -> str:
    """What `inputs` holds: a text, a pair of texts or a batch."""
    if not isinstance(value, list):
        return "text"
    return "batch" if value and isinstance(value[0], list) else "pair"


# Told apart by shape, so that an error speaks of the form the client used and not of all.
TeiInputs = Annotated[
    Annotated[Text, Tag("text")]
    | Annotated[list[Text], FEW, Field(json_schema_extra={"minItems": 1}), Tag("pair")]
    | Annotated[list[Annotated[list[Text], SOME]], FEW, Tag("batch")],
    Discriminator(shape_of),
]
TeiTexts = Annotated[
    Annotated[Text, Tag("text")]
    | Annotated[list[Text], FEW, Field(json_schema_extra={"minItems": 1}), Tag("texts")],
    Discriminator(lambda value: "texts" if isinstance(value, list) else "text"),
]


class TeiOptions(BaseModel):
    """What all endpoints take; unknown keys are ignored, as TEI does."""

    truncate: bool | None = Field(
        None, strict=True, description="cut a text that is too long; null: true"
    )
    truncation_direction: Literal["Left", "Right", "left", "right"] | None = Field(
        None, description="where a text is cut; null: right; left is refused"
    )
    windows: WindowsWish | None = Field(None, description=f"not of TEI's: {WINDOWS}")


class TeiRequest(TeiOptions):
    """The body of `POST /tei/predict`."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"inputs": [["a funny film"], ["a dull one"]]}]},
    )

    inputs: TeiInputs = Field(
        description='a text; ["a", "b"] is a pair of texts; a batch is [["one"], ["two"]], or '
        '[["a", "b"], ["c", "d"]] of pairs'
    )
    raw_scores: bool | None = Field(
        None,
        strict=True,
        description="logits in place of probabilities, of a regression its number; null: false",
    )

    @property
    def rows(self) -> list[list[str]]:
        """The inputs as a batch: of each text, or pair of texts, a list."""
        if isinstance(self.inputs, str):
            return [[self.inputs]]
        pair = [row for row in self.inputs if isinstance(row, str)]
        return [pair] if pair else [row for row in self.inputs if isinstance(row, list)]


class TeiRerankRequest(TeiOptions):
    """The body of `POST /tei/rerank`."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [{"query": "what is a still?", "texts": ["a place of calm", "a pot"]}]
        },
    )

    query: Text
    texts: Annotated[list[Text], FEW] = Field(
        description="to be put in order", json_schema_extra={"minItems": 1}
    )
    raw_scores: bool | None = Field(
        None, strict=True, description="logits in place of scores between 0 and 1; null: false"
    )
    return_text: bool | None = Field(
        None, strict=True, description="each text comes back beside its score; null: false"
    )


class TeiEmbedRequest(TeiOptions):
    """The body of `POST /tei/embed`."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"inputs": ["a funny film", "a dull one"]}]},
    )

    inputs: TeiTexts = Field(description="a text, or a batch of texts")
    normalize: bool | None = Field(None, strict=True, description="to length 1; null: true")
    dimensions: Dimensions = None
    prompt_name: PromptName = None


class TeiRank(BaseModel):
    """One text, in its place."""

    index: int = Field(description="of the text in the request")
    score: float
    text: str | None = Field(None, description="where `return_text` asks for it")


class TeiPrediction(BaseModel):
    """One label of a text."""

    score: float
    label: str


class TeiLabels(BaseModel):
    """A classifier's labels."""

    id2label: dict[str, str]
    label2id: dict[str, int]


class TeiPooling(BaseModel):
    """How an embedder makes one vector of its tokens'."""

    pooling: str


class TeiClassifier(BaseModel):
    """It gives labels."""

    classifier: TeiLabels


class TeiReranker(BaseModel):
    """It reads pairs, and gives each a number."""

    reranker: TeiLabels


class TeiEmbedding(BaseModel):
    """It gives embeddings."""

    embedding: TeiPooling


TeiModelType = TeiClassifier | TeiReranker | TeiEmbedding


class TeiInfo(BaseModel):
    """The answer of `GET /tei/info`."""

    model_config = ConfigDict(protected_namespaces=())  # the field names are TEI's

    model_id: str
    served_model_name: str
    model_sha: str | None = Field(description="SHA-256 of the model's file")
    model_dtype: str
    model_type: TeiModelType
    max_concurrent_requests: int
    max_input_length: int
    max_batch_tokens: int
    max_batch_requests: int | None
    max_client_batch_size: int
    auto_truncate: bool
    tokenization_workers: int
    version: str
    sha: str | None
    docker_label: str | None
