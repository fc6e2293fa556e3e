"""Predictions over gRPC."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.service.builders import publish_tagger, publish_tiny, write_cascade
from tests.service.embedders import expected, publish_embedder
from tests.service.grpc.conftest import Speak, Spoken, failure, text_input

SURE = 0.982014


def test_texts(spoken: Spoken) -> None:
    """One text and several are answered in their order, in either shape."""
    texts = ["good film", "bad", "gööd 🎬 bad"]
    for shape in ([1], [3], [3, 1]):
        tensor = text_input(texts[: shape[0]], shape=shape)
        result = spoken.client.infer("teacher", [tensor], request_id="seven")
        response = result.get_response()
        told = (response.model_name, response.model_version, response.id)
        assert told == ("teacher", "1", "seven")
        assert [output.name for output in response.outputs] == ["label", "score", "scores"]
        labels = [b"positive", b"negative", b"negative"][: shape[0]]
        assert result.as_numpy("label").tolist() == labels
        assert result.as_numpy("score").dtype == np.float32
        np.testing.assert_allclose(result.as_numpy("score"), [SURE] * shape[0], atol=1e-6)
        rows = [[1 - SURE, SURE], [SURE, 1 - SURE], [SURE, 1 - SURE]][: shape[0]]
        np.testing.assert_allclose(result.as_numpy("scores"), rows, atol=1e-6)


def test_same_as_over_http(spoken: Spoken) -> None:
    """Both give the same numbers, to the bit."""
    from tritonclient import http

    texts = ["good film", "bad fine"]
    tensor = http.InferInput("text", [2], "BYTES")
    tensor.set_data_from_numpy(np.array(texts, dtype=np.object_))
    outputs = [http.InferRequestedOutput("scores", binary_data=True)]
    with http.InferenceServerClient(spoken.url.removeprefix("http://")) as other:
        there = other.infer("teacher", [tensor], outputs=outputs).as_numpy("scores")
    here = spoken.client.infer("teacher", [text_input(texts)]).as_numpy("scores")
    assert here.tobytes() == there.tobytes()


def test_outputs_and_parameters(spoken: Spoken) -> None:
    """Outputs come as they are asked for; parameters are those of HTTP."""
    from tritonclient.grpc import InferRequestedOutput

    result = spoken.client.infer(
        "teacher",
        [text_input(["good", "bad"])],
        outputs=[InferRequestedOutput("scores"), InferRequestedOutput("label")],
        parameters={"raw_scores": True, "top_k": 2},
    )
    assert [output.name for output in result.get_response().outputs] == ["scores", "label"]
    assert result.as_numpy("scores").tolist() == [[-2.0, 2.0], [2.0, -2.0]]
    assert result.as_numpy("label").tolist()[1] == [b"negative", b"positive"]


def test_cascade(models: Path, speak: Speak) -> None:
    """`auto` answers under its name and without a version, each text by whoever was sure."""
    write_cascade(models)
    result = speak().client.infer("auto", [text_input(["good", "good good"])])
    response = result.get_response()
    assert (response.model_name, response.model_version) == ("auto", "")
    assert result.as_numpy("score") == pytest.approx([SURE, 0.880797], abs=1e-6)


def test_other_tasks(models: Path, speak: Speak) -> None:
    """An embedder gives its vectors, a tagger its entities, a multi-label model what it gives."""
    publish_embedder(models)
    publish_tagger(models)
    publish_tiny(models, "topics", labels=("a", "b"), problem_type="multi_label",
                 scores={"good": (-1.0, 2.0)})  # fmt: skip
    client = speak().client
    texts = ["good film", "bad"]
    vectors = client.infer("embedder", [text_input(texts)]).as_numpy("embedding")
    np.testing.assert_allclose(vectors, [expected(text) for text in texts], atol=1e-6)
    (entities,) = client.infer("tagger", [text_input(["good"])]).as_numpy("entities")
    assert json.loads(entities)[0]["text"] == "good"
    assert client.infer("topics", [text_input(["good"])]).as_numpy("given").tolist() == [
        [False, True]
    ]


def test_pairs(models: Path, speak: Speak) -> None:
    """A model that reads pairs takes a second tensor, also where both are not raw."""
    publish_tiny(models, "nli", pairs=True)
    client = speak().client
    inputs = [text_input(["good"], name="text"), text_input(["bad"], name="text_pair")]
    assert client.infer("nli", inputs).as_numpy("label").tolist() == [b"negative"]
    swapped = [text_input(["bad"], name="text_pair"), text_input(["good"], name="text")]
    assert client.infer("nli", swapped).as_numpy("label").tolist() == [b"negative"]


def test_contents_in_place_of_raw(spoken: Spoken) -> None:
    """Whoever sends typed contents gets them, as `grpcurl` and others do."""
    pb, stub = _stub(spoken)
    contents = pb.InferTensorContents(bytes_contents=[b"good", b"bad"])
    tensor = pb.ModelInferRequest.InferInputTensor(
        name="text", datatype="BYTES", shape=[2], contents=contents
    )
    response = stub.ModelInfer(pb.ModelInferRequest(model_name="teacher", inputs=[tensor]))
    assert not response.raw_output_contents
    label, score, scores = (output.contents for output in response.outputs)
    assert list(label.bytes_contents) == [b"positive", b"negative"]
    assert list(score.fp32_contents) == pytest.approx([SURE, SURE], abs=1e-6)
    assert list(scores.fp32_contents) == pytest.approx([1 - SURE, SURE, SURE, 1 - SURE], abs=1e-6)


def test_what_is_refused(spoken: Spoken) -> None:
    """The code says whose fault it is, the message what it is."""
    x = ["x"]
    cases: list[tuple[str, list[str], dict[str, Any], str, str]] = [
        ("nope", x, {}, "NOT_FOUND", "no model 'nope'"),
        ("student", x, {"model_version": "2"}, "NOT_FOUND", "no version"),
        ("student", [" "], {}, "INVALID_ARGUMENT", "text 0 is empty"),
        ("student", x * 129, {}, "INVALID_ARGUMENT", "128"),
        ("student", ["x " * 30], {"truncate": False}, "INVALID_ARGUMENT", "more than the 16"),
        ("student", x, {"top_k": "two"}, "INVALID_ARGUMENT", "top_k"),
        ("student", x, {"normalize": True}, "INVALID_ARGUMENT", "normalize"),
    ]
    for model, texts, options, code, says in cases:
        if "model_version" not in options:
            options = {"parameters": options}
        found = failure(spoken.client.infer, model, [text_input(texts)], **options)
        assert found[0] == code, says
        assert says in found[1]


def test_outputs_that_are_refused(spoken: Spoken) -> None:
    """One that no model has, one that this model has not, and one twice."""
    from tritonclient.grpc import InferRequestedOutput

    for names, says in (
        (["logits"], "no output 'logits'"),
        (["embedding"], "teacher has no output 'embedding'"),
        (["label", "label"], "asked for twice"),
    ):
        outputs = [InferRequestedOutput(name) for name in names]
        text = [text_input(["good"])]
        code, found = failure(spoken.client.infer, "teacher", text, outputs=outputs)
        assert code == "INVALID_ARGUMENT"
        assert says in found


def test_tensors_that_are_refused(spoken: Spoken) -> None:
    """Wrong names, shapes, datatypes, lengths and texts, in either form."""
    pb, stub = _stub(spoken)
    tensor = pb.ModelInferRequest.InferInputTensor

    def refused(says: str, raw: list[bytes], *tensors: Any) -> None:
        import grpc

        request = pb.ModelInferRequest(model_name="teacher", inputs=tensors, raw_input_contents=raw)
        with pytest.raises(grpc.RpcError) as raised:
            stub.ModelInfer(request)
        assert raised.value.code() is grpc.StatusCode.INVALID_ARGUMENT
        assert says in raised.value.details()

    def text(**fields: Any) -> Any:
        return tensor(**{"name": "text", "datatype": "BYTES", "shape": [1], **fields})

    one = b"\x04\0\0\0good"
    filled = pb.InferTensorContents(bytes_contents=[b"good"])
    refused("these came: []", [])
    refused("these came: ['txt']", [one], text(name="txt"))
    refused("[n] or [n, 1]", [one], text(shape=[1, 2]))
    refused("BYTES, not 'FP32'", [b"\0\0\0\0"], text(datatype="FP32"))
    refused("has the shape [2], but 1 elements", [one], text(shape=[2]))
    refused("its length is cut off", [b"\x04\0"], text())
    refused("9 bytes, but 4 are left", [b"\x09\0\0\0good"], text())
    refused("not UTF-8", [b"\x01\0\0\0\xff"], text())
    refused("raw_input_contents has 2 items, but there are 1", [one, one], text())
    refused("neither bytes_contents nor raw", [], text())
    refused("both contents and raw", [one], text(contents=filled))
    refused("not UTF-8", [], text(contents=pb.InferTensorContents(bytes_contents=[b"\xff"])))


def _stub(spoken: Spoken) -> tuple[Any, Any]:
    """Triton's messages, and its stub."""
    import grpc
    from tritonclient.grpc import service_pb2, service_pb2_grpc

    channel = grpc.insecure_channel(spoken.address)
    return service_pb2, service_pb2_grpc.GRPCInferenceServiceStub(channel)
