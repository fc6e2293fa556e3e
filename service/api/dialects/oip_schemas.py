"""The bodies of the Open Inference Protocol; says nothing of how they are computed.

Unknown keys and parameters are ignored, since the protocol leaves them to extensions.
"""

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Discriminator, Field, Tag

# The tensors there are. Others pass the schemas here, and get a better error where they are read.
INPUT = "text"
OUTPUTS = ("label", "score", "scores")


def _shape(value: object) -> str:
    return "row" if isinstance(value, list) else "element"


Element = Annotated[
    Annotated[str, Tag("element")] | Annotated[list[str], Tag("row")], Discriminator(_shape)
]


class InputParameters(BaseModel):
    """Parameters of an input tensor."""

    binary_data_size: int | None = Field(
        None, ge=0, description="bytes of the tensor after the JSON, in place of `data`"
    )


class InputTensor(BaseModel):
    """An input: BYTES, [n] or [n, 1]."""

    name: str = Field(json_schema_extra={"const": INPUT})
    shape: list[int] = Field(
        json_schema_extra={"minItems": 1, "maxItems": 2, "items": {"type": "integer", "minimum": 1}}
    )
    datatype: str = Field(json_schema_extra={"const": "BYTES"})
    parameters: InputParameters = InputParameters(binary_data_size=None)
    data: list[Element] | None = Field(None, description="flat or nested, row-major")


class OutputParameters(BaseModel):
    """Parameters of a requested output."""

    binary_data: bool | None = Field(None, description="after the JSON, in place of `data`")


class RequestedOutput(BaseModel):
    """An output to be in the response."""

    name: str = Field(json_schema_extra={"enum": list(OUTPUTS)})
    parameters: OutputParameters = OutputParameters(binary_data=None)


class InferParameters(BaseModel):
    """Parameters of a request."""

    raw_scores: bool = Field(False, strict=True, description="logits in place of probabilities")
    truncate: bool = Field(
        True, strict=True, description="cut a text that is too long; false: refuse it"
    )
    top_k: int | None = Field(
        None, ge=1, description="so many labels a text: `label` and `score` become [n, k]"
    )
    binary_data_output: bool = Field(False, strict=True, description="the default of `binary_data`")


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
    parameters: InferParameters = InferParameters(
        raw_scores=False, truncate=True, top_k=None, binary_data_output=False
    )
    inputs: list[InputTensor] = Field(
        description="one, named `text`", json_schema_extra={"minItems": 1, "maxItems": 1}
    )
    outputs: list[RequestedOutput] | None = Field(
        None, description="of `label`, `score` and `scores`; without it all"
    )


class OutputTensor(BaseModel):
    """An output, its data here or after the JSON."""

    name: str
    shape: list[int]
    datatype: str
    parameters: dict[str, int] | None = None
    data: list[str] | list[float] | None = None


class InferResponse(BaseModel):
    """The answer of `POST /v2/models/{name}/infer`."""

    model_config = ConfigDict(protected_namespaces=())  # the field names are the protocol's

    model_name: str
    model_version: str | None = Field(None, description="not of a cascade, which has none")
    id: str | None = None
    outputs: list[OutputTensor]


class TensorMetadata(BaseModel):
    """A tensor that a model takes or gives; -1 is any length."""

    name: str
    datatype: Literal["BYTES", "FP32"]
    shape: list[int]


class ModelMetadata(BaseModel):
    """The answer of `GET /v2/models/{name}`."""

    name: str
    versions: list[str] = Field(description="that can be asked for; a cascade has none")
    platform: str = "onnxruntime_onnx"
    inputs: list[TensorMetadata]
    outputs: list[TensorMetadata]
    parameters: dict[str, Any] = Field(description="`labels`, in the order of `scores`; more")


class ServerMetadata(BaseModel):
    """The answer of `GET /v2`."""

    name: str
    version: str
    extensions: list[str]


class Live(BaseModel):
    """The answer of `GET /v2/health/live`."""

    live: bool


class Ready(BaseModel):
    """The answer of `GET /v2/health/ready`."""

    ready: bool


class ModelReady(BaseModel):
    """The answer of `GET /v2/models/{name}/ready`."""

    name: str
    ready: bool


class IndexRequest(BaseModel):
    """The body of `POST /v2/repository/index`, which may be empty."""

    ready: bool = Field(False, description="only the versions that can answer")


class IndexEntry(BaseModel):
    """One version of the model repository."""

    name: str
    version: str
    state: Literal["READY", "UNAVAILABLE"]
    reason: str
