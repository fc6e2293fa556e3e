"""`routes.toml`: what it may say, and what in it nothing answers to."""

import os
import re
from pathlib import Path
from typing import Any

import pytest
import tomli_w

from service.errors import RepositoryError, UnknownModel
from service.repository.kinds import Kind
from service.repository.routes import Routes, Target, parse_target, read_routes

VERSIONS = {"student": [2, 3], "teacher": [4]}


def cascade(**changes: Any) -> dict[str, Any]:
    """A cascade from student 3 to teacher 4, as it stands in the file."""
    return {
        "chain": ["student", "teacher"],
        "hops": [{"threshold": 0.9, "escalated": 0.25}],
        "models": {
            "student": {"version": 3, "sha256": "0" * 64},
            "teacher": {"version": 4, "sha256": "1" * 64},
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
        **changes,
    }


def written(root: Path, values: dict[str, Any]) -> Routes:
    """Routes by way of the file."""
    (root / "routes.toml").write_text(tomli_w.dumps(values))
    return read_routes(root)


@pytest.mark.parametrize(
    ("promise", "says"),
    [
        (None, "at most 1.00% of texts answered wrongly that teacher answers rightly"),
        ("lost-texts", "at most 1.00% of texts answered wrongly that teacher answers rightly"),
        ("accuracy", "accuracy at most 1.00 points below teacher's"),
        ("disagreement", "at most 1.00% of texts labelled otherwise than by teacher"),
    ],
)
def test_a_fit_says_what_it_promises(tmp_path: Path, promise: str | None, says: str) -> None:
    """In words; one from before there were three promises counts the texts that it loses."""
    values = cascade()
    if promise is not None:
        values["fit"]["promise"] = promise
    fit = written(tmp_path, {"cascade": {"auto": values}}).cascade["auto"].fit
    assert fit.promise == (promise or "lost-texts")
    assert fit.promised("teacher") == says


def test_routes_that_hold(tmp_path: Path) -> None:
    """Aliases and cascades may be shadowed, and shadow; nothing is missing."""
    routes = written(
        tmp_path,
        {
            "default": "prod",
            "aliases": {"prod": "auto", "old": "student@2"},
            "cascade": {"auto": cascade()},
            "shadow": {
                "student": {"with": "auto", "share": 0.1},
                "prod": {"with": "old", "share": 0.1},
                "auto": {"with": "teacher@4", "share": 1.0},
            },
        },
    )
    assert routes.problems(VERSIONS) == []


@pytest.mark.parametrize(
    ("values", "says"),
    [
        ({"default": "nobody"}, "default: nothing is called 'nobody'"),
        ({"default": "student@9"}, r"default: no version '9' of 'student': .*\[2, 3\]"),
        ({"default": "student@x"}, "default: no version 'x' of 'student'"),
        ({"aliases": {"prod": "techer"}}, "alias 'prod': nothing is called 'techer'"),
        ({"aliases": {"prod": "student@1"}}, "alias 'prod': no version '1' of 'student'"),
        ({"shadow": {"student": {"with": "x", "share": 1.0}}}, "shadow of 'student': nothing"),
        (
            {"shadow": {"x": {"with": "student", "share": 1.0}}},
            "shadow of 'x': the shadowed: nothing is called 'x'",
        ),
        (
            {"shadow": {"student@2": {"with": "teacher", "share": 1.0}}},
            "shadow of 'student@2': a shadow is of a whole model, alias or cascade",
        ),
    ],
)
def test_a_name_that_nothing_answers_to_is_told(
    tmp_path: Path, values: dict[str, Any], says: str
) -> None:
    """Where it stands, and what there is in its place."""
    (problem,) = written(tmp_path, values).problems(VERSIONS)
    assert re.match(says, problem), problem


@pytest.mark.parametrize("versions", [{"student": [2], "teacher": [4]}, {"teacher": [4]}])
def test_a_cascade_asks_for_the_versions_it_was_fitted_on(
    tmp_path: Path, versions: dict[str, list[int]]
) -> None:
    """A newer version is no substitute, and an older one none either."""
    routes = written(tmp_path, {"cascade": {"auto": cascade()}})
    (problem,) = routes.problems(versions)
    assert problem.startswith("cascade 'auto' was fitted on student@3, which is not in the")
    assert "stillhouse calibrate" in problem
    assert routes.problems({"student": [3, 4], "teacher": [4, 5]}) == []


CLASSIFIER = Kind("text-classification", False, "single_label")
REGRESSION = Kind("text-classification", False, "regression")
OF_PAIRS = Kind("text-classification", True, "single_label")
TAGGER = Kind("token-classification", False, None)
EMBEDDER = Kind("feature-extraction", False, None)


@pytest.mark.parametrize(
    ("student", "teacher", "says"),
    [
        (CLASSIFIER, CLASSIFIER, []),
        (TAGGER, TAGGER, []),
        (REGRESSION, REGRESSION, ["asks 'student', a regression", "asks 'teacher', a regression"]),
        (EMBEDDER, EMBEDDER, ["asks 'student', an embedder", "asks 'teacher', an embedder"]),
        (CLASSIFIER, OF_PAIRS, ["'teacher' is text-classification of pairs (single_label): fit"]),
        (TAGGER, CLASSIFIER, ["'student' is token-classification, 'teacher' is text-class"]),
    ],
)
def test_a_cascade_is_of_models_of_one_kind_that_are_sure(
    tmp_path: Path, student: Kind, teacher: Kind, says: list[str]
) -> None:
    """What is sure of nothing cannot be asked first; and all take and give the same."""
    routes = written(tmp_path, {"cascade": {"auto": cascade()}})
    kinds = {Target("student", 3): student, Target("teacher", 4): teacher}
    problems = routes.problems(VERSIONS, kinds)
    assert len(problems) == len(says)
    for problem, part in zip(problems, says, strict=True):
        assert part in problem


@pytest.mark.parametrize(
    ("route", "with_", "fits"),
    [
        ("student", "teacher", False),
        ("student", "student@2", True),
        ("prod", "auto", False),
        ("auto", "prod", False),
        ("auto", "teacher", True),
        ("student", "teacher@1", True),
    ],
)
def test_a_shadow_takes_and_gives_what_the_model_does(
    tmp_path: Path, route: str, with_: str, fits: bool
) -> None:
    """Told by the highest version of a model, and by the last of a cascade."""
    values = {
        "aliases": {"prod": "student@3"},
        "cascade": {"auto": cascade()},
        "shadow": {route: {"with": with_, "share": 0.5}},
    }
    kinds = {
        Target("student", 2): CLASSIFIER,
        Target("student", 3): REGRESSION,  # a number and a label can be compared: they differ
        Target("teacher", 1): CLASSIFIER,
        Target("teacher", 4): TAGGER,
    }
    versions = {"student": [2, 3], "teacher": [1, 4]}
    problems = [
        one for one in written(tmp_path, values).problems(versions, kinds) if "shadow" in one
    ]
    assert bool(problems) is not fits
    if problems:
        assert "a shadow takes and gives what the model does" in problems[0]


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("default = [", "is not TOML"),
        ("\xff", "is not TOML"),
        (f"default = {'9' * 5000}", "is not TOML"),
        (f"default = {'[' * 3000}", "is not TOML"),
        ("defualt = 'x'", "defualt: Extra inputs"),
        ("[aliases]\na = 'b'\nb = 'c'", "alias 'a' leads to another alias, 'b'"),
        (tomli_w.dumps({"cascade": {"auto": cascade(hops=[])}}), "n models has n - 1 hops"),
        (tomli_w.dumps({"cascade": {"auto": cascade(models={})}}), "no fitted version of"),
    ],
)
def test_what_cannot_be_used_is_an_error(tmp_path: Path, text: str, says: str) -> None:
    """Not a silent default."""
    (tmp_path / "routes.toml").write_bytes(text.encode("latin-1"))
    with pytest.raises(RepositoryError, match=says):
        read_routes(tmp_path)


def test_what_is_no_file_is_no_absence(tmp_path: Path) -> None:
    """A pipe is not waited for, and neither it nor a folder leaves a service without routes."""
    os.mkfifo(tmp_path / "routes.toml")
    with pytest.raises(RepositoryError, match="it is no regular file"):
        read_routes(tmp_path)
    (tmp_path / "routes.toml").unlink()
    (tmp_path / "routes.toml").mkdir()
    with pytest.raises(RepositoryError, match="it is no regular file"):
        read_routes(tmp_path)


def test_without_a_file_there_are_none(tmp_path: Path) -> None:
    """A repository needs no routes."""
    assert read_routes(tmp_path) == Routes()


def test_targets() -> None:
    """A model, or a model and a whole number."""
    assert parse_target("a") == Target("a")
    assert parse_target("a@12") == Target("a", 12)
    for wrong in ("a@", "a@0", "a@x", "a@-1", "a@\u0661", "a@1@2"):
        with pytest.raises(UnknownModel, match="a version is a whole number"):
            parse_target(wrong)


POINTS = [
    {"threshold": 1.01, "escalated": 1.0, "accuracy": 0.9},
    {"threshold": 0.5, "escalated": 0.0, "accuracy": 0.85},
    {"threshold": 0.0, "escalated": 0.0, "accuracy": 0.85},
]


def with_curve(points: list[dict[str, float]], **changes: Any) -> dict[str, Any]:
    """A cascade whose fit has these points."""
    found = cascade(**changes)
    return {**found, "fit": {**found["fit"], "curve": points}}


def test_a_cascade_says_what_it_does_under_overload(tmp_path: Path) -> None:
    """It refuses, unless it says otherwise; a degraded answer is worth what the curve says."""
    (plain,) = written(tmp_path, {"cascade": {"auto": cascade()}}).cascade.values()
    assert (plain.overload, plain.objective_ms, plain.accuracy_degraded) == ("refuse", None, None)
    answering = with_curve(POINTS, overload="answer", objective_ms=50)
    (found,) = written(tmp_path, {"cascade": {"auto": answering}}).cascade.values()
    assert (found.overload, found.objective_ms, found.accuracy_degraded) == ("answer", 50, 0.85)


def test_the_first_model_alone_is_what_a_degraded_answer_is_worth(tmp_path: Path) -> None:
    """In a chain of three, texts may go on and none of them reach the last model."""
    points = [*POINTS[:1], {"threshold": 0.5, "escalated": 0.0, "accuracy": 0.8}, POINTS[2]]
    answering = with_curve(points, overload="answer")
    (found,) = written(tmp_path, {"cascade": {"auto": answering}}).cascade.values()
    assert found.accuracy_degraded == 0.85


@pytest.mark.parametrize(
    ("values", "says"),
    [
        (with_curve(POINTS, overload="shed"), "overload: Input should be 'refuse' or 'answer'"),
        (with_curve(POINTS[:1], overload="answer"), "fit it again with `stillhouse calibrate`"),
        (cascade(overload="answer"), "a point where no text goes on"),
        (with_curve(POINTS, objective_ms=50), 'objective_ms needs overload = "answer"'),
        (with_curve(POINTS, overload="answer", objective_ms=0), "objective_ms: .*greater than"),
    ],
)
def test_what_cannot_be_done_under_overload_is_told(
    tmp_path: Path, values: dict[str, Any], says: str
) -> None:
    """When the routes are read, with what to do."""
    with pytest.raises(RepositoryError, match=rf"cascade\.auto.*{says}"):
        written(tmp_path, {"cascade": {"auto": values}})
