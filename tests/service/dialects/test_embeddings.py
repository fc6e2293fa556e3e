"""Embeddings in the dialects that have endpoints of their own for them."""

from base64 import b64decode
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from fastapi.testclient import TestClient

from tests.service.embedders import PROMPTS, SIZE, expected, publish_embedder

TEXTS = ["good film", "bad", "a fine film of some length"]
Post = Callable[..., Any]


@pytest.fixture
def client(models: Path, connect: Callable[..., TestClient]) -> TestClient:
    """A client of a service with embedders beside the classifiers."""
    publish_embedder(models, dimensions=(2, 4), prompts=PROMPTS)
    publish_embedder(models, "plain", normalize=False, default_prompt="query", prompts=PROMPTS)
    (models / "routes.toml").write_text(
        'default = "student"\n[aliases]\n"acme/embedder-v2" = "embedder"\n'
    )
    return connect()


def embed(client: TestClient, model: str = "embedder", **body: Any) -> Any:
    """Posts to `/tei/embed`."""
    return client.post(f"/tei/embed?model={model}", json=body)


def openai(client: TestClient, model: str = "embedder", **body: Any) -> Any:
    """Posts to `/v1/embeddings`."""
    return client.post("/v1/embeddings", json={"model": model, **body})


def close(found: object, wanted: Any) -> bool:
    """Whether arrays are equal but for the last bits."""
    return np.allclose(np.array(found, np.float32), wanted, atol=1e-6)


def test_tei_embeds_one_text_and_several(client: TestClient) -> None:
    """A list of vectors always, at length 1 unless told otherwise, with TEI's headers."""
    one = embed(client, inputs=TEXTS[0])
    assert one.status_code == 200, one.text
    assert close(one.json(), [expected(TEXTS[0])])
    assert one.headers["x-compute-tokens"] == "4"
    assert one.headers["x-compute-characters"] == "9"
    assert close(embed(client, inputs=TEXTS).json(), [expected(text) for text in TEXTS])
    for model in ("embedder", "plain"):  # TEI's default, whatever the model's is
        found = embed(client, model, inputs="good", prompt_name="document").json()
        assert close(found, [expected("good")])
    raw = embed(client, inputs="good", normalize=False).json()
    assert close(raw, [expected("good", normalize=False)])


def test_openai_has_its_form(client: TestClient) -> None:
    """As the reference shows it, the usage counted."""
    body = openai(client, input=TEXTS[:2]).json()
    assert set(body) == {"object", "data", "model", "usage"}
    assert body["object"] == "list"
    assert body["model"] == "embedder"
    assert body["usage"] == {"prompt_tokens": 7, "total_tokens": 7}
    assert [set(one) for one in body["data"]] == [{"object", "index", "embedding"}] * 2
    assert [one["index"] for one in body["data"]] == [0, 1]
    assert {one["object"] for one in body["data"]} == {"embedding"}
    vectors = [one["embedding"] for one in body["data"]]
    assert close(vectors, [expected(text) for text in TEXTS[:2]])
    assert openai(client, input=TEXTS[0]).json()["data"] == body["data"][:1]
    assert (
        openai(client, "plain", input=TEXTS[0], prompt_name="document").json()["data"]
        == (body["data"][:1])
    )


def test_numbers_and_base64_are_the_same_to_the_bit(client: TestClient) -> None:
    """The digits of the numbers are those that a float32 needs, and no more."""
    numbers, coded = (
        openai(client, input=TEXTS, encoding_format=form) for form in ("float", "base64")
    )
    for plain, code in zip(numbers.json()["data"], coded.json()["data"], strict=True):
        found = np.frombuffer(b64decode(code["embedding"]), "<f4")
        assert np.array_equal(np.array(plain["embedding"], np.float32), found)
        assert max(len(repr(number)) for number in plain["embedding"]) <= len("-0.0123456789")


@pytest.mark.parametrize("normalize", [True, False])
@pytest.mark.parametrize("dimensions", [2, 4, SIZE])
def test_vectors_are_cut_before_they_are_normalised(
    client: TestClient, dimensions: int, normalize: bool
) -> None:
    """As sentence-transformers' `truncate_dim` has it."""
    found = embed(client, inputs=TEXTS, dimensions=dimensions, normalize=normalize).json()
    wanted = [expected(text, dimensions=dimensions, normalize=normalize) for text in TEXTS]
    assert close(found, wanted)


def test_prompts_stand_before_the_text(client: TestClient) -> None:
    """By name; without one the default prompt of the model, if it has one."""
    with_prompt, without = expected("fine good film"), expected("good film")
    for model, name, wanted in (
        ("embedder", "query", with_prompt),
        ("embedder", "document", without),
        ("embedder", None, without),
        ("plain", None, with_prompt),
    ):
        (found,) = embed(client, model, inputs="good film", prompt_name=name).json()
        assert close(found, wanted)
        (one,) = openai(client, model, input="good film", prompt_name=name).json()["data"]
        assert close(one["embedding"], wanted)


@pytest.mark.parametrize(
    ("model", "body", "says"),
    [
        ("embedder", {"dimensions": 3}, "no embeddings of 3: there are [2, 4, 8]"),
        ("plain", {"dimensions": 4}, "there are [8]"),
        ("embedder", {"prompt_name": "quiz"}, "'quiz': there are ['document', 'query']"),
        ("embedder", {"truncate": False}, "more than the 16 tokens"),
    ],
)
def test_what_a_model_has_not_is_refused(
    client: TestClient, model: str, body: dict[str, Any], says: str
) -> None:
    """With what there is, in the dialect's form."""
    text = "good " * 30
    tei = embed(client, model, inputs=text, **body)
    assert tei.status_code == 422
    assert tei.json()["error_type"] == "Validation"
    assert says in tei.json()["error"]
    found = openai(client, model, input=text, **body)
    assert found.status_code == 400
    error = found.json()["error"]
    assert set(error) == {"message", "type", "param", "code"}
    assert says in error["message"]
    assert (error["type"], error["code"]) == ("invalid_request_error", None)
    if said := set(body) & {"dimensions", "prompt_name"}:
        assert error["param"] == said.pop()


def test_a_classifier_gives_no_embeddings(client: TestClient) -> None:
    """Asked for them it says so, and an embedder asked for labels does."""
    tei = embed(client, "student", inputs="good")
    assert (tei.status_code, tei.json()["error_type"]) == (424, "Backend")
    found = openai(client, "student", input="good")
    assert found.status_code == 400
    assert found.json()["error"]["param"] == "model"
    for message in (tei.json()["error"], found.json()["error"]["message"]):
        assert "student is a text-classification model, which gives no embeddings" in message
        assert "name an embedder as `model`" in message
    labels = client.post("/tei/predict?model=embedder", json={"inputs": "good"})
    assert labels.status_code == 424
    assert "no classifier" in labels.json()["error"]


@pytest.mark.parametrize("blank", ["", "  "])
@pytest.mark.parametrize("prompt_name", [None, "query"])
def test_empty_texts(client: TestClient, blank: str, prompt_name: str | None) -> None:
    """A prompt does not make a text of nothing."""
    tei = embed(client, inputs=["good", blank], prompt_name=prompt_name)
    assert (tei.status_code, tei.json()["error_type"]) == (400, "Empty")
    found = openai(client, input=["good", blank], prompt_name=prompt_name)
    assert found.status_code == 400
    assert found.json()["error"]["message"] == "text 1 is empty"


@pytest.mark.parametrize("tokens", [[1, 2, 3], [[1, 2], [3]]])
def test_token_ids_are_refused(client: TestClient, tokens: Any) -> None:
    """They are of OpenAI's own tokenisers; the error says what to send, and how."""
    response = openai(client, input=tokens)
    assert response.status_code == 400
    error = response.json()["error"]
    assert "send texts" in error["message"]
    assert error["param"] == "input"


def test_errors_of_openai(client: TestClient) -> None:
    """Each has its type and code; what the body lacks or has wrong is named."""
    for body, param in (
        ({}, "input"),
        ({"input": []}, "input"),
        ({"input": 5}, "input"),
        ({"input": "good", "encoding_format": "int8"}, "encoding_format"),
        ({"input": "good", "dimensions": 0}, "dimensions"),
    ):
        error = openai(client, **body)
        assert error.status_code == 400, error.text
        assert error.json()["error"]["param"] == param
    unknown = openai(client, "nobody/nothing", input="good")
    assert unknown.status_code == 404
    assert unknown.json()["error"]["code"] == "model_not_found"
    assert "'nobody/nothing': there are ['embedder'" in unknown.json()["error"]["message"]
    lost = client.get("/v1/nowhere")
    assert lost.status_code == 404
    assert set(lost.json()["error"]) == {"message", "type", "param", "code"}


@pytest.mark.usefixtures("client")
def test_keys_are_told_as_openai_tells_them(connect: Callable[..., TestClient]) -> None:
    """A wrong key is `invalid_api_key`, and the right one is read where its client puts it."""
    closed = connect(api_keys="secret")
    assert closed.post("/v1/embeddings", json={"input": "good"}).status_code == 401
    body = {"model": "embedder", "input": "good"}
    wrong = closed.post("/v1/embeddings", json=body, headers={"authorization": "Bearer x"})
    assert wrong.json()["error"]["code"] == "invalid_api_key"
    right = closed.post("/v1/embeddings", json=body, headers={"authorization": "Bearer secret"})
    assert right.status_code == 200


def test_models_of_openai(client: TestClient) -> None:
    """Those that give embeddings, also under names with slashes."""
    listed = client.get("/v1/models").json()
    assert listed["object"] == "list"
    assert [one["id"] for one in listed["data"]] == ["acme/embedder-v2", "embedder", "plain"]
    assert set(listed["data"][0]) == {"id", "object", "created", "owned_by"}
    assert client.get("/v1/models/acme/embedder-v2").json() == listed["data"][0]
    assert client.get("/v1/models/student").status_code == 404
    named = openai(client, "acme/embedder-v2", input="good").json()
    assert named["model"] == "acme/embedder-v2"
    assert close(named["data"][0]["embedding"], expected("good"))


def test_info_tells_of_an_embedder(client: TestClient) -> None:
    """TEI's clients see from it what there is to ask."""
    info = client.get("/tei/info?model=embedder").json()
    assert info["model_type"] == {"embedding": {"pooling": "mean"}}
    assert "classifier" in client.get("/tei/info").json()["model_type"]


def test_remembered_vectors_are_the_same(
    client: TestClient, connect: Callable[..., TestClient]
) -> None:
    """Whatever is asked of them: what is remembered is the vector as the graph gave it."""
    caching = connect(answer_cache=10**6)
    for body in ({}, {"dimensions": 2}, {"normalize": False}, {"prompt_name": "query"}, {}):
        asked: dict[str, Any] = {"inputs": TEXTS, **body}
        assert embed(caching, **asked).json() == embed(client, **asked).json()


def test_a_dialect_can_be_left_out(models: Path, connect: Callable[..., TestClient]) -> None:
    """Its paths are then not there."""
    publish_embedder(models)
    client = connect(dialects="hf,oip,tei")
    assert openai(client, input="good").status_code == 404
    assert client.get("/v1/models").status_code == 404
