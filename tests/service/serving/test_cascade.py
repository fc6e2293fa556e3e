"""Cascades: who is asked, who answers, and when a fit is not trusted."""

import tomllib
from collections.abc import Callable
from pathlib import Path

import pytest
import tomli_w

from service.repository.manifest import read_manifest
from tests.service.builders import (
    WORDS,
    edit_manifest,
    publish_tiny,
    word_tokenizer,
    write_cascade,
    write_manifest,
)
from tests.service.serving.apps import (
    KEY,
    SURE,
    UNSURE,
    WEAK,
    Connect,
    answering,
    ask,
    eventually,
    load,
    version,
)


@pytest.fixture
def cascade(models: Path) -> Path:
    """The repository with a cascade `auto`, fitted on version 1 of both models, the default."""
    write_cascade(models, threshold=0.9)
    return models


def test_only_unsure_texts_go_on(cascade: Path, connect: Connect) -> None:
    """Of one request, the texts that the student is sure of stay with it; the others go on."""
    assert cascade
    client = connect()
    found = ask(client, [SURE, UNSURE, "bad bad bad", "film"])
    assert [one["model"] for one in found] == ["student", "teacher", "student", "teacher"]
    assert [one["escalated"] for one in found] == [False, True, False, True]
    assert [one["label"] for one in found[:3]] == ["positive", "positive", "negative"]
    text = client.get("/metrics").text
    assert 'stillhouse_escalated_total{model="teacher",version="1"} 2.0' in text
    assert 'stillhouse_texts_total{model="student",version="1"} 2.0' in text
    assert 'stillhouse_requests_total{model="auto",status="200"} 1.0' in text


def test_chain_of_three(cascade: Path, connect: Connect) -> None:
    """A text goes as far along a chain as it takes for somebody to be sure."""
    publish_tiny(cascade, "middle", scores={"good": (0.0, 1.5), "bad": (1.5, 0.0)})
    values = tomllib.loads((cascade / "routes.toml").read_text())
    auto = values["cascade"]["auto"]
    auto["chain"] = ["student", "middle", "teacher"]
    auto["hops"] = [{"threshold": 0.9, "escalated": 0.5}, {"threshold": 0.9, "escalated": 0.2}]
    fingerprint = read_manifest(cascade / "middle" / "1").fingerprint
    auto["models"]["middle"] = {"version": 1, "sha256": fingerprint}
    (cascade / "routes.toml").write_text(tomli_w.dumps(values))
    found = answering(connect(), [SURE, "good good", UNSURE])
    assert found == ["student@1", "middle@1", "teacher@1"]


def test_alias(cascade: Path, connect: Connect) -> None:
    """An alias stands for the model it names, pinned version and all."""
    path = cascade / "routes.toml"
    path.write_text(f'aliases = {{ prod = "teacher@1" }}\n{path.read_text()}')
    publish_tiny(cascade, "teacher", 2)
    client = connect()
    assert answering(client, "good", "prod") == ["teacher@1"]
    assert answering(client, "good", "teacher") == ["teacher@2"]


@pytest.mark.parametrize("watched", [True, False])
def test_publishing_leaves_a_cascade_on_the_versions_it_was_fitted_on(
    cascade: Path, connect: Connect, watched: bool
) -> None:
    """Cheap texts stay cheap; the new versions serve by name, without disturbing `auto`."""
    client = connect(admin_key="key", watch_seconds=0.05 if watched else 0)
    assert answering(client, [SURE, UNSURE]) == ["student@1", "teacher@1"]
    for model in ("student", "teacher"):
        publish_tiny(cascade, model, 2, scores=WEAK)
    if not watched:
        client.post("/admin/reload", headers=KEY)
    for model in ("student", "teacher"):
        eventually(lambda model=model: version(client, model) == 2)  # type: ignore[misc]
    assert answering(client, [SURE, UNSURE]) == ["student@1", "teacher@1"]
    (described,) = client.get("/models").json()["cascades"]
    assert described["fit"]["promise"] == "lost-texts"
    lost = "at most 1.00% of texts answered wrongly that teacher answers rightly"
    assert described["promised"] == lost
    assert described["stale"] is None
    assert described["versions"] == {"student": 1, "teacher": 1}
    each = client.get("/models/student").json()["each"]
    assert [(one["version"], one["state"], one["cascades"]) for one in each] == [
        (1, "ready", ["auto"]),
        (2, "ready", []),
    ]
    again = connect()
    assert answering(again, [SURE, UNSURE]) == ["student@1", "teacher@1"]
    assert version(again) == 2


def test_rollback_leaves_a_cascade_on_the_versions_it_was_fitted_on(
    cascade: Path, connect: Connect
) -> None:
    """Whatever an operator holds by name."""
    for number in (2, 3):
        publish_tiny(cascade, "student", number, scores=WEAK)
    client = connect(admin_key="key")
    load(client, "student", 2)
    assert version(client) == 2
    assert answering(client, [SURE, UNSURE]) == ["student@1", "teacher@1"]


def other_tokenizer(directory: Path) -> None:
    """Other ids for the same words."""
    words = (*WORDS[:4], *reversed(WORDS[4:]))
    word_tokenizer(words).save(str(directory / "tokenizer.json"))
    known = read_manifest(directory)
    write_manifest(directory, **{key: v for key, v in dict(known).items() if key != "files"})


@pytest.mark.parametrize(
    "change",
    [
        other_tokenizer,
        lambda directory: edit_manifest(directory, temperature=2.0),
        lambda directory: edit_manifest(directory, max_length=4),
    ],
    ids=["tokenizer", "temperature", "max_length"],
)
@pytest.mark.parametrize("model", ["student", "teacher"])
def test_fitted_version_that_answers_otherwise_is_not_trusted(
    cascade: Path,
    connect: Connect,
    caplog: pytest.LogCaptureFixture,
    change: Callable[[Path], None],
    model: str,
) -> None:
    """The last model answers all then, and it is said: to who looks, and once in the log."""
    change(cascade / model / "1")
    client = connect()
    assert answering(client, [SURE, UNSURE]) == ["teacher@1"] * 2
    assert not any(one["escalated"] for one in ask(client, [SURE, UNSURE]))
    (described,) = client.get("/models").json()["cascades"]
    assert described["stale"] == f"{model}@1 is not what it was fitted on: fit it again"
    said = [record for record in caplog.records if record.message == "cascade"]
    assert [vars(record)["not_trusted"] for record in said] == [described["stale"]]


def test_cascade_with_unloaded_student_still_answers(cascade: Path, connect: Connect) -> None:
    """Without the cheap model the last one answers; it comes back as it was."""
    assert cascade
    client = connect(admin_key="key")
    assert client.post("/admin/models/student/unload", headers=KEY).status_code == 200
    assert answering(client, SURE) == ["teacher@1"]
    load(client, "student")
    assert answering(client, SURE) == ["student@1"]


def test_cascade_whose_teacher_is_gone_is_told(cascade: Path, connect: Connect) -> None:
    """The default route cannot answer: 503, and not ready."""
    assert cascade
    client = connect(admin_key="key")
    client.post("/admin/models/teacher/unload", headers=KEY)
    response = client.post("/predict", json={"inputs": SURE})
    assert response.status_code == 503
    assert client.get("/readyz").status_code == 503
    assert answering(client, SURE, "student") == ["student@1"]


def test_refused_truncation_names_the_text_of_the_request(models: Path, connect: Connect) -> None:
    """Not its place among those that went on."""
    publish_tiny(models, "short", max_length=5, scores=WEAK)
    values = tomllib.loads(write_and_read(models))
    auto = values["cascade"]["auto"]
    auto["chain"] = ["student", "short"]
    fingerprint = read_manifest(models / "short" / "1").fingerprint
    auto["models"]["short"] = {"version": 1, "sha256": fingerprint}
    (models / "routes.toml").write_text(tomli_w.dumps(values))
    body = {"inputs": [SURE, UNSURE, SURE, "film film film film"], "truncate": False}
    response = connect().post("/predict", json=body)
    assert response.status_code == 422
    assert "text 3 has more than the 5 tokens that short reads" in response.json()["detail"]


def write_and_read(models: Path) -> str:
    """Routes with a cascade of student and teacher."""
    write_cascade(models, threshold=0.9)
    return (models / "routes.toml").read_text()
