"""Embeddings in the dialects that serve models of all tasks."""

from base64 import b64decode
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from fastapi.testclient import TestClient

from tests.service.embedders import PROMPTS, SIZE, expected, publish_embedder

TEXTS = ["good film", "bad", "a fine film of some length"]


@pytest.fixture
def client(models: Path, connect: Callable[..., TestClient]) -> TestClient:
    """A client of a service with an embedder beside the classifiers."""
    publish_embedder(models, dimensions=(4,), prompts=PROMPTS)
    return connect()


def predict(client: TestClient, **body: Any) -> list[Any]:
    """The embeddings of `/predict`."""
    response = client.post("/predict", json={"model": "embedder", **body})
    assert response.status_code == 200, response.text
    return [one["embedding"] for one in response.json()["predictions"]]


def hugging_face(client: TestClient, **body: Any) -> list[Any]:
    """What `/models/{name}` answers."""
    response = client.post("/models/embedder", json=body)
    assert response.status_code == 200, response.text
    found: list[Any] = response.json()
    return found


def infer(client: TestClient, inputs: list[str], **parameters: Any) -> list[Any]:
    """The rows of Open Inference's tensor."""
    body = {
        "inputs": [{"name": "text", "shape": [len(inputs)], "datatype": "BYTES", "data": inputs}],
        "parameters": parameters,
    }
    response = client.post("/v2/models/embedder/infer", json=body)
    assert response.status_code == 200, response.text
    (output,) = response.json()["outputs"]
    assert (output["name"], output["datatype"]) == ("embedding", "FP32")
    rows: list[Any] = np.reshape(output["data"], output["shape"]).tolist()
    return rows


DIALECTS = [predict, hugging_face, infer]


@pytest.mark.parametrize("ask", DIALECTS)
def test_vectors_are_those_of_the_model(client: TestClient, ask: Callable[..., list[Any]]) -> None:
    """Normalised as the manifest says or as the request does, cut, and after a prompt."""
    for body, wanted in (
        ({}, [expected(text) for text in TEXTS]),
        ({"normalize": False}, [expected(text, normalize=False) for text in TEXTS]),
        ({"dimensions": 4}, [expected(text, dimensions=4) for text in TEXTS]),
        ({"prompt_name": "query"}, [expected(f"fine {text}") for text in TEXTS]),
    ):
        np.testing.assert_allclose(ask(client, inputs=TEXTS, **body), wanted, atol=1e-6)


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/predict", {"model": "embedder", "inputs": "good"}),
        ("/models/embedder", {"inputs": "good"}),
        ("/models/embedder", {"inputs": "good", "parameters": {}}),
        (
            "/v2/models/embedder/infer",
            {"inputs": [{"name": "text", "shape": [1], "datatype": "BYTES", "data": ["good"]}]},
        ),
    ],
)
@pytest.mark.parametrize(
    ("asked", "says"),
    [
        ({"dimensions": 3}, "no embeddings of 3: there are [4, 8]"),
        ({"prompt_name": "quiz"}, "no prompt 'quiz': there are ['document', 'query']"),
    ],
)
def test_what_there_is_not_is_refused(
    client: TestClient, path: str, body: dict[str, Any], asked: dict[str, Any], says: str
) -> None:
    """Before any work, and with what there is."""
    inner = "parameters" in body or path.startswith("/v2")
    response = client.post(path, json={**body, **({"parameters": asked} if inner else asked)})
    assert response.status_code == (400 if path.startswith("/v2") else 422)
    assert says in response.text


def test_parameters_of_other_tasks(client: TestClient) -> None:
    """`/predict` refuses what means nothing to the model; the others ignore it, as they do."""
    asked: list[tuple[str, dict[str, Any]]] = [
        ("embedder", {"top_k": 1}),
        ("student", {"dimensions": 4}),
    ]
    for model, body in asked:
        response = client.post("/predict", json={"model": model, "inputs": "good", **body})
        assert response.status_code == 422
        assert "model, which has none" in response.json()["detail"]
    ignored_ones: list[dict[str, Any]] = [
        {"prompt_name": "query"},
        {"parameters": {"dimensions": 3}},
    ]
    for body in ignored_ones:
        ignored = client.post("/models/student", json={"inputs": "good", **body})
        assert ignored.json() == client.post("/models/student", json={"inputs": "good"}).json()


def test_hugging_face_forms(client: TestClient) -> None:
    """One text gets a list of one vector; parameters stand beside `inputs`, or among them."""
    (one,) = hugging_face(client, inputs=TEXTS[0])
    assert one == predict(client, inputs=TEXTS[0])[0]
    beside = hugging_face(client, inputs=TEXTS, normalize=False, dimensions=4)
    assert beside == hugging_face(
        client, inputs=TEXTS, parameters={"normalize": False, "dimensions": 4}
    )
    (coded,) = hugging_face(client, inputs=TEXTS[0], encoding_format="base64")
    assert np.array_equal(np.frombuffer(b64decode(coded), "<f4"), np.array(one, np.float32))
    long = {"inputs": "good " * 30, "truncate": False}
    assert client.post("/models/embedder", json=long).status_code == 422
    left = {"inputs": "good", "truncation_direction": "left"}
    assert "only right" in client.post("/models/embedder", json=left).json()["error"]


def test_open_inference_tells_the_tensor(client: TestClient) -> None:
    """Its shape in the metadata; binary, and of a raw body, it has the bytes of the numbers."""
    metadata = client.get("/v2/models/embedder").json()
    assert metadata["outputs"] == [{"name": "embedding", "datatype": "FP32", "shape": [-1, SIZE]}]
    raw = client.post(
        "/v2/models/embedder/infer",
        content=b"good film",
        headers={"inference-header-content-length": "0"},
    )
    length = int(raw.headers["inference-header-content-length"])
    found = np.frombuffer(raw.content[length:], "<f4")
    assert np.array_equal(found, np.array(infer(client, ["good film"])[0], np.float32))


def test_long_texts_are_read_in_windows(client: TestClient) -> None:
    """Every token counts alike in the mean of the windows, which is then normalised."""
    words = ["good"] * 14 + ["bad"] * 14 + ["fine"] * 5  # a window has room for 14
    parts = [" ".join(words[start : start + 14]) for start in (0, 14, 28)]
    weights = [16, 16, 7]
    mean = np.average([expected(one, normalize=False) for one in parts], axis=0, weights=weights)
    body = {"model": "embedder", "inputs": " ".join(words), "windows": {"stride": 0}}
    (found,) = client.post("/predict", json=body).json()["predictions"]
    assert (found["windows"], found["tokens"], found["truncated"]) == (3, 39, False)
    unit = mean / np.linalg.norm(mean)
    np.testing.assert_allclose(found["embedding"], unit, atol=1e-6)
    asked = {"windows": {"stride": 0}}  # an extension of the others' forms, of the same name
    text = " ".join(words)
    tei = client.post("/tei/embed?model=embedder", json={"inputs": text, **asked})
    np.testing.assert_allclose(tei.json()[0], unit, atol=1e-6)
    openai = client.post("/v1/embeddings", json={"model": "embedder", "input": text, **asked})
    np.testing.assert_allclose(openai.json()["data"][0]["embedding"], unit, atol=1e-6)
    assert openai.json()["usage"]["prompt_tokens"] == 39


def test_pairs_are_refused(client: TestClient) -> None:
    """An embedder takes one text."""
    pair = {"text": "good", "text_pair": "bad"}
    response = client.post("/predict", json={"model": "embedder", "inputs": pair})
    assert response.status_code == 422
    assert "takes one text" in response.json()["detail"]
