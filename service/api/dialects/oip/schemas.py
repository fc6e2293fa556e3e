"""The bodies of inference in the Open Inference Protocol; `described` has the others.

Unknown keys and parameters are ignored, since the protocol leaves them to extensions.
"""

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Discriminator, Field, Tag

from service.api.schemas import FEW, Dimensions, Normalize, Pooling, PromptName
from service.errors import InvalidInput
from service.repository.sections import Windows
from service.runtime.tasks.entities import Aggregation

# The tensors there are. Others pass the schemas here, and get a better error where they are read.
INPUT = "text"
INPUT_PAIR = "text_pair"  # of a model that reads pairs
OUTPUTS = ("label", "score", "scores", "given", "entities", "embedding")
MOST_TENSORS = 100  # of a kind that are looked at


def _shape_of(value: object) -> str:
    """What `data` holds: what its first is."""
    is_nested = isinstance(value, list) and value and isinstance(value[0], list)
    return "rows" if is_nested else "elements"


Data = Annotated[
    Annotated[list[str], FEW, Tag("elements")]
    | Annotated[list[Annotated[list[str], FEW]], FEW, Tag("rows")],
    Discriminator(_shape_of),
]


class InputParameters(BaseModel):
    """Parameters of an input tensor."""

    binary_data_size: int | None = Field(
        None, ge=0, description="bytes of the tensor after the JSON, in place of `data`"
    )


class InputTensor(BaseModel):
    """An input: BYTES, [n] or [n, 1]."""

    name: str = Field(json_schema_extra={"enum": [INPUT, INPUT_PAIR]})
    shape: Annotated[list[int], FEW] = Field(
        json_schema_extra={"minItems": 1, "maxItems": 2, "items": {"type": "integer", "minimum": 1}}
    )
    datatype: str = Field(json_schema_extra={"const": "BYTES"})
    parameters: InputParameters | None = None
    data: Data | None = Field(None, description="flat or nested, row-major")


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
        None,
        ge=1,
        strict=True,
        description="so many labels a text: `label` and `score` become [n, k]",
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
    # The protocol's parameters are numbers, strings, true and false: windows are asked for by two.
    windows: Literal[False] | None = Field(
        None, description="false: a text that is too long is cut; null: as the manifest says"
    )
    windows_stride: int | None = Field(
        None,
        ge=0,
        strict=True,
        description="a text that is too long is read in windows that share so many tokens; null: "
        "as the model's manifest says",
    )
    windows_pooling: Pooling | None = Field(
        None,
        description="beside `windows_stride`: what is made of the windows' answers; null: mean",
    )

    @property
    def read_in(self) -> Windows | Literal[False] | None:
        """How a text that is too long is to be read; None: as the manifest says.

        Raises:
            InvalidInput: the parameters do not fit together.
        """
        if self.windows_stride is None:
            if self.windows_pooling is not None:
                raise InvalidInput("windows_pooling: it needs windows_stride beside it")
            return self.windows
        if self.windows is False:
            raise InvalidInput("windows: false, and windows_stride asks for windows")
        return Windows(stride=self.windows_stride, pooling=self.windows_pooling or "mean")


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
    inputs: Annotated[list[InputTensor], Field(fail_fast=True, max_length=MOST_TENSORS)] = Field(
        description="one, named `text`; of a model that reads pairs also `text_pair`, of the same "
        "shape",
        json_schema_extra={"minItems": 1, "maxItems": 2},
    )
    outputs: (
        Annotated[list[RequestedOutput], Field(fail_fast=True, max_length=MOST_TENSORS)] | None
    ) = Field(None, description="of those in the model's metadata; without it all")


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
