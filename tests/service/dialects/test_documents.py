"""What is served has what the public documents of its protocols ask for."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml  # it ships no types
from fastapi.testclient import TestClient

from tests.service.builders import publish_tiny
from tests.service.embedders import publish_embedder

SPECS = Path(__file__).parents[4] / "shared" / "specs"

pytestmark = pytest.mark.skipif(
    not SPECS.is_dir(), reason=f"put the protocols' OpenAPI documents into {SPECS}"
)


@pytest.fixture(scope="module")
def tei() -> dict[str, Any]:
    """The schemas of Text Embeddings Inference."""
    document = json.loads((SPECS / "tei_openapi.json").read_text())
    schemas: dict[str, Any] = document["components"]["schemas"]
    return schemas


@pytest.fixture(scope="module")
def oip() -> dict[str, Any]:
    """The document of the Open Inference Protocol."""
    document: dict[str, Any] = yaml.safe_load((SPECS / "open_inference_rest.yaml").read_text())
    return document


def missing(schema: dict[str, Any], found: dict[str, Any]) -> set[str]:
    """What the schema asks for and the object lacks."""
    return set(schema.get("required", schema["properties"])) - found.keys()


def test_info(client: TestClient, tei: dict[str, Any]) -> None:
    """`/tei/info` has every field that the document asks for."""
    assert not missing(tei["Info"], client.get("/tei/info").json())


def test_predictions(client: TestClient, tei: dict[str, Any]) -> None:
    """So has a label, and an error, whose type is one of the document's."""
    (best, _) = client.post("/tei/predict", json={"inputs": "good"}).json()
    assert not missing(tei["Prediction"], best)
    error = client.post("/tei/predict", json={"inputs": ""}).json()
    assert not missing(tei["ErrorResponse"], error)
    assert error["error_type"] in tei["ErrorType"]["enum"]


def test_ranks(models: Path, connect: Callable[..., TestClient], tei: dict[str, Any]) -> None:
    """A place in a ranking has what the document asks for, and so has what a re-ranker is."""
    publish_tiny(models, "ranker", pairs=True, labels=("relevance",), scores={"good": (1.0,)},
                 problem_type="regression")  # fmt: skip
    client = connect()
    body = {"query": "film", "texts": ["good"], "return_text": True}
    assert not missing(tei["RerankRequest"], body)
    (rank,) = client.post("/tei/rerank?model=ranker", json=body).json()
    assert rank.keys() == tei["Rank"]["properties"].keys()
    (kind,) = client.get("/tei/info?model=ranker").json()["model_type"]
    assert [kind] in [one["required"] for one in tei["ModelType"]["oneOf"]]


def test_directions(client: TestClient, tei: dict[str, Any]) -> None:
    """The document's own spelling of where a text is cut is read, and the newer one."""
    for given in tei["TruncationDirection"]["enum"]:
        for direction in (given, given.lower()):
            body = {"inputs": "good", "truncation_direction": direction, "truncate": False}
            assert client.post("/tei/predict", json=body).status_code == 200


def test_embeddings(models: Path, connect: Callable[..., TestClient], tei: dict[str, Any]) -> None:
    """So have embeddings, in TEI's own form and in OpenAI's, and what is told of an embedder."""
    publish_embedder(models)
    (models / "routes.toml").write_text('default = "embedder"\n')
    client = connect()
    info = client.get("/tei/info").json()
    assert not missing(tei["Info"], info)
    assert not missing(tei["EmbeddingModel"], info["model_type"]["embedding"])
    found = client.post("/v1/embeddings", json={"input": "good"}).json()
    assert not missing(tei["OpenAICompatResponse"], found)
    assert not missing(tei["OpenAICompatEmbedding"], found["data"][0])
    assert not missing(tei["OpenAICompatUsage"], found["usage"])
    (vector,) = client.post("/tei/embed", json={"inputs": "good"}).json()
    assert vector == found["data"][0]["embedding"]


def test_open_inference_paths(client: TestClient, oip: dict[str, Any]) -> None:
    """Every GET of the document is answered, the server's metadata also at `/v2/`."""
    schemas = oip["components"]["schemas"]
    for path, operations in oip["paths"].items():
        filled = path.replace("${MODEL_NAME}", "student").replace("${MODEL_VERSION}", "1")
        if "get" not in operations:
            continue
        response = client.get(filled, follow_redirects=False)
        assert response.status_code == 200, filled
        content = operations["get"]["responses"]["200"].get("content")
        if content:
            name = content["application/json"]["schema"]["$ref"].rpartition("/")[2]
            assert not missing(schemas[name], response.json())


def test_open_inference_infer(client: TestClient, oip: dict[str, Any]) -> None:
    """An answer has what the document asks for, and a bad request is the 400 it declares."""
    schemas = oip["components"]["schemas"]
    url = "/v2/models/student/versions/1/infer"
    tensor = {"name": "text", "shape": [1], "datatype": "BYTES", "data": ["good"]}
    found = client.post(url, json={"inputs": [tensor]}).json()
    assert not missing(schemas["inference_response"], found)
    for output in found["outputs"]:
        assert not missing(schemas["response_output"], output)
    bad = client.post(url, json={})
    assert (
        str(bad.status_code)
        in oip["paths"]["/v2/models/${MODEL_NAME}/versions/${MODEL_VERSION}/infer"]["post"][
            "responses"
        ]
    )
    assert not missing(schemas["inference_error_response"], bad.json())
