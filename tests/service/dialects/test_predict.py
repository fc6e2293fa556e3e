"""`POST /predict`, through HTTP."""

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from fastapi.testclient import TestClient

from service.api.schemas import PredictResponse
from tests.service.builders import publish_tiny, write_cascade

TWO_ANSWERS = 2000  # bytes


def test_one_text_gets_label_scores_and_timing(client: TestClient) -> None:
    """One text is answered in the documented form, with probabilities that sum to one."""
    response = client.post("/predict", json={"inputs": "good film", "model": "teacher"})
    assert response.status_code == 200
    body = response.json()
    assert body["model"] == "teacher"
    (prediction,) = body["predictions"]
    assert prediction["label"] == "positive"
    assert prediction["scores"] == {"positive": 0.982014, "negative": 0.017986}
    assert prediction["score"] == 0.982014
    assert (prediction["model"], prediction["version"]) == ("teacher", 1)
    assert (prediction["tokens"], prediction["truncated"]) == (4, False)
    assert prediction["escalated"] is False
    assert set(body["timing_ms"]) == {"tokenize", "queue", "inference", "total"}
    assert body["timing_ms"]["total"] >= body["timing_ms"]["inference"] > 0


def test_many_texts_keep_their_order(client: TestClient) -> None:
    """Texts of mixed length are answered in the order in which they came."""
    texts = ["bad", "good good good film", "bad film", "good"] * 8
    body = client.post("/predict", json={"inputs": texts}).json()
    expected = ["positive" if "good" in text else "negative" for text in texts]
    assert [prediction["label"] for prediction in body["predictions"]] == expected


def test_model_parameter_routes(client: TestClient) -> None:
    """A request is answered by the model it names, by name or pinned, else by the default."""
    for named, answered in {"teacher": "teacher", "student@1": "student", None: "student"}.items():
        body = client.post("/predict", json={"inputs": "good", "model": named}).json()
        assert body["predictions"][0]["model"] == answered


def test_highest_version_serves(models: Path, connect: Callable[..., TestClient]) -> None:
    """Of several versions the highest answers, by number and not by spelling."""
    publish_tiny(models, "student", 10)
    publish_tiny(models, "student", 9)
    body = connect().post("/predict", json={"inputs": "good"}).json()
    assert body["predictions"][0]["version"] == 10


def test_raw_scores_are_logits(client: TestClient) -> None:
    """`raw_scores` gives logits, and the same label."""
    request = {"inputs": "good good", "model": "teacher", "raw_scores": True}
    (prediction,) = client.post("/predict", json=request).json()["predictions"]
    assert prediction["scores"] == {"positive": 4.0, "negative": -4.0}
    assert prediction["score"] == 4.0


def test_top_k_limits_the_scores(client: TestClient) -> None:
    """`top_k` lists that many labels, the best first."""
    body = client.post("/predict", json={"inputs": "bad", "top_k": 1}).json()
    assert list(body["predictions"][0]["scores"]) == ["negative"]


def test_long_text_is_cut_and_says_so(client: TestClient) -> None:
    """A text over the model's length is cut, and only what is left of it counts."""
    text = "bad " * 14 + "good " * 50
    (prediction,) = client.post("/predict", json={"inputs": text}).json()["predictions"]
    assert (prediction["truncated"], prediction["tokens"]) == (True, 16)
    assert prediction["label"] == "negative"


def test_long_text_is_refused_without_truncate(client: TestClient) -> None:
    """With `truncate: false` a text over the model's length gets 422 with the limit."""
    response = client.post("/predict", json={"inputs": ["good", "x " * 20], "truncate": False})
    assert response.status_code == 422
    assert "text 1 has more than the 16 tokens" in response.json()["detail"]


def test_text_refused_by_a_later_model_is_named_as_the_request_has_it(
    models: Path, connect: Callable[..., TestClient]
) -> None:
    """Of a cascade too, the index is that of the request and not among those that went on."""
    shutil.rmtree(models / "student")
    publish_tiny(models, "student", max_length=64, scores={"good": (0.0, 9.0)})
    write_cascade(models)
    texts = ["good", "good", "film " * 30]  # the student is unsure of the last alone
    body = {"inputs": texts, "model": "auto", "truncate": False}
    response = connect().post("/predict", json=body)
    assert response.status_code == 422
    assert "text 2 has more than the 16 tokens that teacher reads" in response.json()["detail"]


@pytest.mark.parametrize(
    ("body", "status", "says"),
    [
        (b"{", 422, "Invalid JSON"),
        (b'{"inputs": "\xff"}', 422, "Invalid JSON: invalid unicode"),
        (b'{"inputs": "\\ud800"}', 422, "Invalid JSON"),
        (b"", 422, "Invalid JSON"),
        (b"[]", 422, "Input should be an object"),
        (b"{}", 422, "inputs: Field required"),
        (b'{"inputs": ""}', 422, "text 0 is empty"),
        (b'{"inputs": " \\n "}', 422, "text 0 is empty"),
        (b'{"inputs": []}', 422, "inputs.texts: List should have at least 1 item"),
        (b'{"inputs": ["good", ""]}', 422, "text 1 is empty"),
        (b'{"inputs": "good", "truncate": 0}', 422, "truncate: Input should be a valid boolean"),
        (b'{"inputs": ["good", 1]}', 422, "inputs.texts.1: Input should be a valid string"),
        (b'{"inputs": null}', 422, "inputs.text: Input should be a valid string"),
        (
            b'{"inputs": "good", "modle": "student"}',
            422,
            "modle: unknown key; there are inputs, model, truncate",
        ),
        (b'{"inputs": "good", "top_k": 0}', 422, "top_k: Input should be greater"),
        (b'{"inputs": "good", "top_k": true}', 422, "top_k: Input should be a valid integer"),
        (b'{"inputs": "good", "top_k": "1"}', 422, "top_k: Input should be a valid integer"),
        (b'{"inputs": "good", "windows": {}}', 422, "windows.object.stride: Field required"),
        (
            b'{"inputs": "good", "windows": true}',
            422,
            'windows: Input should be an object, such as {"stride": 64}, or false',
        ),
        (
            b'{"inputs": "good", "windows": {"stride": 1, "pooling": "sum"}}',
            422,
            "windows.object.pooling: Input should be 'mean'",
        ),
        (
            b'{"inputs": "%s", "windows": {"stride": 1000}}' % (b"good " * 10_000),
            422,
            "windows.stride of 1000 is too much",
        ),
        (
            b'{"inputs": "good", "model": "nope"}',
            404,
            "there are ['student', 'teacher']",
        ),
        (b'{"inputs": "good", "model": "student@7"}', 404, "there are [1]"),
        (b'{"inputs": "good", "model": "student@x"}', 404, "whole number"),
        (b'{"inputs": "good", "model": "../etc"}', 404, "no model"),
    ],
)
def test_bad_requests(client: TestClient, body: bytes, status: int, says: str) -> None:
    """Each kind of bad input gets its status and a problem document that says what is wrong."""
    response = client.post("/predict", content=body)
    assert response.status_code == status
    assert response.headers["content-type"] == "application/problem+json"
    problem = response.json()
    assert problem["status"] == status
    assert says in problem["detail"]
    assert problem["request_id"] == response.headers["x-request-id"]


def test_too_many_texts(client: TestClient) -> None:
    """More texts than the limit are refused with both numbers."""
    response = client.post("/predict", json={"inputs": ["good"] * 1000})
    assert response.status_code == 422
    assert response.json()["detail"] == "1000 texts; at most 128 in a request"


def test_too_many_characters(client: TestClient) -> None:
    """A text over the limit of characters is refused with both numbers."""
    response = client.post("/predict", json={"inputs": "x" * 100_001})
    assert response.status_code == 422
    assert "100001 characters; at most 100000" in response.json()["detail"]


def test_text_of_the_most_characters_is_answered(client: TestClient) -> None:
    """A text of just the limit is cut to the model's length like any other."""
    response = client.post("/predict", json={"inputs": "good " * 20_000})
    assert response.status_code == 200
    assert response.json()["predictions"][0]["truncated"] is True


def test_body_over_the_limit(client: TestClient) -> None:
    """A body over the limit gets 413, with or without a Content-Length."""
    text = b'{"inputs": "' + b"x" * (1 << 20) + b'"}'
    assert client.post("/predict", content=text).status_code == 413
    parts = (text[start : start + 65536] for start in range(0, len(text), 65536))
    assert client.post("/predict", content=parts).status_code == 413


def test_errors_do_not_repeat_the_text(client: TestClient) -> None:
    """What a client sent is not in the error that it gets."""
    response = client.post("/predict", json={"inputs": ["secret-text", 5]})
    assert response.status_code == 422
    assert "secret-text" not in response.text


def test_deadline_that_cannot_be_met(client: TestClient) -> None:
    """A malformed timeout header is refused; a good one is accepted."""
    good = client.post("/predict", json={"inputs": "good"}, headers={"X-Request-Timeout-Ms": "900"})
    bad = client.post("/predict", json={"inputs": "good"}, headers={"X-Request-Timeout-Ms": "soon"})
    zeros = client.post(
        "/predict", json={"inputs": "good"}, headers={"X-Request-Timeout-Ms": "0" * 20 + "9000"}
    )
    assert zeros.status_code == 200
    assert (good.status_code, bad.status_code) == (200, 422)


def test_request_id_is_taken_or_made(client: TestClient) -> None:
    """A good request id comes back; a dangerous one is replaced."""
    taken = client.get("/livez", headers={"X-Request-Id": "abc-123"})
    made = client.get("/livez", headers={"X-Request-Id": "a b\tc"})
    assert taken.headers["x-request-id"] == "abc-123"
    assert len(made.headers["x-request-id"]) == 32


def test_answer_is_as_documented(client: TestClient) -> None:
    """The response, which is made without pydantic, has the fields and types of its schema."""
    response = client.post("/predict", json={"inputs": ["good", "bad"], "top_k": 1})
    read = PredictResponse.model_validate_json(response.content, strict=True, extra="forbid")
    assert read.model_dump(exclude_none=True) == response.json()


def test_answers_are_remembered_by_the_text(connect: Callable[..., TestClient]) -> None:
    """A text that was asked before is answered alike, without the model, and counted."""
    client = connect(answer_cache=TWO_ANSWERS)
    first = client.post("/predict", json={"inputs": ["good film", "bad"]}).json()
    again = client.post("/predict", json={"inputs": ["bad", "good film"]}).json()
    assert again["predictions"] == first["predictions"][::-1]
    assert again["timing_ms"]["inference"] == 0
    mixed = client.post("/predict", json={"inputs": ["fine", "bad", "fine"]}).json()
    assert [found["tokens"] for found in mixed["predictions"]] == [3, 3, 3]
    assert (
        'stillhouse_recalled_total{model="student",version="1"} 3.0' in client.get("/metrics").text
    )


def test_answer_that_was_asked_for_longest_ago_is_forgotten(
    connect: Callable[..., TestClient],
) -> None:
    """The cache is bounded."""
    client = connect(answer_cache=TWO_ANSWERS)
    for text in ("good", "bad", "good", "fine"):
        client.post("/predict", json={"inputs": text})
    for text, recalled in (("good", True), ("bad", False)):
        body = client.post("/predict", json={"inputs": text}).json()
        assert (body["timing_ms"]["inference"] == 0) is recalled


def test_remembered_answer_that_was_cut_can_be_refused(connect: Callable[..., TestClient]) -> None:
    """`truncate` is the request's, whatever is remembered."""
    client = connect(answer_cache=100_000)
    text = "good " * 40
    assert client.post("/predict", json={"inputs": text}).json()["predictions"][0]["truncated"]
    refused = client.post("/predict", json={"inputs": ["bad", text], "truncate": False})
    assert refused.status_code == 422
    assert "text 1" in refused.json()["detail"]


def test_new_version_remembers_nothing(models: Path, connect: Callable[..., TestClient]) -> None:
    """An answer is that of the version that serves."""
    client = connect(answer_cache=100_000, admin_key="secret")
    assert client.post("/predict", json={"inputs": "good"}).json()["predictions"][0]["version"] == 1
    publish_tiny(models, "student", 2)
    client.post("/admin/reload", headers={"Authorization": "Bearer secret"})
    assert client.post("/predict", json={"inputs": "good"}).json()["predictions"][0]["version"] == 2
