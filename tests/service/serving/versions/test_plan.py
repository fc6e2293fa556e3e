"""What a request's `model` stands for, and when a cascade's fit is not trusted."""

from pathlib import Path
from typing import Any

import pytest

from service.errors import UnknownModel
from service.repository.manifest import TOKENIZER_FILE, Manifest, read_manifest
from service.repository.routes import Target, read_routes
from service.repository.sections import File
from service.serving.versions.plan import Plan, Spare, resolve
from tests.service.builders import write_cascade
from tests.service.serving.fakes import place

OTHER_TOKENIZER = {
    "model.onnx": File(sha256="0" * 64, bytes=1),
    TOKENIZER_FILE: File(sha256="1" * 64, bytes=1),
}


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A repository with a cascade, fitted on version 1 of student and teacher, and an alias."""
    for name in ("student", "teacher"):
        place(tmp_path, name)
    write_cascade(tmp_path, threshold=0.8)
    routes = tmp_path / "routes.toml"
    routes.write_text(f'aliases = {{ prod = "auto", old = "student@1" }}\n{routes.read_text()}')
    return tmp_path


def plan(root: Path, named: str, *, unable: tuple[str, ...] = ()) -> Plan:
    """The plan for a name; all that lies in the repository can answer but for some models."""

    def manifest(target: Target) -> Manifest | None:
        if target.name in unable or target.version is None:
            return None
        return read_manifest(root / target.name / str(target.version))

    return resolve(read_routes(root), named, manifest)


@pytest.mark.parametrize(
    ("named", "route", "targets"),
    [
        ("student", "student", [Target("student")]),
        ("student@1", "student", [Target("student", 1)]),
        ("old", "student", [Target("student", 1)]),
        ("auto", "auto", [Target("student", 1), Target("teacher", 1)]),
        ("prod", "auto", [Target("student", 1), Target("teacher", 1)]),
    ],
)
def test_names(root: Path, named: str, route: str, targets: list[Target]) -> None:
    """A model, a version, an alias of one, a cascade, an alias of one."""
    found = plan(root, named)
    assert (found.named, found.route) == (named, route)
    assert [step.target for step in found.steps] == targets
    assert [step.threshold for step in found.steps] == [0.8, None][-len(targets) :]
    assert found.last == targets[-1]
    assert found.is_model is (route != "auto")


def test_what_follows_an_at_sign_is_a_version(root: Path) -> None:
    """Anything else names nothing."""
    for name in ("student@", "student@0", "student@one", "student@1@2"):
        with pytest.raises(UnknownModel, match="whole number"):
            plan(root, name)


def test_cascade_asks_the_versions_that_it_was_fitted_on(root: Path) -> None:
    """Whatever has been published since."""
    for name in ("student", "teacher"):
        place(root, name, 2, temperature=7.0)
    found = plan(root, "auto")
    assert [step.target.version for step in found.steps] == [1, 1]
    assert found.stale is None


@pytest.mark.parametrize("name", ["student", "teacher"])
@pytest.mark.parametrize(
    "change",
    [
        {"temperature": 2.0},
        {"max_length": 8},
        {"files": OTHER_TOKENIZER},
        {"labels": ("positive", "negative")},
        {"precision": "int8"},
    ],
    ids=["temperature", "max_length", "tokenizer", "labels", "precision"],
)
def test_fitted_version_that_answers_otherwise_is_not_trusted(
    root: Path, name: str, change: dict[str, Any]
) -> None:
    """All that decides answers counts, of either model; the last model alone answers then."""
    place(root, name, **change)
    found = plan(root, "auto")
    last = Target("teacher", None if name == "teacher" else 1)  # as it was fitted, or what serves
    assert [step.target for step in found.steps] == [last]
    assert found.steps[0].threshold is None
    assert found.stale == f"{name}@1 is not what it was fitted on: fit it again"


def test_what_decides_no_answer_does_not_count(root: Path) -> None:
    """A licence may be corrected."""
    place(root, "student", licence="MIT")
    assert plan(root, "auto").stale is None


def test_cascade_without_one_of_its_models(root: Path) -> None:
    """The last answers alone: in the version that was fitted, as long as that is there."""
    place(root, "teacher", 2, labels=("x", "y"))
    found = plan(root, "auto", unable=("student",))
    assert [step.target for step in found.steps] == [Target("teacher", 1)]
    assert found.stale == "student@1, which it was fitted on, cannot answer"
    found = plan(root, "auto", unable=("student", "teacher"))
    assert [step.target for step in found.steps] == [Target("teacher")]


EMBEDDER = {
    "task": "feature-extraction",
    "labels": (),
    "pooling": "mean",
    "embedding_size": 4,
}


@pytest.mark.parametrize(
    ("student", "teacher", "says"),
    [
        (EMBEDDER, EMBEDDER, "student@1 is an embedder, which is sure of nothing"),
        (
            {},
            {"pairs": True},
            "'student' is text-classification (single_label), 'teacher' is",
        ),
        ({}, {"task": "token-classification"}, "'teacher' is token-classification"),
    ],
)
def test_cascades_are_of_models_of_one_kind(
    root: Path, student: dict[str, Any], teacher: dict[str, Any], says: str
) -> None:
    """Fitted or not, models that are sure of nothing, or unlike each other, make none."""
    place(root, "student", **student)
    place(root, "teacher", **teacher)
    write_cascade(root)
    found = plan(root, "auto")
    assert [step.target for step in found.steps] == [Target("teacher", 1)]
    assert found.stale is not None
    assert says in found.stale


@pytest.mark.parametrize(
    ("settings", "spare"),
    [
        ({}, None),
        ({"overload": "answer"}, Spare()),
        ({"overload": "answer", "objective_ms": 50}, Spare(0.05)),
    ],
)
def test_a_plan_says_whether_there_is_leave_to_spare_the_dearer_model(
    root: Path, settings: dict[str, Any], spare: Spare | None
) -> None:
    """Of a cascade that says so; a model has no cheaper one, nor a cascade that is not trusted."""
    write_cascade(root, **settings)
    assert plan(root, "auto").spare == spare
    assert plan(root, "student").spare is None
    assert plan(root, "auto", unable=("student",)).spare is None
