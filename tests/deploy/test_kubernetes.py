"""The manifests for Kubernetes: valid, and consistent with the service."""

import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import kubernetes_validate
import pytest
import yaml

from service.environment import is_link
from service.repository.routes import read_routes
from service.settings import Settings
from service.telemetry.metrics import Metrics

ROOT = Path(__file__).parents[2]
FOLDER, MODELS = ROOT / "deploy" / "kubernetes", ROOT / "models"
FILES = sorted(
    path
    for path in FOLDER.rglob("*.yaml")
    if path.name not in ("kustomization.yaml", "adapter.yaml") and path.parent.name != "kserve"
)
KINDS = {"base": 4, "overlays/volume": 6, "overlays/autoscaled": 5, "overlays/bucket": 4}
PATCHES = [
    ("volume", "deployment.yaml"),
    ("bucket", "deployment.yaml"),
    ("bucket", "network.yaml"),
]


def container(name: str = "base/deployment.yaml") -> dict[str, Any]:
    """The service's container in a file."""
    spec = yaml.safe_load((FOLDER / name).read_text())["spec"]
    (found,) = spec["template"]["spec"]["containers"] if "template" in spec else spec["containers"]
    return dict(found)


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_files_are_valid(path: Path) -> None:
    """By the schemas of Kubernetes itself, unknown keys refused; a patch is no whole object."""
    for one in yaml.safe_load_all(path.read_text()):
        if (path.parent.name, path.name) in PATCHES:
            assert one["kind"] in ("Deployment", "NetworkPolicy")
            continue
        kubernetes_validate.validate(one, "1.33", strict=True)


@pytest.mark.skipif(
    shutil.which("kubectl") is None, reason="kubectl is not installed: where it is, this runs"
)
@pytest.mark.parametrize("name", KINDS)
def test_overlays_render(name: str) -> None:
    """What `kubectl apply -k` would send is valid, and all of it."""
    done = subprocess.run(
        [shutil.which("kubectl") or "kubectl", "kustomize", str(FOLDER / name)],
        capture_output=True,
        text=True,
        check=True,
    )
    rendered = list(yaml.safe_load_all(done.stdout))
    assert len(rendered) == KINDS[name]
    for one in rendered:
        kubernetes_validate.validate(one, "1.33", strict=True)
        if one["kind"] == "Deployment":  # else each apply sets the autoscaler's number back
            assert ("replicas" in one["spec"]) is (name != "overlays/autoscaled")


@pytest.mark.parametrize(
    "name",
    [
        "base/deployment.yaml",
        "overlays/volume/deployment.yaml",
        "overlays/bucket/deployment.yaml",
        "kserve/runtime.yaml",
    ],
)
def test_settings_are_settings(name: str) -> None:
    """Every variable of a container is one that the service takes."""
    given = {one["name"].removeprefix("STILLHOUSE_").lower() for one in container(name)["env"]}
    assert given <= set(Settings.model_fields)


def test_the_stop_fits() -> None:
    """A pod is given as long as notice and drain take, and what Kubernetes sets is known."""
    whole = yaml.safe_load((FOLDER / "base" / "deployment.yaml").read_text())
    pod = whole["spec"]["template"]["spec"]
    env = {one["name"]: float(one["value"]) for one in container()["env"]}
    stop = env["STILLHOUSE_NOTICE_SECONDS"] + env["STILLHOUSE_DRAIN_SECONDS"]
    assert stop < pod["terminationGracePeriodSeconds"]
    assert pod["enableServiceLinks"] is False
    assert is_link("tcp://10.0.0.1:80")
    kserve = {one["name"]: one["value"] for one in container("kserve/runtime.yaml")["env"]}
    both = (kserve["STILLHOUSE_NOTICE_SECONDS"], kserve["STILLHOUSE_DRAIN_SECONDS"])
    assert sum(map(float, both)) < 30  # Kubernetes' own, which a ServingRuntime leaves


def test_what_is_scaled_by_is_told() -> None:
    """The autoscaler's metric is one of the service's, and the adapter's rule makes it."""
    scaler = yaml.safe_load((FOLDER / "overlays" / "autoscaled" / "autoscaler.yaml").read_text())
    (metric,) = scaler["spec"]["metrics"]
    name = metric["pods"]["metric"]["name"]
    assert f"# HELP {name} " in Metrics().text().decode()
    (rule,) = yaml.safe_load((FOLDER / "overlays" / "autoscaled" / "adapter.yaml").read_text())[
        "rules"
    ]
    assert rule["name"]["matches"] == name
    assert re.match(r"\w+", rule["seriesQuery"]).group() == name  # type: ignore[union-attr]


def test_the_routes_can_be_read() -> None:
    """Those of the ConfigMap are routes, to versions that ship."""
    routes = read_routes(FOLDER / "overlays" / "volume")
    assert routes.default == "student"
    for target in routes.aliases.values():
        assert (MODELS / target.replace("@", "/") / "manifest.json").exists()


def test_kserve_asks_what_there_is() -> None:
    """The runtime and the service of KServe name the same format and protocol."""
    runtime, service = (
        yaml.safe_load((FOLDER / "kserve" / name).read_text())
        for name in ("runtime.yaml", "service.yaml")
    )
    (format_,) = runtime["spec"]["supportedModelFormats"]
    model = service["spec"]["predictor"]["model"]
    assert model["modelFormat"]["name"] == format_["name"]
    assert model["protocolVersion"] in runtime["spec"]["protocolVersions"]
    (only,) = runtime["spec"]["containers"]
    assert only["name"] == "kserve-container"  # which KServe looks for
