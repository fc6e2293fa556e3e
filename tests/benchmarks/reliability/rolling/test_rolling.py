"""A rolling update of the real service behind a real nginx, in short; and what it goes by."""

import os
from dataclasses import replace
from pathlib import Path

import pytest

from benchmarks.reliability.errors import NoSuchTool, ReliabilityError
from benchmarks.reliability.rolling.nginx import find_nginx
from benchmarks.reliability.rolling.page import BEGIN, END, to_json, to_markdown
from benchmarks.reliability.rolling.rollout import Plan, Pod, Rollout, roll
from benchmarks.reliability.rolling.values import Deployed, read_deployment
from benchmarks.reliability.service.conditions import Place
from tests.benchmarks.growth.builders import ROOT, service_command
from tests.benchmarks.reliability.builders import make_conditions, make_tally
from tests.service.builders import publish_tiny

DEPLOYMENT = ROOT / "deploy" / "kubernetes" / "base" / "deployment.yaml"
PLAN = Plan(
    deployed=Deployed(replicas=1, notice=3.0, drain=60.0, grace=120.0, probe=0.2),
    endpoint_seconds=0.5,
    rate=50.0,
    calm_seconds=0.3,
    model="student",
    texts=10,
)


def test_nothing_is_lost(tmp_path: Path) -> None:
    """Each request is answered by the pod or by its successor, and the pod ends by itself."""
    try:
        find_nginx()
    except NoSuchTool as error:
        pytest.skip(str(error))
    models = tmp_path / "models"
    publish_tiny(models, "student", scores={"[UNK]": (0.0, 1.0)})  # it is sure of any sentence
    cores = tuple(sorted(os.sched_getaffinity(0)))
    place = Place(service_command(tmp_path / "bin", "-m cli"), models, cores)
    said: list[str] = []
    found = roll(PLAN, place, said.append)
    assert found.missed == (), found.nginx_errors
    assert said == ["old 1 starts", "new 1 starts", "new 1 is ready; old 1 is told to stop"]
    old, new = found.pods
    assert (old.exit_status, new.stopped_after) == (0, None)
    assert old.stopped_after is not None
    assert old.stopped_after >= PLAN.deployed.notice
    assert old.answered + new.answered == found.tally.requests
    assert found.kept_alive > 0


def test_values_are_the_deployments() -> None:
    """The stop that is tried is the one that is deployed."""
    found = read_deployment(DEPLOYMENT)
    assert found.grace > found.notice + found.drain
    assert found.replicas == 2
    assert found.probe < found.notice


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ("STILLHOUSE_NOTICE_SECONDS", "NOTICE", "is no Deployment of the service: KeyError"),
        ("maxSurge: 1", "maxSurge: 2", "not one pod after another"),
        (
            "          readinessProbe:",
            "          lifecycle: {}\n          readinessProbe:",
            "a hook",
        ),
    ],
)
def test_what_is_not_imitated_is_refused(tmp_path: Path, old: str, new: str, says: str) -> None:
    """A Deployment that a cluster would update in another way, or that says too little."""
    path = tmp_path / "deployment.yaml"
    text = DEPLOYMENT.read_text()
    assert old in text
    path.write_text(text.replace(old, new))
    with pytest.raises(ReliabilityError, match=says):
        read_deployment(path)


def test_page_tells_what_was_lost() -> None:
    """Or that nothing was; with n, the pods and the conditions."""
    pods = (Pod("old 1", 700, 10.2, 0), Pod("new 1", 299, None, None))
    good = Rollout(32.0, make_tally(1000), pods, 31, (), ())
    told = to_markdown(to_json(PLAN, make_conditions(), "nginx/1.2", good))
    assert told.startswith("**all 1,000 requests were answered**")
    assert "| old 1 | 700 | 10.2 s | 0 |\n| new 1 | 299 |  | runs |" in told
    bad = replace(good, tally=make_tally(1000, failed=3, lost=1))
    told = to_markdown(to_json(PLAN, make_conditions(), "nginx/1.2", bad))
    assert told.startswith("**4 of 1,000 requests were lost**")


def test_the_page_has_the_marks() -> None:
    """The page that the command writes to by default."""
    page = (ROOT / "docs" / "kubernetes.md").read_text()
    assert page.count(BEGIN) == page.count(END) == 1
