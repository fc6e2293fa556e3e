"""Shadows: answered unseen, on idle capacity."""

from pathlib import Path

import pytest
from fastapi.testclient import TestClient
from prometheus_client.parser import text_string_to_metric_families

from tests.service.builders import publish_tagger, publish_tiny, write_cascade
from tests.service.embedders import PROMPTS, TABLE, expected, publish_embedder
from tests.service.serving.apps import WEAK, Connect, ask, eventually


def shadowed(client: TestClient) -> dict[tuple[str, str, str, bool], int]:
    """How many texts were answered again, by model, shadow, label and agreement."""
    return {
        (at["model"], at["shadow"], at["label"], at["agrees"] == "true"): int(value)
        for family in text_string_to_metric_families(client.get("/metrics").text)
        for name, at, value, *_ in family.samples
        if name == "stillhouse_shadow_total"
    }


def route_shadow(models: Path, route: str, with_: str) -> None:
    """Has all requests of a route shadowed; the other routes stay."""
    path = models / "routes.toml"
    shadow = f'[shadow.{route}]\nwith = "{with_}"\nshare = 1.0\n'
    path.write_text(f"{path.read_text()}\n{shadow}")


def test_agreement_is_counted_by_label(models: Path, connect: Connect) -> None:
    """Each shadowed text is counted under the label that was answered, agreeing or not."""
    publish_tiny(models, "contrary", scores={"good": (2.0, -2.0), "bad": (2.0, -2.0)})
    route_shadow(models, "student", "contrary")
    client = connect()
    assert {one["model"] for one in ask(client, ["good", "bad", "bad"])} == {"student"}
    expected = {
        ("student", "contrary", "positive", False): 1,
        ("student", "contrary", "negative", True): 2,
    }
    eventually(lambda: shadowed(client) == expected)
    assert 'stillhouse_requests_total{model="contrary"' not in client.get("/metrics").text


@pytest.mark.parametrize(("sign", "agrees"), [(1, True), (-1, False)])
def test_embeddings_agree_where_they_are_near(
    models: Path, connect: Connect, sign: int, agrees: bool
) -> None:
    """The shadow reads what the model read: the prompt of the request before the text too."""
    publish_embedder(models, prompts=PROMPTS)
    publish_embedder(models, "copy", table=sign * TABLE, prompts=PROMPTS)
    without, with_prompt = expected("bad"), expected("fine bad")
    assert without @ with_prompt < 0.95  # or one could not tell
    route_shadow(models, "embedder", "copy")
    client = connect()
    asked = {"inputs": "bad", "model": "embedder", "prompt_name": "query"}
    assert client.post("/predict", json=asked).status_code == 200
    eventually(lambda: shadowed(client) == {("embedder", "copy", "embedding", agrees): 1})


def test_an_alias_may_have_a_shadow(models: Path, connect: Connect) -> None:
    """What is asked for by it alone: the model by its own name has none."""
    path = models / "routes.toml"
    path.write_text(f'{path.read_text()}\n[aliases]\nlive = "student@1"\n')
    route_shadow(models, "live", "teacher")
    client = connect()
    client.post("/predict", json={"model": "student", "inputs": "good"})
    client.post("/predict", json={"model": "live", "inputs": "bad"})
    eventually(lambda: bool(shadowed(client)))
    assert sum(shadowed(client).values()) == 1


def test_models_without_a_shadow_are_left_alone(models: Path, connect: Connect) -> None:
    """Only the route that has a shadow is shadowed."""
    route_shadow(models, "student", "teacher")
    client = connect()
    ask(client, "bad", "teacher")
    ask(client, "good", "student")
    eventually(lambda: bool(shadowed(client)))
    assert shadowed(client) == {("student", "teacher", "positive", True): 1}


@pytest.mark.parametrize("shadow", ["prod", "auto", "teacher@1"])
def test_shadow_may_be_an_alias_a_cascade_or_a_version(
    models: Path, connect: Connect, shadow: str
) -> None:
    """All that a request may name."""
    write_cascade(models, threshold=0.9)
    path = models / "routes.toml"
    path.write_text(f'aliases = {{ prod = "teacher" }}\n{path.read_text()}')
    route_shadow(models, "student", shadow)
    client = connect()
    assert client.get("/models").json()["problems"] == []
    ask(client, ["good", "bad"], "student")
    expected = {
        ("student", shadow, "positive", True): 1,
        ("student", shadow, "negative", True): 1,
    }
    eventually(lambda: shadowed(client) == expected)


@pytest.mark.parametrize("named", ["auto", "prod"])
def test_cascade_may_have_a_shadow(models: Path, connect: Connect, named: str) -> None:
    """Asked for by its name or by an alias; counted under the model that answered."""
    write_cascade(models, threshold=0.9)
    publish_tiny(models, "candidate", scores=WEAK)
    path = models / "routes.toml"
    path.write_text(f'aliases = {{ prod = "auto" }}\n{path.read_text()}')
    route_shadow(models, "auto", "candidate")
    client = connect()
    ask(client, ["good good good", "bad"], named)
    expected = {
        ("student", "candidate", "positive", True): 1,
        ("teacher", "candidate", "negative", True): 1,
    }
    eventually(lambda: shadowed(client) == expected)


def test_several_labels_agree_when_all_do(models: Path, connect: Connect) -> None:
    """Not the first of them alone; metrics do not grow with their combinations."""
    no = -9.0
    alike = {"fine": (no, 9, no), "film": (no, no, no)}
    for name, scores in (
        ("topics", {"good": (9, 1, no), "bad": (1, 9, no)}),
        ("others", {"good": (9, no, no), "bad": (9, 1, no)}),
    ):
        publish_tiny(
            models,
            name,
            labels=("a", "b", "c"),
            problem_type="multi_label",
            scores={**scores, **alike},
        )
    route_shadow(models, "topics", "others")
    client = connect()
    found = ask(client, ["good", "bad", "fine", "film"], "topics")
    assert [sorted(one["labels"]) for one in found] == [["a", "b"], ["a", "b"], ["b"], []]
    expected = {
        ("topics", "others", "several", False): 1,  # the top label is the same
        ("topics", "others", "several", True): 1,  # the top label is another
        ("topics", "others", "b", True): 1,
        ("topics", "others", "none", True): 1,
    }
    eventually(lambda: shadowed(client) == expected)


def test_shadow_that_cannot_answer_is_told_and_disturbs_nobody(
    models: Path, connect: Connect
) -> None:
    """Its texts are counted as dropped."""
    publish_tiny(models, "candidate")
    (models / "candidate" / "1" / "model.onnx").unlink()
    route_shadow(models, "student", "candidate")
    client = connect()
    assert ask(client, ["good", "bad"])[0]["model"] == "student"
    line = 'stillhouse_shadow_dropped_total{model="student",shadow="candidate"} 2.0'
    eventually(lambda: line in client.get("/metrics").text)
    assert shadowed(client) == {}


def test_shadow_of_another_task_is_told_and_asked_nothing(models: Path, connect: Connect) -> None:
    """A tagger cannot say whether it agrees on a text's label."""
    publish_tagger(models)
    route_shadow(models, "student", "tagger")
    client = connect()
    (problem,) = client.get("/models").json()["problems"]
    assert problem.startswith("shadow of 'student', text-classification (single_label): 'tagger'")
    ask(client, "good", "student")
    line = 'stillhouse_shadow_dropped_total{model="student",shadow="tagger"} 1.0'
    eventually(lambda: line in client.get("/metrics").text)
    assert shadowed(client) == {}
