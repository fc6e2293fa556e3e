"""The service on Ray, and `score --ray`."""

import os
import subprocess
import sys

import pytest
import yaml

from export.score.cluster import USAGE
from tests.deploy import ray_cluster
from tests.deploy.ray_cluster import DEPLOY, MISSING

pytestmark = pytest.mark.filterwarnings("ignore")  # Ray's, of its own and of what it uses


def test_on_a_cluster() -> None:
    """All of `ray_cluster`, in a process of its own."""
    pytest.importorskip("ray", reason=MISSING)
    arguments = ["-p", "no:xdist", "-p", "no:cacheprovider", "-rs", ray_cluster.__file__]
    done = subprocess.run(
        [sys.executable, "-m", "pytest", *arguments],
        cwd=DEPLOY.parents[1],
        env={name: value for name, value in os.environ.items() if not name.startswith("PYTEST_")},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-5000:]
    if "SKIPPED" in done.stdout:
        pytest.skip(done.stdout[done.stdout.index("SKIPPED") :].splitlines()[0])
    assert " 2 passed" in done.stdout.splitlines()[-1]


def test_keys_are_not_given_to_ray(monkeypatch: pytest.MonkeyPatch) -> None:
    """Ray would write them into its logs."""
    pytest.importorskip("ray", reason=MISSING)
    from service.on_ray import application

    monkeypatch.setenv("STILLHOUSE_API_KEYS", "a-key")
    with pytest.raises(ValueError, match="give a file in its place, STILLHOUSE_API_KEYS_FILE") as e:
        application({})
    assert "a-key" not in str(e.value)
    monkeypatch.delenv("STILLHOUSE_API_KEYS")
    monkeypatch.setenv("STILLHOUSE_PROT", "1")
    with pytest.raises(ValueError, match="is STILLHOUSE_PORT meant"):
        application({})


def test_nothing_is_reported() -> None:
    """Ray reports its use to its makers unless its environment says no: ours does."""
    pytest.importorskip("ray", reason=MISSING)
    told = "from ray._common.usage.usage_lib import usage_stats_enabled as on; print(on())"
    environment = {name: value for name, value in os.environ.items() if name != USAGE}
    for ours in ("import service.on_ray", "from export.score.cluster import *; silent_ray()"):
        found = subprocess.run(
            [sys.executable, "-c", f"{ours}; {told}"],
            cwd=DEPLOY.parents[1],
            env=environment,
            capture_output=True,
            text=True,
            check=True,
        )
        assert found.stdout.split() == ["False"]


def test_manifests_say_the_same() -> None:
    """KubeRay's has the application of `serve.yaml`, and no node of it reports its use."""
    service = yaml.safe_load((DEPLOY / "rayservice.yaml").read_text())["spec"]
    config = yaml.safe_load((DEPLOY / "serve.yaml").read_text())
    assert yaml.safe_load(service["serveConfigV2"]) == config
    cluster = service["rayClusterConfig"]
    groups = [cluster["headGroupSpec"], *cluster["workerGroupSpecs"]]
    for group in groups:
        for container in group["template"]["spec"]["containers"]:
            assert {"name": USAGE, "value": "0"} in container["env"]
    assert cluster["rayVersion"] == pinned("ray")


def pinned(name: str) -> str:
    """The release of a package that `constraints.txt` has."""
    lines = (DEPLOY.parents[1] / "constraints.txt").read_text().splitlines()
    return next(line for line in lines if line.startswith(f"{name}==")).split("==")[1]
