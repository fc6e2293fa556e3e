"""Multi-label models and regressions in every dialect: what is given, and what a number is."""

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from fastapi.testclient import TestClient
from pydantic import TypeAdapter
from tritonclient import http as triton

from service.api.models import ModelInfo
from service.api.schemas import PredictResponse
from tests.service.builders import publish_tiny, write_cascade

Connect = Callable[..., TestClient]

pytestmark = pytest.mark.usefixtures("heads")


@pytest.fixture
def heads(models: Path) -> Path:
    """Beside the others `topics`, of two labels over and one under its threshold, and `stars`."""
    publish_tiny(
        models,
        "topics",
        labels=("a", "b", "c"),
        scores={"good": (1.0, 2.0, -3.0), "bad": (-4.0, -4.0, -4.0), "fine": (-1.0, -4.0, -1.0)},
        problem_type="multi_label",
        thresholds=(0.8, 0.5, 0.2),
    )
    publish_tiny(
        models,
        "stars",
        labels=("stars",),
        scores={"good": (2.5,), "bad": (-1.25,)},
        problem_type="regression",
    )
    return models


def sigmoid(logit: float) -> float:
    """The logistic function."""
    return 1 / (1 + math.exp(-logit))


def tensors(client: TestClient, model: str, *texts: str, **more: Any) -> dict[str, Any]:
    """The outputs of an inference by name, or what is wrong."""
    tensor = {"name": "text", "shape": [len(texts)], "datatype": "BYTES", "data": [*texts]}
    body = client.post(f"/v2/models/{model}/infer", json={"inputs": [tensor], **more}).json()
    if "error" in body:
        return dict(body)
    return {output["name"]: (output["shape"], output["data"]) for output in body["outputs"]}


def test_predict_gives_a_number_alone(connect: Connect) -> None:
    """No label, no scores and no confidence; raw or not, and whatever `top_k`."""
    client = connect()
    body = {"inputs": ["good good", "bad"], "model": "stars"}
    response = client.post("/predict", json=body).json()
    good, bad = response["predictions"]
    assert good == {
        "score": 5.0, "model": "stars", "version": 1,
        "escalated": False, "tokens": 4, "truncated": False,
    }  # fmt: skip
    assert bad["score"] == -1.25
    again = client.post("/predict", json={**body, "raw_scores": True, "top_k": 1}).json()
    assert again["predictions"] == [good, bad]
    read = PredictResponse.model_validate(response)
    assert [one.label for one in read.predictions] == [None, None]


@pytest.mark.parametrize(
    ("function", "score"), [(None, 5.0), ("none", 5.0), ("sigmoid", sigmoid(5)), ("softmax", 1.0)]
)
def test_hf_gives_what_the_pipeline_gives(
    connect: Connect, function: str | None, score: float
) -> None:
    """A list of one label with the number, unless another function is asked for."""
    parameters = {"function_to_apply": function, "top_k": 5}
    body = {"inputs": "good good", "parameters": parameters}
    (found,) = connect().post("/models/stars", json=body).json()
    assert found == [{"label": "stars", "score": pytest.approx(score, abs=1e-6)}]


def test_tei_makes_a_share_of_one_logit(connect: Connect) -> None:
    """As TEI does; the number itself is its raw score."""
    client = connect()
    (found,) = client.post("/tei/predict?model=stars", json={"inputs": "good"}).json()
    assert found == {"label": "stars", "score": pytest.approx(sigmoid(2.5), abs=1e-6)}
    body = {"inputs": [["good"], ["bad"]], "raw_scores": True}
    batch = client.post("/tei/predict?model=stars", json=body).json()
    assert batch == [[{"label": "stars", "score": 2.5}], [{"label": "stars", "score": -1.25}]]
    labels = client.get("/tei/info?model=stars").json()["model_type"]["classifier"]
    assert labels == {"id2label": {"0": "stars"}, "label2id": {"stars": 0}}


def test_oip_gives_a_number_alone(connect: Connect) -> None:
    """`score` is all there is, in the metadata and in answers; another output is refused."""
    client = connect()
    metadata = client.get("/v2/models/stars").json()
    assert metadata["outputs"] == [{"name": "score", "datatype": "FP32", "shape": [-1]}]
    assert metadata["parameters"]["problem_type"] == "regression"
    assert tensors(client, "stars", "good", "bad") == {"score": ([2], [2.5, -1.25])}
    refused = tensors(client, "stars", "good", outputs=[{"name": "label"}])
    assert refused["error"] == "stars has no output 'label': there are ['score']"


def test_predict_gives_what_reaches_its_threshold(connect: Connect) -> None:
    """Each label by its own: the best may not be given, and `top_k` takes none of them away."""
    body = {"inputs": ["good", "bad", "fine"], "model": "topics", "top_k": 1}
    found = connect().post("/predict", json=body).json()["predictions"]
    assert [one["labels"] for one in found] == [["b"], [], ["c"]]
    assert [one["label"] for one in found] == ["b", "a", "a"]


def test_oip_says_which_labels_are_given(connect: Connect) -> None:
    """Beside the scores, in the order of the labels; a model of one label a text has no such."""
    client = connect()
    given = {"name": "given", "datatype": "BOOL", "shape": [-1, 3]}
    assert client.get("/v2/models/topics").json()["outputs"][-1] == given
    config = client.get("/v2/models/topics/config").json()["output"][-1]
    assert config == {"name": "given", "data_type": "TYPE_BOOL", "dims": [-1, 3]}
    found = tensors(client, "topics", "good", "fine")
    assert list(found) == ["label", "score", "scores", "given"]
    assert found["given"] == ([2, 3], [False, True, False, False, False, True])
    refused = tensors(client, "student", "good", outputs=[{"name": "given"}])
    assert refused["error"].startswith("student has no output 'given': there are ['label', 'score'")


def test_triton_reads_given_labels(live: str) -> None:
    """Its own client, in binary and in JSON."""
    texts = triton.InferInput("text", [1], "BYTES")
    texts.set_data_from_numpy(np.array(["good"], dtype=np.object_))
    with triton.InferenceServerClient(live.removeprefix("http://")) as server:
        for binary in (True, False):
            wanted = [triton.InferRequestedOutput("given", binary_data=binary)]
            found = server.infer("topics", [texts], outputs=wanted).as_numpy("given")
            assert (found.dtype, found.tolist()) == (np.bool_, [[False, True, False]])
        assert server.infer("stars", [texts]).as_numpy("score").tolist() == [2.5]


def test_models_are_described(connect: Connect) -> None:
    """With the thresholds by which labels are given, and their problem."""
    client = connect()
    topics, stars, student = (
        TypeAdapter(ModelInfo).validate_python(client.get(f"/models/{name}").json())
        for name in ("topics", "stars", "student")
    )
    assert topics.thresholds == {"a": 0.8, "b": 0.5, "c": 0.2}
    assert (stars.problem_type, stars.labels, stars.thresholds) == ("regression", ["stars"], None)
    assert student.thresholds is None


def test_a_number_has_no_label_and_no_confidence_in_metrics(heads: Path, connect: Connect) -> None:
    """Its texts are counted; shadows agree within a tolerance."""
    publish_tiny(heads, "close", labels=("stars",), problem_type="regression",
                 scores={"good": (2.6,), "bad": (-1.0,)})  # fmt: skip
    routes = heads / "routes.toml"
    routes.write_text(f'{routes.read_text()}[shadow.stars]\nwith = "close"\nshare = 1.0\n')
    client = connect()
    client.post("/predict", json={"inputs": ["good", "bad"], "model": "stars"})
    text = ""
    for _ in range(500):
        text = client.get("/metrics").text
        if text.count("stillhouse_shadow_total{") == 2:
            break
    assert 'stillhouse_texts_total{model="stars",version="1"} 2.0' in text
    assert 'stillhouse_labels_total{label="stars"' not in text
    assert 'stillhouse_confidence_count{model="stars"' not in text
    shadow = 'model="stars",shadow="close"} 1.0'
    assert f'stillhouse_shadow_total{{agrees="true",label="number",{shadow}' in text
    assert f'stillhouse_shadow_total{{agrees="false",label="number",{shadow}' in text


def test_a_regression_in_a_cascade_is_refused(models: Path, connect: Connect) -> None:
    """With a sentence; the last model alone answers what had been in force."""
    for name in ("student", "teacher"):
        publish_tiny(models, f"{name}s-stars", labels=("stars",), problem_type="regression",
                     scores={"good": (1.0,)})  # fmt: skip
    write_cascade(models)
    routes = models / "routes.toml"
    asked = routes.read_text().replace('"student"', '"students-stars"')
    asked = asked.replace("models.student]", "models.students-stars]")
    client = connect(admin_key="secret")
    routes.write_text(asked)
    client.post("/admin/reload", headers={"Authorization": "Bearer secret"})
    problem, _ = client.get("/models").json()["problems"]  # and of unlike kinds
    assert problem.startswith("not in force: cascade 'auto' asks 'students-stars', a regression")
    started = connect()
    assert "cascade 'auto' asks 'students-stars'" in started.get("/models").json()["problems"][0]
    (cascade,) = started.get("/models").json()["cascades"]
    assert cascade["stale"] is not None
    (found,) = started.post("/predict", json={"inputs": "good"}).json()["predictions"]
    assert (found["model"], found["label"]) == ("teacher", "positive")
