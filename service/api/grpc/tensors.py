"""Inference requests and answers as messages, and as what the core takes and gives."""

from collections.abc import Mapping, Sequence

import numpy as np

from service.api.dialects.oip.infer import Answered
from service.api.dialects.oip.request import Wanted, check_outputs
from service.api.dialects.oip.schemas import (
    MOST_TENSORS,
    InferParameters,
    InferRequest,
    InputParameters,
    InputTensor,
)
from service.api.dialects.oip.tensors import Tensor, read_inputs
from service.api.grpc.inference_pb2 import (
    InferTensorContents,
    ModelInferRequest,
    ModelInferResponse,
)
from service.api.schemas import SHOWN
from service.errors import InvalidInput


def read_message(message: ModelInferRequest, most: int) -> Wanted:
    """Reads a request.

    Args:
        most: texts in a request.

    Raises:
        ValidationError: a parameter is of the wrong type.
        InvalidInput: a length, a shape or a name is wrong.
    """
    for kind, given in (("inputs", message.inputs), ("outputs", message.outputs)):
        if len(given) > MOST_TENSORS:
            raise InvalidInput(f"{kind}: {len(given)}; at most {MOST_TENSORS} in a request")
    parameters = InferParameters.model_construct()
    if message.parameters:
        parameters = InferParameters.model_validate(_values(message))
    outputs = [output.name for output in message.outputs]
    check_outputs(outputs)
    raw: Sequence[bytes] = message.raw_input_contents
    if raw and len(raw) != len(message.inputs):
        raise InvalidInput(
            f"raw_input_contents has {len(raw)} items, but there are {len(message.inputs)} inputs"
        )
    tensors = [
        _tensor(tensor, raw[index] if raw else None, most)
        for index, tensor in enumerate(message.inputs)
    ]
    request = InferRequest.model_construct(inputs=tensors)
    inputs = read_inputs(request, b"".join(raw), most)
    return Wanted(message.id or None, inputs, parameters, tuple(outputs), frozenset())


def write_message(
    name: str, wanted: Wanted, answered: Answered, *, raw: bool
) -> ModelInferResponse:
    """The answer.

    Args:
        name: under which the client knows the model.
        raw: the outputs are in `raw_output_contents`, as the inputs were.
    """
    response = ModelInferResponse(
        model_name=name, model_version=answered.version or "", id=wanted.id or ""
    )
    for output, tensor in answered.tensors.items():
        told = response.outputs.add(name=output, datatype=tensor.datatype, shape=tensor.shape)
        if raw:
            response.raw_output_contents.append(tensor.encoded())
        else:
            told.contents.CopyFrom(_contents(tensor))
    return response


def _tensor(
    tensor: ModelInferRequest.InferInputTensor, raw: bytes | None, most: int
) -> InputTensor:
    contents: Sequence[bytes] = tensor.contents.bytes_contents
    name = tensor.name[:SHOWN]
    if raw is not None and contents:
        raise InvalidInput(f"input {name!r} has both contents and raw_input_contents")
    if raw is None and not contents and tensor.datatype == "BYTES":
        raise InvalidInput(f"input {name!r} has neither bytes_contents nor raw_input_contents")
    if len(contents) > most:
        raise InvalidInput(f"{len(contents)} texts; at most {most} in a request")
    return InputTensor.model_construct(
        name=tensor.name,
        shape=list(tensor.shape),
        datatype=tensor.datatype,
        parameters=None if raw is None else InputParameters(binary_data_size=len(raw)),
        data=None if raw is not None else [_text(one, name) for one in contents],
    )


def _text(content: bytes, name: str) -> str:
    try:
        return content.decode()
    except UnicodeDecodeError as error:
        raise InvalidInput(f"input {name!r}: not UTF-8") from error


def _values(message: ModelInferRequest) -> Mapping[str, object]:
    """The parameters, each by its name; what has no value is left out."""
    found = {}
    for name in InferParameters.model_fields:  # those that are not known are not read
        if name in message.parameters:
            parameter = message.parameters[name]
            if kind := parameter.WhichOneof("parameter_choice"):
                found[name] = getattr(parameter, kind)
    return found


def _contents(tensor: Tensor) -> InferTensorContents:
    contents = InferTensorContents()
    if tensor.datatype == "BYTES":
        contents.bytes_contents.extend(str(value).encode() for value in tensor.data)
    elif tensor.datatype == "BOOL":
        contents.bool_contents.extend(map(bool, tensor.data))
    else:
        contents.fp32_contents.extend(map(float, np.ravel(tensor.data)))
    return contents
