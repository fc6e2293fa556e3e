"""Every dialect says every error in its own form, wherever in the service it arose."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from service import errors
from tests.service.embedders import publish_embedder

Connect = Callable[..., TestClient]


@dataclass(frozen=True)
class Dialect:
    """How a dialect asks a model about texts.

    Attributes:
        bad: its status for a request that cannot be used.
        failed: its status for a model that failed.
        typed: errors have an `error_type` too.
        model: that is asked.
        inputs: the key of the body that holds texts.
    """

    path: str
    body: Callable[[list[str]], dict[str, Any]]
    bad: int = 422
    failed: int = 500
    typed: bool = False
    model: str = "student"
    inputs: str = "inputs"

    def post(
        self, client: TestClient, *texts: str, model: str | None = None, **options: Any
    ) -> Any:
        """Posts texts, or with `content` a body as it is."""
        model = model or self.model
        if "content" not in options:
            body = self.body(list(texts))
            options["content"] = json.dumps({"model": model, **body}).encode()
        return client.post(self.path.format(model), **options)

    def check(self, response: Any, status: int, says: str, error_type: str) -> None:
        """Asserts that a response is an error in this form."""
        assert response.status_code == status, response.text
        assert response.headers["content-type"] == "application/json"
        assert response.headers["x-request-id"]
        body = response.json()
        if self is OPENAI:
            assert set(body["error"]) == {"message", "type", "param", "code"}
            assert says in body["error"]["message"]
            assert body["error"]["type"] == _openai_type(status)
            return
        assert set(body) == ({"error", "error_type"} if self.typed else {"error"})
        assert says in body["error"]
        if self.typed:
            assert body["error_type"] == error_type


def _openai_type(status: int) -> str:
    if status >= 500:
        return "server_error"
    return "rate_limit_error" if status == 429 else "invalid_request_error"


def _tensor(texts: list[str]) -> dict[str, Any]:
    tensor = {"name": "text", "shape": [len(texts)], "datatype": "BYTES", "data": texts}
    return {"inputs": [tensor]}


HF = Dialect("/models/{}", lambda texts: {"inputs": texts})
OIP = Dialect("/v2/models/{}/infer", _tensor, bad=400)
TEI = Dialect(
    "/tei/predict?model={}", lambda texts: {"inputs": [[t] for t in texts]}, failed=424, typed=True
)
EMBED = Dialect(
    "/tei/embed?model={}",
    lambda texts: {"inputs": texts},
    failed=424,
    typed=True,
    model="embedder",
)
OPENAI = Dialect(
    "/v1/embeddings",
    lambda texts: {"input": texts},
    bad=400,
    model="embedder",
    inputs="input",
)

# Every key of every dialect, with values that none of them wants.
KEYS = (
    *("id", "parameters", "outputs", "truncate", "raw_scores", "truncation_direction", "top_k"),
    *("name", "shape", "datatype", "data", "binary_data_output", "function_to_apply", "text"),
    *("normalize", "prompt_name", "dimensions", "encoding_format", "user"),
)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(KEYS), inner, max_size=4)
    ),
    max_leaves=8,
)

pytestmark = pytest.mark.parametrize(
    "dialect", [HF, OIP, TEI, EMBED, OPENAI], ids=["hf", "oip", "tei", "embed", "openai"]
)


@pytest.fixture
def models(models: Path) -> Path:
    """With an embedder beside the classifiers."""
    publish_embedder(models)
    return models


def service_of(client: TestClient) -> Any:
    """The running service behind a client."""
    return client.app.state.service  # type: ignore[attr-defined]  # Starlette's app


class Raising:
    """A predictor that fails, in a way of the test's choice."""

    def __init__(self, error: Exception) -> None:
        self._error = error

    async def answer(self, *_: object) -> object:
        """Fails."""
        raise self._error


def test_bodies_that_are_not_json(dialect: Dialect, client: TestClient) -> None:
    """Malformed JSON, invalid UTF-8, deep nesting and the wrong type are bad requests."""
    for content in (b"", b"{", b'{"inputs": "\xff"}', b'{"inputs": ' + b"[" * 5000, b"[]", b"null"):
        response = dialect.post(client, content=content)
        dialect.check(response, dialect.bad, "", "Validation")


@given(keys=st.dictionaries(st.sampled_from(KEYS), VALUES, max_size=4), inputs=VALUES)
@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_no_json_breaks_the_reader(
    dialect: Dialect, client: TestClient, keys: dict[str, Any], inputs: Any
) -> None:
    """Whatever JSON comes, it is answered or a bad request."""
    body = dialect.body(["good"]) | keys
    body = {"model": dialect.model, **body}
    for sent in (body, {**body, dialect.inputs: inputs}, {**body, dialect.inputs: [inputs]}):
        response = dialect.post(client, content=json.dumps(sent).encode())
        assert response.status_code in (200, 400, dialect.bad), response.text


def test_body_over_the_limit(dialect: Dialect, client: TestClient) -> None:
    """A body over the limit gets 413, with or without a Content-Length."""
    content = b" " * ((1 << 20) + 1)
    for sent in (content, iter([content])):
        response = dialect.post(client, content=sent)
        dialect.check(response, 413, "more than 1048576 bytes", "Validation")


def test_unknown_model(dialect: Dialect, client: TestClient) -> None:
    """An unknown model gets 404 with the names there are."""
    response = dialect.post(client, "good", model="nope")
    dialect.check(response, 404, "there are ['embedder', 'student', 'teacher']", "Validation")


def test_unknown_path(dialect: Dialect, client: TestClient) -> None:
    """The framework's own errors come in the dialect's form too."""
    path = dialect.path.partition("?")[0].format("student")
    dialect.check(client.post(f"{path}/nowhere"), 404, "Not Found", "Validation")


def test_full_queue(dialect: Dialect, connect: Connect) -> None:
    """More texts than the queue takes get 429 with Retry-After."""
    response = dialect.post(connect(max_queue=1), "good", "bad")
    dialect.check(response, 429, dialect.model, "Overloaded")
    assert int(response.headers["retry-after"]) >= 1


def test_closed(dialect: Dialect, client: TestClient) -> None:
    """A service that takes nothing more gives 503 with Retry-After."""
    service_of(client).closed = True
    response = dialect.post(client, "good")
    dialect.check(response, 503, "stopping", "Unhealthy")
    assert int(response.headers["retry-after"]) >= 1


def test_stopping(dialect: Dialect, client: TestClient) -> None:
    """While balancers have not yet heard of the stop, predictions go on."""
    service_of(client).stopping = True
    assert dialect.post(client, "good").status_code == 200


def test_keys(dialect: Dialect, connect: Connect) -> None:
    """Where keys are set, a request without one gets 401 and one with it an answer."""
    client = connect(api_keys="secret")
    response = dialect.post(client, "good")
    dialect.check(response, 401, "needs a key", "Validation")
    admitted = dialect.post(client, "good", headers={"Authorization": "Bearer secret"})
    assert admitted.status_code == 200


@pytest.mark.parametrize(
    ("error", "status", "error_type"),
    [
        (errors.DeadlineExceeded("why"), 504, "Overloaded"),
        (errors.Overloaded("why", 3), 429, "Overloaded"),
        (errors.Unavailable("why", 3), 503, "Unhealthy"),
        (errors.TextTooLong("why"), None, "Validation"),
        (errors.InvalidInput("why"), None, "Validation"),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, Exception) else None,
)
def test_errors_of_the_core(
    dialect: Dialect, client: TestClient, error: Exception, status: int | None, error_type: str
) -> None:
    """What the core raises has its status and its type; what says when to return says it."""
    service_of(client).predictor = Raising(error)
    response = dialect.post(client, "good")
    dialect.check(response, status or dialect.bad, "why", error_type)
    assert ("retry-after" in response.headers) is hasattr(error, "retry_after")


def test_failing_model(dialect: Dialect, client: TestClient) -> None:
    """A model that fails gives 500, or TEI's 424, and is counted as such."""
    service_of(client).predictor = Raising(errors.InferenceFailed("it failed"))
    response = dialect.post(client, "good")
    dialect.check(response, dialect.failed, "it failed", "Backend")
    labels = f'{{model="{dialect.model}",status="{dialect.failed}"}}'
    counted = f"stillhouse_requests_total{labels} 1.0"
    assert counted in client.get("/metrics").text


def test_error_that_nobody_expected(dialect: Dialect, client: TestClient) -> None:
    """An error that is a defect gets 500 in the dialect's form, without its cause."""
    service_of(client).predictor = Raising(ZeroDivisionError("secret"))
    response = dialect.post(client, "good")
    dialect.check(response, 500, "the service failed; see its log", "Backend")


def test_documented(dialect: Dialect, client: TestClient) -> None:
    """The OpenAPI document has the dialect's path, its bodies, in every form, and its errors."""
    document = client.get("/openapi.json").json()
    path = dialect.path.partition("?")[0].replace("{}", "{name}")
    post = document["paths"][path]["post"]
    forms = {"application/json"} | ({"application/octet-stream"} if dialect is OIP else set())
    sent = post["requestBody"]["content"]
    assert sent.keys() == forms
    assert post["responses"]["200"]["content"].keys() == forms
    name = sent["application/json"]["schema"]["$ref"].rpartition("/")[2]
    assert dialect.inputs in document["components"]["schemas"][name]["properties"]
    expected = {"200", "401", "404", "408", "413", "415", "429", "500", "503", "504"}
    assert post["responses"].keys() >= expected | {str(dialect.bad), str(dialect.failed)}
    assert ("422" in post["responses"]) is (dialect not in (OIP, OPENAI))
    assert ("X-Request-Timeout-Ms", "header") in {
        (parameter["name"], parameter["in"]) for parameter in post["parameters"]
    }
    (tag,) = post["tags"]
    assert tag not in ("predict", "models")
