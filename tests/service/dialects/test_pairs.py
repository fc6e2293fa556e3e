"""Pairs of texts in every dialect, and texts that are ranked for a query."""

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from fastapi.testclient import TestClient
from tritonclient import http as triton

from tests.service.builders import publish_tiny
from tests.service.conftest import listening
from tests.service.dialects.test_hf import client_of

PAIR = {"text": "good", "text_pair": "bad"}  # the second counts three times: "negative"
OTHER = {"text": "bad", "text_pair": "good film"}
LIKES = {"good": (1.0,), "fine": (0.5,), "bad": (-1.0,)}
SHARE = 1 / (1 + math.exp(-8))  # of the label of PAIR and of OTHER


@pytest.fixture
def models(models: Path) -> Path:
    """Beside the models of one text, a classifier of pairs and a re-ranker."""
    publish_tiny(models, "nli", pairs=True)
    publish_tiny(models, "ranker", pairs=True, labels=("relevance",), scores=LIKES,
                 problem_type="regression")  # fmt: skip
    return models


@pytest.mark.parametrize(
    ("inputs", "labels"),
    [
        (PAIR, ["negative"]),
        ([PAIR], ["negative"]),
        ([PAIR, OTHER, PAIR], ["negative", "positive", "negative"]),
    ],
)
def test_predict(client: TestClient, inputs: object, labels: list[str]) -> None:
    """A pair is an object of two texts; several are a list of them."""
    response = client.post("/predict", json={"inputs": inputs, "model": "nli"})
    found = response.json()["predictions"]
    assert [one["label"] for one in found] == labels
    assert found[0]["scores"]["negative"] == pytest.approx(SHARE, abs=1e-6)
    assert found[0]["tokens"] == 5


@pytest.mark.parametrize(
    ("inputs", "model", "says"),
    [
        (PAIR, "student", "input 0 is a pair of texts, and student takes one text"),
        ([{"text": "good"}, PAIR], "student", "input 1 is a pair"),
        ("good", "nli", "input 0 is one text, and nli takes pairs: give it a text and a text_pair"),
        ([PAIR, {"text": "good"}], "nli", "input 1 is one text"),
        ({"text": "good", "text_pair": " "}, "nli", "of pair 0 a text is empty"),
        ({"text_pair": "good"}, "nli", "inputs.pair.text: Field required"),
        ({**PAIR, "pair": 1}, "nli", "pair: unknown key; there are text, text_pair"),
        ([PAIR, "good"], "nli", "inputs.pairs.1: "),
        (["good", PAIR], "nli", "inputs.texts.1: Input should be a valid string"),
    ],
)
def test_what_a_model_does_not_take(
    client: TestClient, inputs: object, model: str, says: str
) -> None:
    """It is refused, and said which input it is."""
    response = client.post("/predict", json={"inputs": inputs, "model": model})
    assert response.status_code == 422
    assert says in response.json()["detail"]


def test_a_text_may_be_an_object(client: TestClient) -> None:
    """Without a second text, or with null for it, it is the text itself."""
    bodies: list[object] = ["good", {"text": "good"}, [{"text": "good", "text_pair": None}]]
    found = [client.post("/predict", json={"inputs": one}).json() for one in bodies]
    assert [one["predictions"][0]["label"] for one in found] == ["positive"] * 3


@pytest.mark.parametrize("parameter", ["aggregation", "normalize", "dimensions", "prompt_name"])
def test_parameters_of_other_tasks(client: TestClient, parameter: str) -> None:
    """A classifier has none of them; null is as if it were not there."""
    values: dict[str, object] = {"aggregation": "first", "normalize": True, "dimensions": 2}
    body = {"inputs": "good", parameter: values.get(parameter, "query")}
    refused = client.post("/predict", json=body)
    assert refused.status_code == 422
    assert refused.json()["detail"] == (
        f"{parameter}: student is a text-classification model, which has none"
    )
    assert client.post("/predict", json={"inputs": "good", parameter: None}).status_code == 200


def test_hugging_face(client: TestClient, models: Path) -> None:
    """A pair as transformers' pipeline takes it, through the API's own client; and a list."""
    with listening(models=models, threads=1) as url, client_of(f"{url}/models/nli") as own:
        assert own.text_classification(PAIR)[0].label == "negative"  # type: ignore[arg-type]  # it sends what it is given
    legacy = [[list(PAIR.values())], [list(OTHER.values())]]
    for inputs in ([PAIR, OTHER], legacy):
        answer = client.post("/models/nli", json={"inputs": inputs}).json()
        assert [labels[0]["label"] for labels in answer] == ["negative", "positive"]
    for wrong in ([["a", "b"]], [["a"]], [[["a"]]], [[["a", None]]], [[["a", "b"]], "c"]):
        refused = client.post("/models/nli", json={"inputs": wrong})
        assert (refused.status_code, "in the old form" in refused.json()["error"]) == (422, True)
    single = client.post("/models/nli", json={"inputs": "good"})
    assert (single.status_code, "takes pairs" in single.json()["error"]) == (422, True)


def tensors(*, binary: bool, shape: list[int], **columns: list[str]) -> list[Any]:
    """Texts as input tensors."""
    return [
        triton.InferInput(name, shape, "BYTES").set_data_from_numpy(
            np.array(texts, dtype=np.object_).reshape(shape), binary_data=binary
        )
        for name, texts in columns.items()
    ]


def test_open_inference(models: Path) -> None:
    """The second texts are a second tensor, listed in the metadata; Triton's client sends both."""
    with (
        listening(models=models, threads=1) as url,
        triton.InferenceServerClient(url.removeprefix("http://")) as server,
    ):
        metadata = server.get_model_metadata("nli")
        assert [one["name"] for one in metadata["inputs"]] == ["text", "text_pair"]
        assert metadata["parameters"]["pairs"] is True
        assert [one["name"] for one in server.get_model_config("nli")["input"]] == [
            "text",
            "text_pair",
        ]
        firsts, seconds = ["good", "bad"], ["bad", "good film"]
        for binary in (True, False):
            for columns in (
                {"text": firsts, "text_pair": seconds},
                {"text_pair": seconds, "text": firsts},
            ):
                for shape in ([2], [2, 1]):
                    sent = tensors(binary=binary, shape=shape, **columns)
                    found = server.infer("nli", sent).as_numpy("label")
                    assert found.tolist() == [b"negative", b"positive"]
        mixed = [
            *tensors(binary=True, shape=[2], text=firsts),
            *tensors(binary=False, shape=[2], text_pair=seconds),
        ]
        found = server.infer("nli", mixed).as_numpy("label")
        assert found.tolist() == [b"negative", b"positive"]


@pytest.mark.parametrize(
    ("columns", "says"),
    [
        ({"text": ["a", "b"], "text_pair": ["c"]}, "'text' has 2 elements, and 'text_pair' has 1"),
        ({"text_pair": ["a"]}, "one that reads pairs takes 'text_pair' too"),
        ({"text": ["a"]}, "input 0 is one text, and nli takes pairs"),
    ],
)
def test_open_inference_tensors_that_disagree(
    client: TestClient, columns: dict[str, list[str]], says: str
) -> None:
    """Both tensors have to be there, and of one shape."""
    sent = [
        {"name": name, "shape": [len(texts)], "datatype": "BYTES", "data": texts}
        for name, texts in columns.items()
    ]
    response = client.post("/v2/models/nli/infer", json={"inputs": sent})
    assert response.status_code == 400
    assert says in response.json()["error"]


@pytest.mark.parametrize(
    ("inputs", "labels"),
    [
        (["good", "bad"], "negative"),
        ([["good", "bad"]], ["negative"]),
        ([["good", "bad"], ["bad", "good"]], ["negative", "positive"]),
    ],
)
def test_tei_predict(client: TestClient, inputs: object, labels: object) -> None:
    """Two texts in a list are a pair; a list of such lists is a batch of pairs."""
    found = client.post("/tei/predict?model=nli", json={"inputs": inputs}).json()
    if isinstance(labels, list):
        assert [one[0]["label"] for one in found] == labels
    else:
        assert found[0]["label"] == labels


def test_tei_refuses_what_is_no_pair(client: TestClient) -> None:
    """One text of a model of pairs, and three."""
    for inputs, says in (
        ("good", "nli takes pairs"),
        (["a", "b", "c"], "a pair has two texts"),
        ([["a", "b"], ["c"]], "input 1 is one text"),
    ):
        response = client.post("/tei/predict?model=nli", json={"inputs": inputs})
        assert response.status_code == 422, inputs
        assert says in response.json()["error"]
    empty = client.post("/tei/predict?model=nli", json={"inputs": ["a", " "]})
    assert (empty.status_code, empty.json()["error_type"]) == (400, "Empty")


@pytest.fixture
def rerank(client: TestClient) -> Callable[..., Any]:
    """Posts a body to the re-ranker."""

    def call(model: str = "ranker", **body: Any) -> Any:
        return client.post(f"/tei/rerank?model={model}", json=body)

    return call


TEXTS = ["fine", "bad film", "good", "film", "fine"]


def test_rerank(rerank: Callable[..., Any]) -> None:
    """The best first, those that are equal in their own order; a score is a sigmoid."""
    response = rerank(query="film", texts=TEXTS)
    assert [one["index"] for one in response.json()] == [2, 0, 4, 3, 1]
    assert response.json()[0] == {"index": 2, "score": pytest.approx(1 / (1 + math.exp(-3)))}
    assert response.headers["x-compute-characters"] == str(5 * 4 + sum(map(len, TEXTS)))
    assert response.headers["x-compute-tokens"] == str(5 * 5 + 1)


def test_rerank_options(rerank: Callable[..., Any]) -> None:
    """Logits, and the texts themselves, where they are asked for."""
    body = {"query": "film", "texts": ["bad", "good"]}
    raw = rerank(**body, raw_scores=True, return_text=True)
    assert raw.json() == [
        {"index": 1, "score": 3.0, "text": "good"},
        {"index": 0, "score": -3.0, "text": "bad"},
    ]
    long = {"query": "film", "texts": ["good " * 40]}
    assert rerank(**long, truncate=True).status_code == 200
    refused = rerank(**long, truncate=False)
    assert (refused.status_code, refused.json()["error_type"]) == (422, "Validation")
    assert "truncation_direction" in rerank(**long, truncation_direction="left").json()["error"]


@pytest.mark.parametrize(
    ("body", "status", "kind", "says"),
    [
        ({"query": "a", "texts": []}, 400, "Empty", "`texts` cannot be empty"),
        ({"query": "a", "texts": ["b", " "]}, 400, "Empty", "`texts` cannot be empty"),
        ({"query": " ", "texts": ["b"]}, 400, "Empty", "`query` cannot be empty"),
        ({"texts": ["b"]}, 422, "Validation", "query: Field required"),
        ({"query": "a", "texts": "b"}, 422, "Validation", "texts: Input should be a valid array"),
        ({"query": "a", "texts": ["b"] * 129}, 422, "Validation", "129 texts; at most 128"),
    ],
)
def test_rerank_refuses(
    rerank: Callable[..., Any], body: dict[str, Any], status: int, kind: str, says: str
) -> None:
    """Nothing to rank, or nothing to rank it by, is TEI's `Empty`."""
    response = rerank(**body)
    assert (response.status_code, response.json()["error_type"]) == (status, kind)
    assert says in response.json()["error"]


@pytest.mark.parametrize("model", ["student", "nli"])
def test_only_a_re_ranker_ranks(rerank: Callable[..., Any], model: str) -> None:
    """It has to read pairs, and to have one logit; of any other it is 424, as TEI has it."""
    response = rerank(model, query="a", texts=["b"])
    assert (response.status_code, response.json()["error_type"]) == (424, "Backend")
    assert f"{model} is not a re-ranker model" in response.json()["error"]


@pytest.mark.parametrize(
    ("model", "kind"), [("nli", "classifier"), ("ranker", "reranker"), ("student", "classifier")]
)
def test_info_says_what_kind_of_model_it_is(client: TestClient, model: str, kind: str) -> None:
    """One of the three that TEI knows."""
    assert list(client.get(f"/tei/info?model={model}").json()["model_type"]) == [kind]
