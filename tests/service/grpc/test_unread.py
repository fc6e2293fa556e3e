"""Of a message no more is read before admission than may be asked; counted and not timed."""

import pytest

pytest.importorskip("google.protobuf", reason="pip install protobuf")
from service.api.grpc import inference_pb2 as pb
from service.api.grpc.tensors import read_message
from tests.service.dialects.test_unread import MOST, calls_until_refused

MANY = 200_000
Input = pb.ModelInferRequest.InferInputTensor
Output = pb.ModelInferRequest.InferRequestedOutputTensor


def text(count: int, contents: int) -> pb.ModelInferRequest.InferInputTensor:
    """A tensor of a shape, and with so many contents."""
    found = Input(name="text", shape=[count], datatype="BYTES")
    found.contents.bytes_contents.extend([b""] * contents)
    return found


@pytest.mark.parametrize(
    "message",
    [
        pb.ModelInferRequest(inputs=[text(1, 0)], raw_input_contents=[b"\0" * 1_000_000]),
        pb.ModelInferRequest(inputs=[text(MANY, 0)], raw_input_contents=[b"\0" * 4 * MANY]),
        pb.ModelInferRequest(inputs=[text(1, 0)], raw_input_contents=[b""] * MANY),
        pb.ModelInferRequest(inputs=[text(1, MANY)]),
        pb.ModelInferRequest(inputs=[Input()] * MANY),
        pb.ModelInferRequest(outputs=[Output()] * MANY),
    ],
    ids=["raw", "shape", "raws", "contents", "inputs", "outputs"],
)
def test_what_is_too_much(message: pb.ModelInferRequest) -> None:
    """It is refused before it is decoded."""
    assert calls_until_refused(lambda: read_message(message, MOST)) < 20 * MOST


def test_unknown_parameters() -> None:
    """They cost nothing, however many there are."""
    message = pb.ModelInferRequest(inputs=[text(MOST + 1, MOST)])
    for number in range(50_000):
        message.parameters[f"p{number}"].bool_param = True
    assert calls_until_refused(lambda: read_message(message, MOST)) < 20 * MOST
