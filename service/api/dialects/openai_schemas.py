"""The bodies of OpenAI's embeddings; says nothing of how they are computed."""

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Discriminator, Field, Tag

from service.api.schemas import WINDOWS, Dimensions, PromptName, Text, Texts, WindowsWish


def _shape_of(value: object) -> str | None:
    """What `input` holds: a text or texts; None: token ids."""
    if not isinstance(value, list):
        return "text"
    return None if value and isinstance(value[0], int | list) else "texts"


class EmbeddingsRequest(BaseModel):
    """The body of `POST /v1/embeddings`; unknown keys are ignored.

    `normalize`, `prompt_name`, `truncate` and `windows` are not of OpenAI's.
    """

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"model": "embedder", "input": ["a funny film"]}]}
    )

    input: Annotated[
        Annotated[Text, Tag("text")] | Annotated[Texts, Tag("texts")],
        Discriminator(
            _shape_of,
            custom_error_type="token_ids",
            custom_error_message="token ids are of OpenAI's own models and mean nothing here: send "
            "texts (LangChain's OpenAIEmbeddings: check_embedding_ctx_length=False)",
        ),
    ] = Field(description="one text, or several")
    model: str | None = Field(
        None, description="a model, `name@version` or an alias; null: the default"
    )
    encoding_format: Literal["float", "base64"] | None = Field(
        None, description="base64: of the float32s, little-endian; null: float"
    )
    dimensions: Dimensions = None
    normalize: bool | None = Field(None, strict=True, description="to length 1; null: true")
    prompt_name: PromptName = None
    user: str | None = Field(None, description="not read")
    truncate: bool | None = Field(
        None, strict=True, description="cut a text that is too long; false: refuse it; null: true"
    )
    windows: WindowsWish | None = Field(None, description=WINDOWS)


class OpenAiEmbedding(BaseModel):
    """The vector of one text."""

    object: Literal["embedding"]
    index: int
    embedding: list[float] | str = Field(description="numbers, or their bytes in base64")


class Usage(BaseModel):
    """What was read."""

    prompt_tokens: int = Field(description="special tokens included")
    total_tokens: int


class EmbeddingsResponse(BaseModel):
    """The answer of `POST /v1/embeddings`."""

    object: Literal["list"]
    data: list[OpenAiEmbedding] = Field(description="in the order of `input`")
    model: str = Field(description="as it was asked for")
    usage: Usage


class OpenAiModel(BaseModel):
    """A model that can be asked."""

    id: str
    object: Literal["model"] = "model"
    created: int = Field(description="seconds since 1970")
    owned_by: str = "stillhouse"


class OpenAiModels(BaseModel):
    """The answer of `GET /v1/models`."""

    object: Literal["list"] = "list"
    data: list[OpenAiModel]
