"""Text Embeddings Inference: its exact forms."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient

from tests.service.builders import publish_tiny

POSITIVE = [
    {"score": pytest.approx(0.982014, abs=1e-6), "label": "positive"},
    {"score": pytest.approx(0.017986, abs=1e-6), "label": "negative"},
]
NEGATIVE = [
    {"score": pytest.approx(0.982014, abs=1e-6), "label": "negative"},
    {"score": pytest.approx(0.017986, abs=1e-6), "label": "positive"},
]


@pytest.fixture
def post(client: TestClient) -> Callable[..., Any]:
    """Posts a body to the teacher, through `/tei/predict`."""

    def call(**body: Any) -> Any:
        return client.post("/tei/predict?model=teacher", json=body)

    return call


@pytest.mark.parametrize(
    ("inputs", "expected"),
    [
        ("good film", POSITIVE),
        (["good film"], POSITIVE),
        ([["good film"]], [POSITIVE]),
        ([["bad"], ["good"]], [NEGATIVE, POSITIVE]),
    ],
)
def test_forms_of_inputs(post: Callable[..., Any], inputs: object, expected: object) -> None:
    """A text gets its labels, best first; a batch gets a list of such lists."""
    response = post(inputs=inputs)
    assert response.status_code == 200
    assert response.json() == expected


@pytest.mark.parametrize("inputs", [["a", "b"], ["a", "b", "c"], [["a", "b"]], [["a"], ["b", "c"]]])
def test_pairs_are_refused(post: Callable[..., Any], inputs: object) -> None:
    """A pair of texts is a validation error that shows how a batch is written."""
    response = post(inputs=inputs)
    assert response.status_code == 422
    body = response.json()
    assert set(body) == {"error", "error_type"}
    assert body["error_type"] == "Validation"
    assert 'not a pair; a batch is [["one"], ["two"]]' in body["error"]


def test_windows(post: Callable[..., Any]) -> None:
    """Cut as TEI does it, unless a request says otherwise by a parameter of ours."""
    text = "film " * 30 + "bad"
    cut = [one["score"] for one in post(inputs=text).json()]
    assert cut == [0.5, 0.5]
    read = post(inputs=text, windows={"stride": 4, "pooling": "max"}).json()
    assert read[0]["label"] == "negative"
    assert post(inputs=text, windows=False).json() == post(inputs=text).json()
    odd = post(inputs=text, windows=True)
    assert (odd.status_code, odd.json()["error_type"]) == (422, "Validation")
    assert "or false" in odd.json()["error"]


@pytest.mark.parametrize("inputs", ["", " ", [], [""], [["good"], [" "]]])
def test_empty_inputs(post: Callable[..., Any], inputs: object) -> None:
    """No text, and text of white space, is the dialect's `Empty`, with 400."""
    response = post(inputs=inputs)
    assert response.status_code == 400
    assert response.json() == {"error": "`inputs` cannot be empty", "error_type": "Empty"}


@pytest.mark.parametrize(
    ("body", "says"),
    [
        ({}, "inputs: Field required"),
        ({"inputs": 5}, "inputs.text: Input should be a valid string"),
        ({"inputs": [["a"], "b"]}, "inputs.batch.1: Input should be a valid array"),
        ({"inputs": ["a", ["b"]]}, "inputs.pair.1: Input should be a valid string"),
        ({"inputs": [[]]}, "inputs.batch.0: List should have at least 1 item"),
        ({"inputs": "a", "truncation_direction": "up"}, "'left' or 'right'"),
        ({"inputs": "a", "truncation_direction": "left"}, "only right is supported"),
        ({"inputs": "a", "truncation_direction": "Left"}, "only right is supported"),
        ({"inputs": [["good"]] * 129}, "129 texts; at most 128"),
        ({"inputs": "x " * 30, "truncate": False}, "more than the 16 tokens"),
    ],
)
def test_validation_errors(post: Callable[..., Any], body: dict[str, Any], says: str) -> None:
    """What cannot be used gets 422 and `Validation`, with the reason."""
    response = post(**body)
    assert response.status_code == 422
    assert response.json()["error_type"] == "Validation"
    assert says in response.json()["error"]


@pytest.mark.parametrize("options", [{}, {"truncate": None}, {"truncate": True}])
def test_long_texts_are_cut_unless_refused(
    post: Callable[..., Any], options: dict[str, object]
) -> None:
    """Without `truncate`, or with null, a long text is cut on the right."""
    response = post(inputs="bad " * 14 + "good " * 50, **options)
    assert response.json()[0]["label"] == "negative"
    assert response.headers["x-compute-tokens"] == "16"


def test_left_is_harmless_where_nothing_is_cut(post: Callable[..., Any]) -> None:
    """A client that asks for left and forbids cutting is answered."""
    response = post(inputs="good", truncation_direction="left", truncate=False)
    assert response.status_code == 200


def test_raw_scores(post: Callable[..., Any]) -> None:
    """`raw_scores` gives logits."""
    assert post(inputs="good good", raw_scores=True).json() == [
        {"score": 4.0, "label": "positive"},
        {"score": -4.0, "label": "negative"},
    ]


def test_headers_tell_what_the_work_took(post: Callable[..., Any]) -> None:
    """Texts, tokens and milliseconds are in the dialect's headers, whole numbers all."""
    headers = post(inputs=[["good film"], ["bad"]]).headers
    assert headers["x-compute-type"] == "cpu"
    assert headers["x-compute-characters"] == "12"
    assert headers["x-compute-tokens"] == "7"
    times = ("compute", "total", "tokenization", "queue", "inference")
    found = {name: int(headers[f"x-{name}-time"]) for name in times}
    assert all(value >= 0 for value in found.values())
    assert found["total"] >= found["inference"]


def test_default_route_or_named_model(client: TestClient) -> None:
    """Without `?model=` the default route answers; an unknown model gets 404."""
    body = {"inputs": "good", "raw_scores": True}
    assert client.post("/tei/predict", json=body).json()[0]["score"] == 1.0
    pinned = client.post("/tei/predict?model=teacher@1", json=body)
    assert pinned.json()[0]["score"] == 2.0
    unknown = client.post("/tei/predict?model=nope", json=body)
    assert unknown.status_code == 404
    assert unknown.json()["error_type"] == "Validation"


def test_multi_label_lists_every_label(models: Path, connect: Callable[..., TestClient]) -> None:
    """A multi-label model's labels all come, with scores that need not sum to one."""
    publish_tiny(models, "topics", labels=("a", "b"), problem_type="multi_label",
                 scores={"good": (2.0, 1.0)})  # fmt: skip
    response = connect().post("/tei/predict?model=topics", json={"inputs": "good"})
    assert response.json() == [
        {"score": pytest.approx(0.880797, abs=1e-6), "label": "a"},
        {"score": pytest.approx(0.731059, abs=1e-6), "label": "b"},
    ]


def test_info_has_the_fields_of_tei(client: TestClient) -> None:
    """`/tei/info` describes the default route's model with the dialect's fields."""
    info = client.get("/tei/info").json()
    assert (info["model_id"], info["served_model_name"]) == ("student", "student")
    assert info["model_type"] == {
        "classifier": {
            "id2label": {"0": "negative", "1": "positive"},
            "label2id": {"negative": 0, "positive": 1},
        }
    }
    assert (info["model_dtype"], info["max_input_length"]) == ("float32", 16)
    assert (info["max_client_batch_size"], info["auto_truncate"]) == (128, True)
    assert set(info) == {
        "model_id", "served_model_name", "model_sha", "model_dtype", "model_type",
        "max_concurrent_requests",
        "max_input_length", "max_batch_tokens", "max_batch_requests", "max_client_batch_size",
        "auto_truncate", "tokenization_workers", "version", "sha", "docker_label",
    }  # fmt: skip
    assert client.get("/tei/info?model=teacher").json()["model_id"] == "teacher"


def test_health(client: TestClient, connect: Callable[..., TestClient], tmp_path: Path) -> None:
    """Healthy is 200 with an empty body; without a model it is 503 and `Unhealthy`."""
    healthy = client.get("/tei/health")
    assert (healthy.status_code, healthy.content) == (200, b"")
    assert client.head("/tei/health").status_code == 200
    (tmp_path / "none").mkdir()
    empty = connect(models=tmp_path / "none").get("/tei/health")
    assert empty.status_code == 503
    assert empty.json()["error_type"] == "Unhealthy"
    assert "no model" in empty.json()["error"]
