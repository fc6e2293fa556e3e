"""Routes: aliases, cascades, and cascades that are not trusted."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import tomli_w
from fastapi.testclient import TestClient

from service.repository.manifest import file_sha256
from tests.service.builders import publish_tiny

Connect = Callable[..., TestClient]
WEAK = {"good": (0.0, 1.0), "bad": (1.0, 0.0)}  # sure of "good good good", not of "good"


def write_routes(root: Path, **changes: Any) -> None:
    """Routes with a cascade `auto` from student to teacher, fitted on version 1 of both."""
    cascade = {
        "chain": ["student", "teacher"],
        "hops": [{"threshold": 0.9, "escalated": 0.25}],
        "models": {
            name: {"version": 1, "sha256": file_sha256(root / name / "1" / "model.onnx")}
            for name in ("student", "teacher")
        },
        "fit": {
            "method": "test",
            "data_sha256": "0" * 64,
            "n": 100,
            "max_accuracy_loss": 0.01,
            "confidence": 0.95,
            "accuracy_loss_bound": 0.009,
            "accuracy": 0.9,
            "last_accuracy": 0.9,
        },
    }
    values = {"default": "auto", "cascade": {"auto": cascade}, "aliases": {"prod": "teacher@1"}}
    (root / "routes.toml").write_text(tomli_w.dumps({**values, **changes}))


def ask(client: TestClient, inputs: str | list[str], model: str | None = None) -> list[Any]:
    """The predictions for `inputs`."""
    response = client.post("/predict", json={"inputs": inputs, "model": model})
    assert response.status_code == 200, response.text
    found: list[Any] = response.json()["predictions"]
    return found


def test_only_unsure_texts_go_on(models: Path, connect: Connect) -> None:
    """Of one request, the texts that the student is sure of stay with it; the others go on."""
    write_routes(models)
    client = connect()
    found = ask(client, ["good good good", "good", "bad bad bad", "film"])
    assert [one["model"] for one in found] == ["student", "teacher", "student", "teacher"]
    assert [one["escalated"] for one in found] == [False, True, False, True]
    assert [one["label"] for one in found[:3]] == ["positive", "positive", "negative"]
    text = client.get("/metrics").text
    assert 'stillhouse_escalated_total{model="auto"} 2.0' in text
    assert 'stillhouse_texts_total{model="auto"} 4.0' in text
    assert 'stillhouse_requests_total{model="auto",status="200"} 1.0' in text


def test_chain_of_three(models: Path, connect: Connect) -> None:
    """A text goes as far along a chain as it takes for somebody to be sure."""
    publish_tiny(models, "middle", scores={"good": (0.0, 1.5), "bad": (1.5, 0.0)})
    write_routes(models)
    import tomllib

    values = tomllib.loads((models / "routes.toml").read_text())
    auto = values["cascade"]["auto"]
    auto["chain"] = ["student", "middle", "teacher"]
    auto["hops"] = [{"threshold": 0.9, "escalated": 0.5}, {"threshold": 0.9, "escalated": 0.2}]
    auto["models"]["middle"] = {
        "version": 1,
        "sha256": file_sha256(models / "middle" / "1" / "model.onnx"),
    }
    (models / "routes.toml").write_text(tomli_w.dumps(values))
    found = ask(connect(), ["good good good", "good good", "good"])
    assert [one["model"] for one in found] == ["student", "middle", "teacher"]


def test_alias(models: Path, connect: Connect) -> None:
    """An alias stands for the model it names, pinned version and all."""
    write_routes(models)
    (found,) = ask(connect(), "good", "prod")
    assert (found["model"], found["version"]) == ("teacher", 1)


def test_stale_cascade_is_not_trusted(
    models: Path, connect: Connect, caplog: pytest.LogCaptureFixture
) -> None:
    """With another version than the fitted one the last model answers all, and it is said."""
    write_routes(models)
    publish_tiny(models, "student", 2, scores=WEAK)
    client = connect()
    found = ask(client, ["good good good", "good"])
    assert [(one["model"], one["escalated"]) for one in found] == [("teacher", False)] * 2
    (cascade,) = client.get("/models").json()["cascades"]
    assert cascade["stale"] == "student serves version 2, fitted was version 1"
    ask(client, "good")
    said = [record for record in caplog.records if record.message == "cascade"]
    assert [vars(record)["not_trusted"] for record in said] == [cascade["stale"]]


def test_same_version_with_other_weights_is_stale(models: Path, connect: Connect) -> None:
    """A version that was published anew under its number is not the one that was fitted."""
    write_routes(models)
    import shutil

    shutil.rmtree(models / "student" / "1")
    publish_tiny(models, "student", 1, scores={"good": (0.0, 9.0)})
    (found,) = ask(connect(), "good")
    assert found["model"] == "teacher"


def test_cascade_with_unloaded_student_still_answers(models: Path, connect: Connect) -> None:
    """When the cheap model is taken out of service, the last one answers."""
    write_routes(models)
    client = connect(admin_key="key")
    headers = {"Authorization": "Bearer key"}
    assert client.post("/admin/models/student/unload", headers=headers).status_code == 200
    (found,) = ask(client, "good good good")
    assert found["model"] == "teacher"


def test_multi_label_gives_every_label_over_its_threshold(models: Path, connect: Connect) -> None:
    """A multi-label model answers with sigmoid scores and all labels over their thresholds."""
    publish_tiny(
        models,
        "topics",
        labels=("a", "b", "c"),
        scores={"good": (2.0, 2.0, -2.0), "bad": (-4.0, -4.0, -4.0)},
        problem_type="multi_label",
        thresholds=(0.5, 0.9, 0.5),
    )
    client = connect()
    both, none = ask(client, ["good", "bad"], "topics")
    assert both["labels"] == ["a"]
    assert both["scores"] == {"a": 0.880797, "b": 0.880797, "c": 0.119203}
    assert none["labels"] == []
    assert sum(both["scores"].values()) > 1
    assert "labels" not in ask(client, "good", "student")[0]


def test_many_classes(models: Path, connect: Connect) -> None:
    """A model of 150 classes answers with all of them, the best first."""
    labels = [f"class-{index}" for index in range(150)]
    scores = {"good": [float(index) / 10 for index in range(150)]}
    publish_tiny(models, "intents", labels=labels, scores=scores)
    (found,) = ask(connect(), "good", "intents")
    assert found["label"] == "class-149"
    assert list(found["scores"])[:2] == ["class-149", "class-148"]
    assert len(found["scores"]) == 150
