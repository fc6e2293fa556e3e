"""Versions taken out of a repository, and labels renamed in new ones."""

from pathlib import Path

import pytest

from service.errors import RepositoryError, UnknownModel
from service.repository.editing import broken_by, find, remove, rename_labels
from service.repository.held import HeldFile
from service.repository.manifest import read_manifest
from service.repository.routes import Target
from service.repository.sections import LabelMetrics, Metrics, Parity
from service.repository.sources import ModelRepository
from service.runtime.tasks.classification import Classifier
from tests.service.builders import publish_tiny, write_cascade


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A student of two versions and a teacher, joined by a cascade of their first."""
    publish_tiny(tmp_path, "student")
    publish_tiny(tmp_path, "student", 2)
    publish_tiny(tmp_path, "teacher")
    write_cascade(tmp_path)
    return tmp_path


def test_versions_are_found_by_name(root: Path) -> None:
    """A name is what answers: the highest, or what is held; what is not there is told."""
    assert find(root, "student") == find(root, Target("student")) == Target("student", 2)
    HeldFile(root, None).change("student", 1, {})
    assert find(root, "student") == Target("student", 1)
    assert find(root, "student@2") == Target("student", 2)
    HeldFile(root, None).change("student", 3, {})  # which went
    assert find(root, "student") == Target("student", 2)
    assert find(root, "student@1") == Target("student", 1)
    for model, says in {
        "nobody": r"there are \['student', 'teacher'\]",
        "student@3": r"there are \[1, 2\]",
        "student@x": "a version is a whole number",
    }.items():
        with pytest.raises(UnknownModel, match=says):
            find(root, model)


def test_what_a_route_names_is_known(root: Path) -> None:
    """A cascade's own versions, and what is held by hand; other versions are free."""
    assert broken_by(root, [Target("student", 2)]) == []
    (fitted,) = broken_by(root, [Target("student", 1)])
    assert "cascade 'auto' was fitted on student@1" in fitted
    HeldFile(root, None).change("student", 2, {})
    (held,) = broken_by(root, [Target("student", 2)])
    assert held == "student is held at 2 by hand"


def test_removal_leaves_the_others(root: Path) -> None:
    """A version goes with its directory, and a model with its last version."""
    remove(root, [Target("student", 2)])
    assert ModelRepository(root).versions() == {"student": [1], "teacher": [1]}
    remove(root, [Target("teacher", 1)])
    assert not (root / "teacher").exists()
    with pytest.raises(RepositoryError, match="cannot be removed"):
        remove(root, [Target("teacher", 1)])


def test_renamed_labels_are_a_new_version(root: Path) -> None:
    """It answers as the old one, under other names; by-label figures go with their labels."""
    one = LabelMetrics(n=5, precision=1.0, recall=0.5, f1=0.7)
    publish_tiny(
        root,
        "scored",
        metrics={"dev": Metrics(n=9, accuracy=0.5, by_label={"negative": one, "positive": one})},
        parity=Parity(
            n=9,
            max_logit_difference=0.0,
            agreement=1.0,
            accuracy_drop=0.0,
            recall_drops={"negative": 0.25, "positive": 0.0},
        ),
    )
    written = rename_labels(root, Target("scored", 1), {"negative": "bad"})
    found = Classifier.load(root / "scored" / "2")
    assert found.manifest == written == read_manifest(root / "scored" / "2")
    assert written.labels == ("bad", "positive")
    assert written.metrics["dev"].by_label == {"bad": one, "positive": one}
    assert written.parity is not None
    assert written.parity.recall_drops == {"bad": 0.25, "positive": 0.0}
    assert written.files == read_manifest(root / "scored" / "1").files
    assert written.fingerprint != read_manifest(root / "scored" / "1").fingerprint
    assert sorted(path.name for path in (root / "scored").iterdir()) == ["1", "2"]


def test_labels_that_cannot_be_renamed(root: Path) -> None:
    """One that is not there, two of one name, the same name, or a file that is not as published."""
    for renamed, says in (
        ({"neutral": "x"}, r"has no labels \['neutral'\]: it has \['negative', 'positive'\]"),
        ({"negative": "positive"}, "two labels would have one name"),
        ({"negative": "negative"}, "no label would have another name"),
    ):
        with pytest.raises(RepositoryError, match=says):
            rename_labels(root, Target("teacher", 1), renamed)
    (root / "teacher" / "1" / "tokenizer.json").write_text("{}")
    with pytest.raises(RepositoryError, match=r"tokenizer\.json"):
        rename_labels(root, Target("teacher", 1), {"negative": "bad"})
    assert ModelRepository(root).versions()["teacher"] == [1]
