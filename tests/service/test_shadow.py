"""Shadows: answered unseen, on idle capacity."""

from collections.abc import Callable
from pathlib import Path

from fastapi.testclient import TestClient

from tests.service.builders import publish_tiny
from tests.service.test_lifecycle import eventually

Connect = Callable[..., TestClient]


def test_shadow_agreement_is_counted_by_label(models: Path, connect: Connect) -> None:
    """Each shadowed text is counted under the label that was answered, agreeing or not."""
    publish_tiny(models, "contrary", scores={"good": (2.0, -2.0), "bad": (2.0, -2.0)})
    (models / "routes.toml").write_text(
        'default = "student"\n[shadow.student]\nwith = "contrary"\nshare = 1.0\n'
    )
    client = connect()
    response = client.post("/predict", json={"inputs": ["good", "bad", "bad"]})
    assert {p["model"] for p in response.json()["predictions"]} == {"student"}
    prefix = 'stillhouse_shadow_total{agrees="%s",label="%s",model="student",shadow="contrary"} %s'

    def counted() -> bool:
        lines = client.get("/metrics").text
        return (prefix % ("false", "positive", "1.0") in _sorted(lines)) and (
            prefix % ("true", "negative", "2.0") in _sorted(lines)
        )

    eventually(counted)
    assert 'stillhouse_requests_total{model="contrary"' not in client.get("/metrics").text


def test_models_without_a_shadow_are_left_alone(models: Path, connect: Connect) -> None:
    """Only the route that has a shadow is shadowed."""
    (models / "routes.toml").write_text(
        'default = "teacher"\n[shadow.student]\nwith = "teacher"\nshare = 1.0\n'
    )
    client = connect()
    client.post("/predict", json={"inputs": "good"})
    assert "stillhouse_shadow_total{" not in client.get("/metrics").text


def _sorted(text: str) -> str:
    """Metrics with the labels of each line in alphabetical order."""
    lines = []
    for line in text.splitlines():
        name, brace, rest = line.partition("{")
        labels, closing, value = rest.rpartition("}")
        lines.append(name + brace + ",".join(sorted(labels.split(","))) + closing + value)
    return "\n".join(lines)
