"""The bodies of inference in the Open Inference Protocol; `described` has the others.

Unknown keys and parameters are ignored, since the protocol leaves them to extensions.
"""

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Discriminator, Field, Tag

from service.api.schemas import Dimensions, Normalize, PromptName
from service.runtime.tasks.entities import Aggregation

# The tensors there are. Others pass the schemas here, and get a better error where they are read.
INPUT = "text"
INPUT_PAIR = "text_pair"  # of a model that reads pairs
OUTPUTS = ("label", "score", "scores", "given", "entities", "embedding")


def _shape(value: object) -> str:
    return "row" if isinstance(value, list) else "element"


# The first wrong item is the only error, here and in every list below.
Element = Annotated[
    Annotated[str, Tag("element")] | Annotated[list[str], Field(fail_fast=True), Tag("row")],
    Discriminator(_shape),
]


class InputParameters(BaseModel):
    """Parameters of an input tensor."""

    binary_data_size: int | None = Field(
        None, ge=0, description="bytes of the tensor after the JSON, in place of `data`"
    )


class InputTensor(BaseModel):
    """An input: BYTES, [n] or [n, 1]."""

    name: str = Field(json_schema_extra={"enum": [INPUT, INPUT_PAIR]})
    shape: Annotated[list[int], Field(fail_fast=True)] = Field(
        json_schema_extra={"minItems": 1, "maxItems": 2, "items": {"type": "integer", "minimum": 1}}
    )
    datatype: str = Field(json_schema_extra={"const": "BYTES"})
    parameters: InputParameters | None = None
    data: Annotated[list[Element], Field(fail_fast=True)] | None = Field(
        None, description="flat or nested, row-major"
    )


class OutputParameters(BaseModel):
    """Parameters of a requested output."""

    binary_data: bool | None = Field(None, description="after the JSON, in place of `data`")


class RequestedOutput(BaseModel):
    """An output to be in the response."""

    name: str = Field(json_schema_extra={"enum": list(OUTPUTS)})
    parameters: OutputParameters | None = None


class InferParameters(BaseModel):
    """Parameters of a request."""

    raw_scores: bool | None = Field(
        None, strict=True, description="logits in place of probabilities; null: false"
    )
    truncate: bool | None = Field(
        None, strict=True, description="cut a text that is too long; false: refuse it; null: true"
    )
    top_k: int | None = Field(
        None, ge=1, description="so many labels a text: `label` and `score` become [n, k]"
    )
    aggregation: Aggregation | None = Field(
        None,
        description="of token classification: how tokens are made entities; null: as the model's "
        "manifest says, which is simple as a rule",
    )
    binary_data_output: bool | None = Field(
        None, strict=True, description="the default of `binary_data`; null: false"
    )
    normalize: Normalize = None
    dimensions: Dimensions = None
    prompt_name: PromptName = None


class InferRequest(BaseModel):
    """The body of `POST /v2/models/{name}/infer`, or the JSON part of it."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {"inputs": [{"name": "text", "shape": [1], "datatype": "BYTES", "data": ["funny"]}]}
            ]
        }
    )

    id: str | None = Field(None, description="comes back in the response")
    parameters: InferParameters | None = None
    inputs: Annotated[list[InputTensor], Field(fail_fast=True, max_length=100)] = Field(
        description="one, named `text`; of a model that reads pairs also `text_pair`, of the same "
        "shape",
        json_schema_extra={"minItems": 1, "maxItems": 2},
    )
    outputs: Annotated[list[RequestedOutput], Field(fail_fast=True, max_length=100)] | None = Field(
        None, description="of those in the model's metadata; without it all"
    )


class OutputTensor(BaseModel):
    """An output, its data here or after the JSON."""

    name: str
    shape: list[int]
    datatype: str
    parameters: dict[str, int] | None = Field(
        None, description="`binary_data_size`, of a tensor after the JSON"
    )
    data: list[str] | list[bool] | list[float] | None = None


class InferResponse(BaseModel):
    """The answer of `POST /v2/models/{name}/infer`."""

    model_config = ConfigDict(protected_namespaces=())  # the field names are the protocol's

    model_name: str
    model_version: str | None = Field(None, description="not of a cascade, which has none")
    id: str | None = None
    outputs: list[OutputTensor]
