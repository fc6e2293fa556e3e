"""The Open Inference Protocol, with Triton's own client."""

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from fastapi.testclient import TestClient
from tritonclient import http as triton

from tests.service.builders import publish_tiny, write_cascade

SURE = 0.982014
TEXTS = ["good film", "bad", "good"]
LABELS = [b"positive", b"negative", b"positive"]


@pytest.fixture
def server(live: str) -> Iterator[Any]:
    """Triton's client of the live server."""
    with triton.InferenceServerClient(live.removeprefix("http://")) as client:
        yield client


def text_input(
    texts: list[str], *, shape: list[int] | None = None, binary: bool = True, name: str = "text"
) -> Any:
    """Texts as an input tensor, in one dimension unless told otherwise."""
    shape = shape or [len(texts)]
    tensor = triton.InferInput(name, shape, "BYTES")
    return tensor.set_data_from_numpy(
        np.array(texts, dtype=np.object_).reshape(shape), binary_data=binary
    )


def test_health(server: Any) -> None:
    """The server is live and ready, and so are its models, by name and by version."""
    assert server.is_server_live()
    assert server.is_server_ready()
    assert server.is_model_ready("student")
    assert server.is_model_ready("student", "1")
    assert not server.is_model_ready("student", "2")
    assert not server.is_model_ready("nope")


def test_metadata(server: Any) -> None:
    """Server and model describe themselves, the model with the labels that `scores` follow."""
    assert server.get_server_metadata() == {
        "name": "stillhouse",
        "version": "0.2.0",
        "extensions": [
            "binary_tensor_data",
            "model_configuration",
            "model_repository",
            "statistics",
        ],
    }
    metadata = server.get_model_metadata("teacher")
    assert metadata == server.get_model_metadata("teacher", "1")
    assert metadata == {
        "name": "teacher",
        "versions": ["1"],
        "platform": "onnxruntime_onnx",
        "inputs": [{"name": "text", "datatype": "BYTES", "shape": [-1]}],
        "outputs": [
            {"name": "label", "datatype": "BYTES", "shape": [-1]},
            {"name": "score", "datatype": "FP32", "shape": [-1]},
            {"name": "scores", "datatype": "FP32", "shape": [-1, 2]},
        ],
        "parameters": {
            "task": "text-classification",
            "pairs": False,
            "max_length": 16,
            "labels": ["negative", "positive"],
            "problem_type": "single_label",
        },
    }


@pytest.mark.parametrize("binary_input", [True, False])
@pytest.mark.parametrize("binary_output", [None, True, False])
@pytest.mark.parametrize("shape", [[3], [3, 1]])
def test_infer(
    server: Any, binary_input: bool, binary_output: bool | None, shape: list[int]
) -> None:
    """A batch is answered the same in JSON and in binary, in either shape, in its order."""
    outputs = binary_output if binary_output is None else [
        triton.InferRequestedOutput(name, binary_data=binary_output)
        for name in ("label", "score", "scores")
    ]  # fmt: skip
    inputs = [text_input(TEXTS, shape=shape, binary=binary_input)]
    result = server.infer("teacher", inputs, outputs=outputs, request_id="seven")
    response = result.get_response()
    assert (response["model_name"], response["model_version"]) == ("teacher", "1")
    assert response["id"] == "seven"
    label = result.as_numpy("label").tolist()
    assert [found.encode() if isinstance(found, str) else found for found in label] == LABELS
    assert result.as_numpy("score").dtype == np.float32
    np.testing.assert_allclose(result.as_numpy("score"), [SURE] * 3, atol=1e-6)
    np.testing.assert_allclose(
        result.as_numpy("scores"),
        [[1 - SURE, SURE], [SURE, 1 - SURE], [1 - SURE, SURE]],
        atol=1e-6,
    )


def test_texts_beyond_ascii_survive(server: Any) -> None:
    """A text of several bytes a character is read whole, in JSON and in binary."""
    for binary in (True, False):
        result = server.infer("teacher", [text_input(["gööd 🎬 good"], binary=binary)])
        assert result.as_numpy("label").tolist() == [b"positive"]


def test_outputs_are_selected(server: Any) -> None:
    """Only what is asked for comes, in that order, each in the form it is asked in."""
    result = server.infer(
        "teacher",
        [text_input(["good"])],
        outputs=[
            triton.InferRequestedOutput("scores", binary_data=True),
            triton.InferRequestedOutput("label", binary_data=False),
        ],
    )
    scores, label = result.get_response()["outputs"]
    assert scores["parameters"] == {"binary_data_size": 8}
    assert label == {"name": "label", "shape": [1], "datatype": "BYTES", "data": ["positive"]}
    assert result.as_numpy("scores").shape == (1, 2)


def test_parameters(server: Any) -> None:
    """`raw_scores` gives logits, `top_k` ranked labels, and `truncate` may be refused."""
    result = server.infer(
        "teacher", [text_input(["good", "bad"])], parameters={"raw_scores": True, "top_k": 2}
    )
    assert result.as_numpy("label").tolist() == [
        [b"positive", b"negative"],
        [b"negative", b"positive"],
    ]
    assert result.as_numpy("score").tolist() == [[2.0, -2.0], [2.0, -2.0]]
    assert result.as_numpy("scores").tolist() == [[-2.0, 2.0], [2.0, -2.0]]
    with pytest.raises(triton.InferenceServerException, match="more than the 16 tokens"):
        server.infer("teacher", [text_input(["x " * 30])], parameters={"truncate": False})


def test_one_version(server: Any) -> None:
    """A pinned version answers if it serves, and is unknown otherwise."""
    result = server.infer("student", [text_input(["good"])], model_version="1")
    assert result.get_response()["model_version"] == "1"
    for version in ("2", "x"):
        with pytest.raises(triton.InferenceServerException, match="no version"):
            server.infer("student", [text_input(["good"])], model_version=version)


@pytest.mark.parametrize(
    ("inputs", "says"),
    [
        ([text_input(["good"], name="txt")], "one input, 'text'; these came: \\['txt'\\]"),
        ([text_input(["good"]), text_input(["good"], name="b")], "these came: \\['text', 'b'\\]"),
        ([text_input(["a", "b"], shape=[1, 2])], "the shape \\[n\\] or \\[n, 1\\]"),
        ([triton.InferInput("text", [1], "BYTES")], "neither data nor binary_data_size"),
        (
            [
                triton.InferInput("text", [1], "FP32").set_data_from_numpy(
                    np.ones(1, dtype=np.float32)
                )
            ],
            "of datatype BYTES, not 'FP32'",
        ),
        ([text_input([" "])], "text 0 is empty"),
    ],
)
def test_client_is_told_what_is_wrong(server: Any, inputs: list[Any], says: str) -> None:
    """An input of the wrong name, number, shape or datatype gets 400 and the reason."""
    with pytest.raises(triton.InferenceServerException, match=says) as raised:
        server.infer("teacher", inputs)
    assert raised.value.status() == "400"


def test_client_errors_of_names(server: Any) -> None:
    """An unknown model gets 404 and an unknown output 400, with the names there are."""
    with pytest.raises(triton.InferenceServerException, match="there are") as unknown:
        server.infer("nope", [text_input(["good"])])
    assert unknown.value.status() == "404"
    outputs = [triton.InferRequestedOutput("logits")]
    with pytest.raises(triton.InferenceServerException, match="no output 'logits'") as output:
        server.infer("teacher", [text_input(["good"])], outputs=outputs)
    assert output.value.status() == "400"


@pytest.mark.parametrize("algorithm", ["gzip", "deflate"])
@pytest.mark.parametrize("binary", [True, False])
def test_compressed_both_ways(server: Any, algorithm: str, binary: bool) -> None:
    """The client compresses what it sends and reads what comes back compressed."""
    outputs = [triton.InferRequestedOutput("scores", binary_data=binary)]
    result = server.infer(
        "teacher",
        [text_input(TEXTS * 40, binary=binary)],
        outputs=outputs,
        request_compression_algorithm=algorithm,
        response_compression_algorithm=algorithm,
    )
    assert result.as_numpy("scores").shape == (120, 2)
    assert result.as_numpy("scores")[0] == pytest.approx([1 - SURE, SURE], abs=1e-6)


def test_cascade_has_no_version(models: Path, connect: Callable[..., TestClient]) -> None:
    """A cascade answers under its name, its texts each from the model that was sure."""
    write_cascade(models)
    client = connect()
    metadata = client.get("/v2/models/auto").json()
    assert (metadata["versions"], metadata["parameters"]["labels"][0]) == ([], "negative")
    data = ["good", "good good"]  # the student is sure of the second alone
    tensor = {"name": "text", "shape": [2], "datatype": "BYTES", "data": data}
    response = client.post("/v2/models/auto/infer", json={"inputs": [tensor]}).json()
    assert response["model_name"] == "auto"
    assert "model_version" not in response
    assert response["outputs"][1]["data"] == pytest.approx([SURE, 0.880797], abs=1e-6)


def test_cascade_of_models_that_order_labels_differently(
    models: Path, connect: Callable[..., TestClient]
) -> None:
    """`scores` follow the labels of the metadata, whichever model answered."""
    shutil.rmtree(models / "student")
    labels = ("positive", "negative")
    publish_tiny(models, "student", labels=labels, scores={"good": (9.0, 0.0), "bad": (0.0, 1.0)})
    write_cascade(models)
    client = connect()
    assert client.get("/v2/models/auto").json()["parameters"]["labels"] == [*labels[::-1]]
    tensor = {"name": "text", "shape": [2], "datatype": "BYTES", "data": ["good", "bad"]}
    response = client.post("/v2/models/auto/infer", json={"inputs": [tensor]}).json()
    label, _, scores = (output["data"] for output in response["outputs"])
    assert label == ["positive", "negative"]  # of the student, and of the teacher
    assert scores == pytest.approx([0.000123, 0.999877, SURE, 1 - SURE], abs=1e-6)


def test_multi_label_gives_the_best_and_all_scores(
    models: Path, connect: Callable[..., TestClient]
) -> None:
    """Of a multi-label model `label` is the best, and `scores` are sigmoids."""
    publish_tiny(models, "topics", labels=("a", "b"), problem_type="multi_label",
                 scores={"good": (1.0, 2.0)})  # fmt: skip
    tensor = {"name": "text", "shape": [1], "datatype": "BYTES", "data": ["good"]}
    response = connect().post("/v2/models/topics/infer", json={"inputs": [tensor]}).json()
    label, score, scores, given = (output["data"] for output in response["outputs"])
    assert (label, score, given) == (["b"], [scores[1]], [True, True])
    assert scores == pytest.approx([0.731059, 0.880797], abs=1e-6)
