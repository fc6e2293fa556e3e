"""What may be asked of a service, and who may answer."""

import pytest

from loadtest.load import Target
from loadtest.run.target import Catalogue, Service, TargetUnfit
from tests.loadtest.stand_in import Behaviour, stand_in

CATALOGUE = Catalogue(
    states={"student": "ready", "teacher": "asleep", "broken": "unavailable"},
    chains={"auto": ("student", "teacher"), "bad": ("student", "broken")},
    aliases={"fast": "student", "default": "auto"},
)


@pytest.mark.parametrize(
    ("name", "answered_by"),
    [
        ("student", ("student",)),
        ("student@2", ("student",)),
        ("teacher", ("teacher",)),
        ("auto", ("student", "teacher")),
        ("fast", ("student",)),
        ("default", ("student", "teacher")),
    ],
)
def test_a_name_says_who_may_answer(name: str, answered_by: tuple[str, ...]) -> None:
    """A model for itself, whatever its version; a cascade's models for it; aliases for others."""
    assert CATALOGUE.find(name, 0.5) == Target(name, answered_by, 0.5)


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("tutor", "no model 'tutor'; there are: student, teacher, broken, auto, bad, fast"),
        ("broken", "'broken', but it is unavailable"),
        ("bad", "'broken', but it is unavailable"),
    ],
)
def test_what_cannot_answer_is_refused(name: str, words: str) -> None:
    """By the name that is missing."""
    with pytest.raises(TargetUnfit, match=words):
        CATALOGUE.find(name)


def test_all_that_can_answer_is_named() -> None:
    """Models and cascades, without those that are unavailable."""
    assert CATALOGUE.names == ("student", "teacher", "auto", "bad")


def test_a_service_tells_what_it_has() -> None:
    """With the key, where it needs one."""
    behaviour = Behaviour(cascades={"auto": ["student", "teacher"]}, key="sesame")
    with stand_in(behaviour) as host:
        catalogue = Service(host, "sesame").catalogue()
        Service(host, "sesame").check([catalogue.find("auto")])
        with pytest.raises(TargetUnfit, match="needs a key: set STILLHOUSE_API_KEY"):
            Service(host, None).catalogue()
    assert catalogue.chains == {"auto": ("student", "teacher")}
    assert [body["model"] for body in behaviour.asked] == ["auto"]


def test_a_model_that_does_not_answer_is_found_before_the_load() -> None:
    """By its first request."""
    with (
        stand_in(Behaviour(fail_every=1)) as host,
        pytest.raises(TargetUnfit, match="first request for 'student' with 503: draining"),
    ):
        Service(host, None).check([Target("student")])


def test_a_model_of_pairs_is_asked_a_pair() -> None:
    """So is a cascade that ends in one."""
    behaviour = Behaviour(
        cascades={"auto": ["student", "teacher"]}, of_pairs=frozenset({"student", "teacher"})
    )
    with stand_in(behaviour) as host:
        catalogue = Service(host, None).catalogue()
        targets = [catalogue.find(name) for name in ("student@1", "auto")]
        Service(host, None).check(targets)
    assert [target.pairs for target in targets] == [True, True]
    assert [set(body["inputs"]) for body in behaviour.asked] == [{"text", "text_pair"}] * 2
