"""The bodies by which the Open Inference Protocol describes a server and its models.

Configurations and statistics are Triton's extensions, in the parts of them that its clients read.
"""

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from service.api.schemas import Body


class TensorMetadata(BaseModel):
    """A tensor that a model takes or gives; -1 is any length."""

    name: str
    datatype: Literal["BYTES", "FP32", "BOOL"]
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

    ready: bool | None = Field(None, description="only the versions that can answer; null: all")


class IndexEntry(BaseModel):
    """One version of the model repository."""

    name: str
    version: str
    state: Literal["READY", "UNAVAILABLE"]
    reason: str


class LoadRequest(Body):
    """The body of `POST /v2/repository/models/{name}/load` or `unload`, which may be empty."""

    parameters: dict[str, Any] | None = Field(
        None,
        description="all but `unload_dependents`, which is not read, are refused: a model is what "
        "the repository holds",
    )


class ConfigTensor(BaseModel):
    """A tensor in a model's configuration."""

    name: str
    data_type: Literal["TYPE_STRING", "TYPE_FP32", "TYPE_BOOL"]
    dims: list[int]


class ModelConfig(BaseModel):
    """The answer of `GET /v2/models/{name}/config`."""

    name: str
    platform: str = "onnxruntime_onnx"
    backend: str = "onnxruntime"
    max_batch_size: int = Field(0, description="0: shapes are told whole, the batch included")
    input: list[ConfigTensor]
    output: list[ConfigTensor]


class Duration(BaseModel):
    """How often something was done, and how long it took in all."""

    count: int = 0
    ns: int = 0


class InferenceStatistics(BaseModel):
    """Of requests since the start of this process."""

    success: Duration
    fail: Duration
    queue: Duration
    compute_input: Duration
    compute_infer: Duration
    compute_output: Duration
    cache_hit: Duration
    cache_miss: Duration


class VersionStatistics(BaseModel):
    """Of one version of a model."""

    name: str
    version: str
    last_inference: int = Field(description="milliseconds since 1970; 0: never")
    inference_count: int = Field(description="texts")
    execution_count: int = Field(description="batches")
    inference_stats: InferenceStatistics
    batch_stats: list[Any] = []


class Statistics(BaseModel):
    """The answer of `GET /v2/models/stats` and of a model's `stats`."""

    model_config = ConfigDict(protected_namespaces=())  # the field's name is the protocol's

    model_stats: list[VersionStatistics]
