"""Cascades, shadows, metrics and descriptions of models of every task."""

from pathlib import Path

import pytest

from tests.service.builders import publish_tagger, publish_tiny, write_cascade
from tests.service.embedders import PROMPTS, SIZE, publish_embedder
from tests.service.serving.apps import WEAK, Connect, ask, eventually
from tests.service.serving.test_shadow import route_shadow, shadowed

SURE_TAGS = {
    "good": (0.0, 9.0, 0.0, 0.0, 0.0),
    "film": (0.0, 0.0, 0.0, 9.0, 0.0),
    "[UNK]": (9.0, 0.0, 0.0, 0.0, 0.0),
}
UNSURE_TAGS = {**SURE_TAGS, "film": (0.0, 0.0, 0.0, 1.0, 0.0)}


def test_taggers_are_as_sure_as_of_their_least_sure_entity(
    tmp_path: Path, connect: Connect
) -> None:
    """A text with one that the student doubts goes on; a shadow agrees where all are the same."""
    publish_tagger(tmp_path, "student", scores=UNSURE_TAGS)
    publish_tagger(tmp_path, "teacher", scores=SURE_TAGS)
    publish_tagger(tmp_path, "other", scores={**SURE_TAGS, "film": SURE_TAGS["[UNK]"]})
    write_cascade(tmp_path, threshold=0.9)
    route_shadow(tmp_path, "auto", "other")
    client = connect(models=tmp_path)
    assert client.get("/models").json()["problems"] == []
    found = ask(client, ["x good x", "good x film", "x"], "auto")
    assert [one["model"] for one in found] == ["student", "teacher", "student"]
    assert [[e["label"] for e in one["entities"]] for one in found] == [["PER"], ["PER", "LOC"], []]
    expected = {
        ("student", "other", "PER", True): 1,
        ("teacher", "other", "several", False): 1,
        ("student", "other", "none", True): 1,
    }
    eventually(lambda: shadowed(client) == expected)


def test_pairs_are_classified_in_a_cascade(tmp_path: Path, connect: Connect) -> None:
    """As single texts are."""
    publish_tiny(tmp_path, "student", pairs=True, scores=WEAK)
    publish_tiny(tmp_path, "teacher", pairs=True)
    write_cascade(tmp_path, threshold=0.9)
    client = connect(models=tmp_path)
    pairs = [{"text": "film", "text_pair": text} for text in ("good", "film", "bad")]
    body = {"inputs": pairs, "model": "auto"}
    found = client.post("/predict", json=body).json()["predictions"]
    assert [one["model"] for one in found] == ["student", "teacher", "student"]


def test_embedders_make_no_cascade(tmp_path: Path, connect: Connect) -> None:
    """It is said where the routes are read, and the last of the chain answers alone."""
    for name in ("student", "teacher"):
        publish_embedder(tmp_path, name)
    write_cascade(tmp_path)
    client = connect(models=tmp_path)
    listed = client.get("/models").json()
    assert len(listed["problems"]) == 2
    assert "cascade 'auto' asks 'student', an embedder, which is sure" in listed["problems"][0]
    assert "an embedder, which is sure of nothing" in listed["cascades"][0]["stale"]
    assert [one["model"] for one in ask(client, ["good", "bad"], "auto")] == ["teacher"] * 2


def test_embedders_have_no_confidence_and_no_labels(tmp_path: Path, connect: Connect) -> None:
    """Their texts are counted; a shadow of an embedder agrees where the vectors are alike."""
    publish_embedder(tmp_path, "embedder")
    publish_embedder(tmp_path, "copy")
    (tmp_path / "routes.toml").write_text('default = "embedder"\n')
    route_shadow(tmp_path, "embedder", "copy")
    client = connect(models=tmp_path)
    ask(client, ["good", "bad"])
    eventually(lambda: shadowed(client) == {("embedder", "copy", "embedding", True): 2})
    text = client.get("/metrics").text
    assert 'stillhouse_texts_total{model="embedder",version="1"} 2.0' in text
    assert "stillhouse_confidence_count{" not in text
    assert "stillhouse_labels_total{" not in text


@pytest.mark.parametrize(
    ("name", "says"),
    [
        (
            "embedder",
            {"task": "feature-extraction", "problem_type": None, "labels": [], "pooling": "mean",
             "normalize": True, "embedding_size": SIZE, "dimensions": [2, 4], "prompts": PROMPTS,
             "pairs": False, "windows": {"stride": 2, "pooling": "max"}},
        ),
        ("tagger", {"task": "token-classification", "problem_type": None, "pairs": False,
                    "pooling": None, "special_tokens": "text"}),
        ("nli", {"task": "text-classification", "problem_type": "single_label", "pairs": True,
                 "windows": None, "embedding_size": None}),
    ],
)  # fmt: skip
def test_a_model_is_described(
    tmp_path: Path, connect: Connect, name: str, says: dict[str, object]
) -> None:
    """What it takes and gives."""
    publish_embedder(
        tmp_path, dimensions=(2, 4), prompts=PROMPTS, windows={"stride": 2, "pooling": "max"}
    )
    publish_tagger(tmp_path)
    publish_tiny(tmp_path, "nli", pairs=True)
    found = connect(models=tmp_path).get(f"/models/{name}").json()
    assert {key: found[key] for key in says} == says
