"""Every dialect says every error in its own form, wherever in the service it arose."""

import json
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from fastapi.testclient import TestClient

from service.runtime.classifier import Classifier, Float32Array
from service.runtime.tokenizer import Encoding
from tests.service.builders import WORDS, publish_tiny, sum_graph, write_manifest

Connect = Callable[..., TestClient]


@dataclass(frozen=True)
class Dialect:
    """How a dialect asks a model about texts."""

    path: str
    body: Callable[[list[str]], dict[str, Any]]
    typed: bool = False  # errors have an `error_type` too

    def post(self, client: TestClient, *texts: str, model: str = "student", **options: Any) -> Any:
        """Posts texts, or with `content` a body as it is."""
        if "content" not in options:
            options["content"] = json.dumps(self.body(list(texts))).encode()
        return client.post(self.path.format(model), **options)

    def check(self, response: Any, status: int, says: str, error_type: str) -> None:
        """Asserts that a response is an error in this form."""
        assert response.status_code == status, response.text
        assert response.headers["content-type"] == "application/json"
        assert response.headers["x-request-id"]
        body = response.json()
        assert set(body) == ({"error", "error_type"} if self.typed else {"error"})
        assert says in body["error"]
        if self.typed:
            assert body["error_type"] == error_type


def _tensor(texts: list[str]) -> dict[str, Any]:
    tensor = {"name": "text", "shape": [len(texts)], "datatype": "BYTES", "data": texts}
    return {"inputs": [tensor]}


HF = Dialect("/models/{}", lambda texts: {"inputs": texts})
OIP = Dialect("/v2/models/{}/infer", _tensor)
TEI = Dialect("/tei/predict?model={}", lambda texts: {"inputs": [[t] for t in texts]}, typed=True)

pytestmark = pytest.mark.parametrize("dialect", [HF, OIP, TEI], ids=["hf", "oip", "tei"])


def test_bodies_that_are_not_json(dialect: Dialect, client: TestClient) -> None:
    """Malformed JSON, invalid UTF-8, deep nesting and the wrong type get 422."""
    for content in (b"", b"{", b'{"inputs": "\xff"}', b'{"inputs": ' + b"[" * 5000, b"[]", b"null"):
        response = dialect.post(client, content=content)
        dialect.check(response, 422, "", "Validation")


def test_body_over_the_limit(dialect: Dialect, client: TestClient) -> None:
    """A body over the limit gets 413, with or without a Content-Length."""
    content = b" " * ((1 << 20) + 1)
    for given in (content, iter([content])):
        response = dialect.post(client, content=given)
        dialect.check(response, 413, "more than 1048576 bytes", "Validation")


def test_unknown_model(dialect: Dialect, client: TestClient) -> None:
    """An unknown model gets 404 with the names there are."""
    response = dialect.post(client, "good", model="nope")
    dialect.check(response, 404, "there are ['student', 'teacher']", "Validation")


def test_unknown_path(dialect: Dialect, client: TestClient) -> None:
    """The framework's own errors come in the dialect's form too."""
    path = dialect.path.partition("?")[0].format("student")
    dialect.check(client.post(f"{path}/nowhere"), 404, "Not Found", "Validation")


def test_full_queue(dialect: Dialect, connect: Connect) -> None:
    """More texts than the queue takes get 429 with Retry-After."""
    response = dialect.post(connect(max_queue=1), "good", "bad")
    dialect.check(response, 429, "texts wait for student", "Overloaded")
    assert int(response.headers["retry-after"]) >= 1


def test_draining(dialect: Dialect, client: TestClient) -> None:
    """A service that is stopping gives 503 with Retry-After."""
    client.app.state.service.draining = True  # type: ignore[attr-defined]  # Starlette's app
    response = dialect.post(client, "good")
    dialect.check(response, 503, "stopping", "Unhealthy")
    assert int(response.headers["retry-after"]) >= 1


class Slow(Classifier):
    """A classifier that takes its time."""

    def logits(self, encodings: Sequence[Encoding]) -> Float32Array:
        """Those of the model, later."""
        time.sleep(0.3)
        return super().logits(encodings)


def test_deadline(dialect: Dialect, client: TestClient, models: Path) -> None:
    """A deadline that passes while the model runs gets 504."""
    state = client.app.state.service  # type: ignore[attr-defined]  # Starlette's app
    (batcher,) = (found for found in state.registry if found.name == "student@1")
    batcher.classifier = Slow.load(models / "student" / "1")
    response = dialect.post(client, "good", headers={"X-Request-Timeout-Ms": "100"})
    dialect.check(response, 504, "deadline passed", "Overloaded")


def test_keys(dialect: Dialect, connect: Connect) -> None:
    """Where keys are set, a request without one gets 401 and one with it an answer."""
    client = connect(api_keys="secret")
    response = dialect.post(client, "good")
    dialect.check(response, 401, "needs a key", "Validation")
    admitted = dialect.post(client, "good", headers={"Authorization": "Bearer secret"})
    assert admitted.status_code == 200


def test_failing_model(dialect: Dialect, models: Path, connect: Connect) -> None:
    """A model that fails gives 500, or TEI's 424, counted as such, and its cause stays hidden."""
    directory = publish_tiny(models, "broken")
    rows = np.zeros((len(WORDS) - 1, 2), dtype=np.float32)  # none for the last word
    onnx.save(sum_graph(rows), directory / "model.onnx")
    write_manifest(
        directory, name="broken", version=1, labels=("negative", "positive"), max_length=16
    )
    client = connect()
    response = dialect.post(client, WORDS[-1], model="broken")
    status = 424 if dialect is TEI else 500
    dialect.check(response, status, "broken@1 failed", "Backend")
    counted = f'stillhouse_requests_total{{model="broken",status="{status}"}} 1.0'
    assert counted in client.get("/metrics").text


def test_error_that_nobody_expected(dialect: Dialect, client: TestClient) -> None:
    """An error that is a defect gets 500 in the dialect's form, without its cause."""
    client.app.state.service.predictor = None  # type: ignore[attr-defined]  # Starlette's app
    response = dialect.post(client, "good")
    dialect.check(response, 500, "the service failed; see its log", "Backend")


def test_documented(dialect: Dialect, client: TestClient) -> None:
    """The OpenAPI document has the dialect's path, its body's schema and its errors."""
    document = client.get("/openapi.json").json()
    path = dialect.path.partition("?")[0].replace("{}", "{name}")
    post = document["paths"][path]["post"]
    (content,) = post["requestBody"]["content"].values()
    name = content["schema"]["$ref"].rpartition("/")[2]
    assert "inputs" in document["components"]["schemas"][name]["properties"]
    assert {"404", "413", "422", "429", "503", "504"} <= post["responses"].keys()
    (tag,) = post["tags"]
    assert tag not in ("predict", "models")
