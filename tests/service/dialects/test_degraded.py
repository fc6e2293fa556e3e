"""How answers that a cascade gives under overload are told: in bodies, headers, metrics, logs."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient

from service.repository.routes import Target
from tests.service.builders import write_cascade
from tests.service.serving.apps import SURE, UNSURE
from tests.service.telemetry.builders import value

TEXTS = [SURE, UNSURE, "bad bad bad", "film"]
HEADER = "x-stillhouse-degraded"


@pytest.fixture
def client(models: Path, connect: Callable[..., TestClient]) -> Iterator[TestClient]:
    """Of a service whose teacher has more to do than any deadline allows."""
    write_cascade(models, threshold=0.9, overload="answer", objective_ms=60_000)
    client = connect()
    registry = client.app.state.service.registry  # type: ignore[attr-defined]  # Starlette's app
    teacher = registry.find(Target("teacher", 1)).loaded
    before = teacher.batcher.token_seconds
    teacher.admission.tokens, teacher.batcher.token_seconds = 1000.0, 1000.0
    yield client
    teacher.admission.tokens, teacher.batcher.token_seconds = 0.0, before


def ask(client: TestClient, path: str, body: Any) -> Any:
    """The response to a request that is answered."""
    response = client.post(path, json=body)
    assert response.status_code == 200, response.text
    return response


def test_predict_marks_each_text(client: TestClient) -> None:
    """Those that are degraded, and of the same route those that are not."""
    response = ask(client, "/predict", {"inputs": TEXTS, "model": "auto"})
    found = response.json()["predictions"]
    assert [one["degraded"] for one in found] == [False, True, False, True]
    assert [one["model"] for one in found] == ["student"] * 4
    assert response.headers[HEADER] == "1,3"


def test_other_answers_have_no_such_field(client: TestClient) -> None:
    """Of a model by its name; and no header where nothing is degraded."""
    response = ask(client, "/predict", {"inputs": TEXTS, "model": "student"})
    assert not any("degraded" in one for one in response.json()["predictions"])
    assert HEADER not in response.headers
    assert HEADER not in ask(client, "/predict", {"inputs": SURE, "model": "auto"}).headers


def test_cascades_that_refuse_say_so(models: Path, connect: Callable[..., TestClient]) -> None:
    """As before: their answers have no new field, and are all the last model's where unsure."""
    write_cascade(models, threshold=0.9)
    client = connect()
    (found,) = ask(client, "/predict", {"inputs": UNSURE, "model": "auto"}).json()["predictions"]
    assert found["model"] == "teacher"
    assert "degraded" not in found
    (cascade,) = client.get("/models").json()["cascades"]
    assert (cascade["overload"], cascade["objective_ms"]) == ("refuse", None)


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/models/auto", {"inputs": TEXTS}),
        ("/tei/predict?model=auto", {"inputs": [[text] for text in TEXTS]}),
        (
            "/v2/models/auto/infer",
            {
                "inputs": [
                    {"name": "text", "datatype": "BYTES", "shape": [len(TEXTS)], "data": TEXTS}
                ]
            },
        ),
    ],
    ids=["Hugging Face", "TEI", "Open Inference Protocol"],
)
def test_other_dialects_have_a_header(client: TestClient, path: str, body: Any) -> None:
    """Their bodies have no place for it."""
    assert ask(client, path, body).headers[HEADER] == "1,3"


def test_models_says_what_a_degraded_answer_is_worth(client: TestClient) -> None:
    """The accuracy of the curve where no text goes on."""
    (cascade,) = client.get("/models").json()["cascades"]
    assert (cascade["overload"], cascade["objective_ms"]) == ("answer", 60_000)
    assert cascade["accuracy_degraded"] == 0.88


def test_they_are_counted(client: TestClient) -> None:
    """By route, in the metrics and in the figures of the last minute."""
    ask(client, "/predict", {"inputs": SURE, "model": "auto"})
    assert value(client.get("/metrics").content, "degraded_total", model="auto") == 0.0
    ask(client, "/predict", {"inputs": TEXTS, "model": "auto"})
    ask(client, "/predict", {"inputs": TEXTS, "model": "student"})
    found = client.get("/metrics").content
    assert value(found, "degraded_total", model="auto") == 2.0
    assert value(found, "degraded_total", model="student") is None
    assert client.get("/stats").json()["routes"]["auto"]["degraded_share"] == 0.4


def test_they_are_in_the_document(client: TestClient) -> None:
    """The field, and the header of every dialect."""
    document = client.get("/openapi.json").json()
    assert (
        "overload"
        in document["components"]["schemas"]["Prediction"]["properties"]["degraded"]["description"]
    )
    for path in ("/predict", "/models/{name}", "/tei/predict"):
        answer = document["paths"][path]["post"]["responses"]["200"]
        assert "X-Stillhouse-Degraded" in answer["headers"]
