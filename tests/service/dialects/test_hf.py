"""The Hugging Face Inference API, with its own client and through plain HTTP."""

import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx2
import huggingface_hub
import pytest
from fastapi.testclient import TestClient
from huggingface_hub.errors import HfHubHTTPError
from huggingface_hub.utils import _http

from tests.service.builders import publish_tiny

LOGITS = {"positive": 2.0, "negative": -2.0}  # of the teacher, for "good"


@contextmanager
def client_of(url: str) -> Iterator[huggingface_hub.InferenceClient]:
    """The API's own client, of a model of a live server."""
    before = _http._GLOBAL_CLIENT_FACTORY
    # No proxy stands before this machine itself, and the library's own client stays offline, as
    # the tests run with HF_HUB_OFFLINE.
    huggingface_hub.set_client_factory(lambda: httpx2.Client(trust_env=False))
    yield huggingface_hub.InferenceClient(url)
    huggingface_hub.set_client_factory(before)


@pytest.fixture
def classify(live: str) -> Callable[..., Any]:
    """`InferenceClient.text_classification` of a model of the live server."""

    def call(text: str, model: str = "teacher", **options: Any) -> Any:
        with client_of(f"{live}/models/{model}") as client:
            return client.text_classification(text, **options)

    return call


def sigmoid(logit: float) -> float:
    """The logistic function."""
    return 1 / (1 + math.exp(-logit))


def test_client_gets_labels_best_first(classify: Callable[..., Any]) -> None:
    """The client reads all labels, descending, with the model's own scores."""
    best, other = classify("good film")
    assert (best.label, other.label) == ("positive", "negative")
    assert best.score == pytest.approx(sigmoid(4), abs=1e-6)
    assert best.score + other.score == pytest.approx(1)


def test_client_limits_labels(classify: Callable[..., Any]) -> None:
    """`top_k` gives that many labels, the best ones."""
    assert [found.label for found in classify("bad", model="student", top_k=1)] == ["negative"]


@pytest.mark.parametrize(
    ("function", "expected"),
    [
        (None, {"positive": sigmoid(4), "negative": sigmoid(-4)}),
        ("softmax", {"positive": sigmoid(4), "negative": sigmoid(-4)}),
        ("sigmoid", {label: sigmoid(logit) for label, logit in LOGITS.items()}),
        ("none", LOGITS),
    ],
)
def test_client_chooses_the_function(
    classify: Callable[..., Any], function: str | None, expected: dict[str, float]
) -> None:
    """`function_to_apply` makes the scores of the logits; without it the model's own does."""
    found = {got.label: got.score for got in classify("good", function_to_apply=function)}
    assert found == pytest.approx(expected, abs=1e-6)


def test_client_raises_what_the_service_says(classify: Callable[..., Any]) -> None:
    """An unknown model and an empty text reach the client as errors with their status."""
    with pytest.raises(HfHubHTTPError, match="404 Not Found"):
        classify("good", model="nope")
    with pytest.raises(HfHubHTTPError, match="text 0 is empty"):
        classify(" ")


def test_one_list_a_text(client: TestClient) -> None:
    """Each text gets a list of its own, in order, and one text alone gets one too."""
    one = client.post("/models/student", json={"inputs": "good"}).json()
    two = client.post("/models/student@1", json={"inputs": ["bad", "good"]}).json()
    assert [[label["label"] for label in text] for text in one] == [["positive", "negative"]]
    assert [text[0]["label"] for text in two] == ["negative", "positive"]
    assert set(one[0][0]) == {"label", "score"}


def test_unknown_keys_are_ignored(client: TestClient) -> None:
    """Options of the hosted API, and parameters of other tasks, change nothing."""
    body = {
        "inputs": "good",
        "options": {"wait_for_model": True, "use_cache": False},
        "parameters": {"return_all_scores": True, "top_k": None, "function_to_apply": None},
    }
    response = client.post("/models/student", json=body)
    assert response.json() == client.post("/models/student", json={"inputs": "good"}).json()


def test_multi_label_scores_are_independent(
    models: Path, connect: Callable[..., TestClient]
) -> None:
    """All labels of a multi-label model are listed with sigmoid scores; softmax can be asked."""
    publish_tiny(models, "topics", labels=("a", "b", "c"), problem_type="multi_label",
                 scores={"good": (2.0, 1.0, -3.0)})  # fmt: skip
    client = connect()

    def scores(**parameters: str) -> dict[str, float]:
        body = {"inputs": "good", "parameters": parameters}
        (found,) = client.post("/models/topics", json=body).json()
        return {label["label"]: label["score"] for label in found}

    own = {"a": sigmoid(2), "b": sigmoid(1), "c": sigmoid(-3)}
    assert scores() == pytest.approx(own, abs=1e-6)
    assert scores(function_to_apply="sigmoid") == scores()
    total = sum(map(math.exp, (2, 1, -3)))
    softmax = {"a": math.exp(2) / total, "b": math.exp(1) / total, "c": math.exp(-3) / total}
    assert scores(function_to_apply="softmax") == pytest.approx(softmax, abs=1e-6)


@pytest.mark.parametrize(
    ("body", "says"),
    [
        ({"inputs": "good", "parameters": {"top_k": 0}}, "parameters.top_k: Input should be"),
        ({"inputs": "good", "parameters": {"function_to_apply": "tanh"}}, "'softmax', 'sigmoid'"),
        ({"inputs": {"text": "a", "text_pair": 5}}, "inputs.pair.text_pair: Input should be"),
        ({"parameters": {}}, "inputs: Field required"),
    ],
)
def test_bad_bodies(client: TestClient, body: dict[str, Any], says: str) -> None:
    """A body that does not validate gets 422 and says which part is wrong."""
    response = client.post("/models/student", json=body)
    assert response.status_code == 422
    assert says in response.json()["error"]


def test_describing_a_model_stays_ours(client: TestClient) -> None:
    """`GET /models/{name}` is the service's own, its errors problem documents."""
    assert client.get("/models/student").json()["state"] == "ready"
    response = client.get("/models/nope")
    assert response.headers["content-type"] == "application/problem+json"
