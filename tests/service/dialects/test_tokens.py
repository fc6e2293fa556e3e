"""Taggers in every dialect: entities, with their characters in the user's own text."""

import json
import math
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx2
import huggingface_hub
import numpy as np
import pytest
from fastapi.testclient import TestClient
from huggingface_hub.utils import _http
from tritonclient import http as triton

from service.api.schemas import PredictResponse
from tests.service.builders import publish_tagger, write_cascade

Connect = Callable[..., TestClient]
TEXT = "  good bad 🎬 film\n fine good"
SURE = math.exp(3) / (math.exp(3) + 4)
UNSURE = math.exp(1) / (math.exp(1) + 4)
FOUND = [("PER", 2, 10, SURE), ("LOC", 13, 17, UNSURE), ("PER", 24, 28, SURE)]

pytestmark = pytest.mark.usefixtures("tagger")


@pytest.fixture
def tagger(models: Path) -> Path:
    """Beside the classifiers `tagger`: "good bad" is one entity, "film" another kind."""
    publish_tagger(models)
    return models


@pytest.fixture
def hub(live: str) -> Iterator[Any]:
    """Hugging Face's own client of the live server."""
    before = _http._GLOBAL_CLIENT_FACTORY
    huggingface_hub.set_client_factory(lambda: httpx2.Client(trust_env=False))
    yield huggingface_hub.InferenceClient(f"{live}/models/tagger")
    huggingface_hub.set_client_factory(before)


def predict(client: TestClient, **body: Any) -> Any:
    """What `/predict` answers."""
    return client.post("/predict", json={"model": "tagger", **body})


def test_predict(connect: Connect) -> None:
    """Each text has its entities, perhaps none, and how sure the model is of the least sure one."""
    response = predict(connect(), inputs=[TEXT, "fine", "so fine"]).json()
    first, second, third = response["predictions"]
    assert first == {
        "entities": [
            {"label": label, "score": pytest.approx(score, abs=1e-6), "text": TEXT[start:end],
             "start": start, "end": end}
            for label, start, end, score in FOUND
        ],
        "confidence": pytest.approx(UNSURE, abs=1e-6),
        "model": "tagger", "version": 1, "escalated": False, "tokens": 8, "truncated": False,
    }  # fmt: skip
    assert second["entities"] == third["entities"] == []
    assert second["confidence"] == third["confidence"] == pytest.approx(SURE, abs=1e-6)
    read = PredictResponse.model_validate(response)
    assert read.predictions[0].entities is not None
    assert [one.text for one in read.predictions[0].entities] == ["good bad", "film", "good"]


def test_aggregation(connect: Connect) -> None:
    """A null is the default; with none each token is told of by itself."""
    client = connect()

    def labels(aggregation: str | None) -> list[str]:
        (found,) = predict(client, inputs=TEXT, aggregation=aggregation).json()["predictions"]
        return [one["label"] for one in found["entities"]]

    assert labels("none") == ["B-PER", "I-PER", "B-LOC", "B-PER"]
    assert labels(None) == labels("simple") == labels("max") == ["PER", "LOC", "PER"]


@pytest.mark.parametrize(
    ("body", "detail"),
    [
        ({"top_k": 1}, "top_k"),
        ({"raw_scores": True}, "raw_scores"),
        ({"normalize": True}, "normalize"),
        ({"aggregation": "some"}, "aggregation"),
        ({"aggregation": "max", "model": "teacher"}, "aggregation"),
    ],
)
def test_parameters_of_other_tasks(connect: Connect, body: dict[str, Any], detail: str) -> None:
    """They are refused, and not ignored."""
    response = predict(connect(), inputs="good", **body)
    assert response.status_code == 422
    assert detail in response.text


def test_hub_client(hub: Any) -> None:
    """`token_classification` gets what transformers' pipeline gives."""
    found = hub.token_classification(TEXT)
    assert [(one.entity_group, one.start, one.end) for one in found] == [one[:3] for one in FOUND]
    assert [one.score for one in found] == pytest.approx([one[3] for one in FOUND])
    assert [one.word for one in found] == ["good bad", "film", "good"]
    assert [one.entity for one in found] == [None] * 3


def test_hub_client_chooses(hub: Any) -> None:
    """Aggregation and ignored labels are the caller's."""
    found = hub.token_classification(TEXT, aggregation_strategy="none")
    assert [(one.entity, one.word, one.index) for one in found] == [
        ("B-PER", "good", 1), ("I-PER", "bad", 2), ("B-LOC", "film", 4), ("B-PER", "good", 6)
    ]  # fmt: skip
    assert [one.entity_group for one in found] == [None] * 4
    rest = hub.token_classification(TEXT, aggregation_strategy="first", ignore_labels=["PER"])
    assert [(one.entity_group, one.word) for one in rest] == [
        ("O", "🎬"), ("LOC", "film"), ("O", "fine")
    ]  # fmt: skip


def test_several_texts_of_the_hub(connect: Connect) -> None:
    """A list a text, as the pipeline answers a list of texts."""
    found = connect().post("/models/tagger", json={"inputs": ["good", "fine"]}).json()
    assert [[one["entity_group"] for one in each] for each in found] == [["PER"], []]


def test_open_inference(live: str) -> None:
    """`entities` is a list in JSON for each text, as `/predict` has it."""
    with triton.InferenceServerClient(live.removeprefix("http://")) as client:
        assert client.get_model_metadata("tagger")["outputs"] == [
            {"name": "entities", "datatype": "BYTES", "shape": [-1]}
        ]
        tensor = triton.InferInput("text", [2], "BYTES")
        tensor.set_data_from_numpy(np.array([TEXT, "fine"], dtype=np.object_))
        found = client.infer("tagger", [tensor], parameters={"aggregation": "none"})
        first, second = [json.loads(one) for one in found.as_numpy("entities")]
    assert [one["label"] for one in first] == ["B-PER", "I-PER", "B-LOC", "B-PER"]
    assert [one["text"] for one in first] == ["good", "bad", "film", "good"]
    assert second == []


def test_open_inference_refuses_parameters_of_other_tasks(connect: Connect) -> None:
    """As `/predict` does."""
    client = connect()
    tensor = {"name": "text", "shape": [1], "datatype": "BYTES", "data": ["good"]}
    for model, parameters in (("tagger", {"top_k": 1}), ("teacher", {"aggregation": "max"})):
        body = {"inputs": [tensor], "parameters": parameters}
        response = client.post(f"/v2/models/{model}/infer", json=body)
        assert response.status_code == 400
        assert response.json()["error"].startswith(f"{next(iter(parameters))}: {model} is a ")


def test_text_embeddings_inference_has_no_taggers(connect: Connect) -> None:
    """It says so in its own form."""
    response = connect().post("/tei/predict?model=tagger", json={"inputs": "good"})
    assert response.status_code == 424
    assert response.json()["error_type"] == "Backend"
    assert "token-classification" in response.json()["error"]


def test_a_cascade_goes_on_with_the_least_sure_entity(tmp_path: Path, connect: Connect) -> None:
    """One that the first is unsure of is enough; where there is none, an unsure token is."""
    root = tmp_path / "taggers"
    publish_tagger(root, "student")
    publish_tagger(root, "teacher", scores={"good": (9.0, 0.0, 0.0, 0.0, 0.0)})
    write_cascade(root, threshold=0.8)
    client = connect(models=root)
    inputs = ["good bad", "good film", "fine", "fine [PAD]"]
    found = predict(client, model="auto", inputs=inputs).json()["predictions"]
    assert [one["model"] for one in found] == ["student", "teacher", "student", "teacher"]
    assert [one["escalated"] for one in found] == [False, True, False, True]
    assert [[entity["label"] for entity in one["entities"]] for one in found] == [
        ["PER"], [], [], []
    ]  # fmt: skip


def test_a_pair_is_refused(connect: Connect) -> None:
    """A tagger reads one text."""
    response = predict(connect(), inputs={"text": "good", "text_pair": "bad"})
    assert response.status_code == 422
    assert "pair" in response.json()["detail"]


LONG = " ".join(["good bad", *["🎬 fine"] * 20, "film", *["fine"] * 9, "good"])


def test_long_texts(connect: Connect) -> None:
    """Cut unless told otherwise; in windows every entity is found, where it stands in the text."""
    client = connect()
    (cut,) = predict(client, inputs=LONG).json()["predictions"]
    assert (cut["truncated"], [one["text"] for one in cut["entities"]]) == (True, ["good bad"])
    for stride in (0, 1, 4, 13):
        body = {"inputs": [LONG, "good"], "windows": {"stride": stride}}
        found, short = predict(client, **body).json()["predictions"]
        assert [one["text"] for one in found["entities"]] == ["good bad", "film", "good"]
        assert [LONG[one["start"] : one["end"]] for one in found["entities"]] == [
            "good bad", "film", "good"
        ]  # fmt: skip
        assert not found["truncated"]
        assert found["windows"] > 3
        assert (short["windows"], short["entities"][0]["text"]) == (1, "good")
    assert predict(client, inputs=LONG, windows={"stride": 14}).status_code == 422


def test_windows_by_open_inference(connect: Connect) -> None:
    """Its parameters are no objects: the stride is one, and so is the pooling."""
    client = connect()
    tensor = {"name": "text", "shape": [1], "datatype": "BYTES", "data": [LONG]}

    def infer(**parameters: object) -> Any:
        body = {"inputs": [tensor], "parameters": parameters}
        return client.post("/v2/models/tagger/infer", json=body)

    def found(**parameters: object) -> list[str]:
        (told,) = infer(**parameters).json()["outputs"][0]["data"]
        return [one["text"] for one in json.loads(told)]

    assert found(windows_stride=4, windows_pooling="max") == ["good bad", "film", "good"]
    assert found(windows=False) == found(windows_stride=None) == ["good bad"]
    for wrong, says in (
        ({"windows_stride": 14}, "is too much"),
        ({"windows_stride": "4"}, "parameters.windows_stride: Input should be a valid integer"),
        ({"windows_pooling": "max"}, "windows_pooling: it needs windows_stride"),
        ({"windows": False, "windows_stride": 4}, "windows: false, and"),
        ({"windows_stride": 4, "windows_pooling": "sum"}, "parameters.windows_pooling: "),
    ):
        refused = infer(**wrong)
        assert refused.status_code == 400
        assert says in refused.json()["error"]


def test_hub_client_reads_windows(hub: Any, connect: Connect) -> None:
    """With `stride`, which means nothing to a model of another task."""
    found = hub.token_classification(LONG, aggregation_strategy="max", stride=2)
    assert [(one.word, LONG[one.start : one.end]) for one in found] == [
        ("good bad",) * 2, ("film",) * 2, ("good",) * 2
    ]  # fmt: skip
    body = {"inputs": "good", "parameters": {"stride": 2}}
    assert connect().post("/models/teacher", json=body).status_code == 200
