"""Models of several labels a text and of many labels, through the whole application."""

from pathlib import Path

from tests.service.builders import publish_tiny
from tests.service.serving.apps import Connect, ask


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
