"""The ways in which a text can be asked for: each request as bytes, made before any is timed."""

import json
import struct
from collections.abc import Callable, Mapping, Sequence
from typing import Any

Texts = Sequence[str]


def predict(model: str, texts: Texts) -> bytes:
    """`POST /predict`, in JSON."""
    body = json.dumps({"inputs": list(texts), "model": model}, ensure_ascii=False).encode()
    return _http("/predict", body)


def rest_json(model: str, texts: Texts) -> bytes:
    """The Open Inference Protocol over REST, all of it in JSON."""
    tensor = {"name": "text", "shape": [len(texts)], "datatype": "BYTES", "data": list(texts)}
    body = json.dumps({"inputs": [tensor]}, ensure_ascii=False).encode()
    return _http(f"/v2/models/{model}/infer", body)


def rest_binary(model: str, texts: Texts) -> bytes:
    """The same with tensors after the JSON, both ways, as `tritonclient.http` has it."""
    raw = _raw(texts)
    parameters = {"binary_data_size": len(raw)}
    shape = {"shape": [len(texts)], "datatype": "BYTES"}
    request = {
        "inputs": [{"name": "text", **shape, "parameters": parameters}],
        "parameters": {"binary_data_output": True},
    }
    head = json.dumps(request).encode()
    extra = f"Inference-Header-Content-Length: {len(head)}\r\n"
    return _http(f"/v2/models/{model}/infer", head + raw, extra)


def grpc(model: str, texts: Texts) -> bytes:
    """The message of a `ModelInfer`, its tensor raw, as `tritonclient.grpc` has it."""
    from tritonclient.grpc import service_pb2

    made: Any = service_pb2
    tensor = made.ModelInferRequest.InferInputTensor(
        name="text", datatype="BYTES", shape=[len(texts)]
    )
    request = made.ModelInferRequest(
        model_name=model, inputs=[tensor], raw_input_contents=[_raw(texts)]
    )
    content: bytes = request.SerializeToString()
    return content


GRPC = "gRPC"
WAYS: Mapping[str, Callable[[str, Texts], bytes]] = {
    "/predict": predict,
    "OIP over REST, JSON": rest_json,
    "OIP over REST, binary": rest_binary,
    GRPC: grpc,
}


def _http(path: str, body: bytes, extra: str = "") -> bytes:
    head = f"POST {path} HTTP/1.1\r\nHost: localhost\r\nContent-Length: {len(body)}\r\n{extra}\r\n"
    return head.encode() + body


def _raw(texts: Texts) -> bytes:
    encoded = [text.encode() for text in texts]
    return b"".join(struct.pack("<I", len(one)) + one for one in encoded)
