"""The alerts and the dashboard against what the service tells, and against a real Prometheus."""

import json
import re
import shutil
import socket
import subprocess
import urllib.parse
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from service.api.problems import STATUS
from service.errors import ClientGone
from service.telemetry.gauges import StoreGauge
from service.telemetry.metrics import Metrics
from tests.service.builders import publish_tiny, write_cascade
from tests.service.process.serving import eventually
from tests.service.process.started import Started, ask

DEPLOY = Path(__file__).parents[2] / "deploy"
RULES = DEPLOY / "prometheus" / "alerts.yml"
RUNBOOK = Path(__file__).parents[2] / "docs" / "runbook.md"
PANELS = json.loads((DEPLOY / "grafana" / "dashboards" / "stillhouse.json").read_text())["panels"]
GROUPS = yaml.safe_load(RULES.read_text())["groups"]
ALERTS = [rule for group in GROUPS for rule in group["rules"] if "alert" in rule]
RECORDED = {rule["record"] for group in GROUPS for rule in group["rules"] if "record" in rule}
QUERIES = {
    f"{panel['title']} {target['refId']}": target["expr"]
    for panel in PANELS
    for target in panel["targets"]
}
PROMETHEUS, PROMTOOL = shutil.which("prometheus"), shutil.which("promtool")
needs = pytest.mark.skipif(
    PROMETHEUS is None or PROMTOOL is None,
    reason="Prometheus is not installed (Debian's package `prometheus` has both programs)",
)


def names_in(expression: str) -> set[str]:
    """The metrics that an expression reads, without what a histogram's series end in."""
    found = re.findall(r"\b((?:stillhouse|process)_[a-z_]+)\b", expression)
    return {re.sub(r"_(bucket|sum|count)$", "", name) for name in found}


def test_only_metrics_that_there_are_are_read() -> None:
    """A metric that is renamed takes the panels and alerts with it."""
    metrics = Metrics()
    metrics.gauges.tell([], store=StoreGauge(up=True, synced_at=None))
    told = set(re.findall(r"^# HELP (\S+)", metrics.text().decode(), re.MULTILINE))
    rules = [rule["expr"] for group in GROUPS for rule in group["rules"]]
    for expression in [*QUERIES.values(), *rules]:
        assert names_in(expression) <= told, expression
        assert set(re.findall(r"stillhouse:[a-z0-9_:]+", expression)) <= RECORDED, expression


def test_what_is_no_fault_of_the_service_is_no_failure() -> None:
    """Every error that is the client's own is left out of the shares that fail, and no other."""
    theirs = {
        error for error, status in STATUS.items() if status < 500 and status not in (409, 429)
    }
    own = {error.__name__ for error in (*theirs, ClientGone)}
    rules = [rule for group in GROUPS for rule in group["rules"] if "record" in rule]
    shares = [rule["expr"] for rule in rules if rule["record"].startswith("stillhouse:failed:")]
    assert len(shares) == 4
    for expression in shares:
        (left_out,) = re.findall(r'reason!~"([^"]+)"', expression)
        assert set(left_out.split("|")) == own


def test_the_runbook_has_every_alert() -> None:
    """Each alert points at its own heading, which says what to look at and what to do."""
    text = RUNBOOK.read_text(encoding="utf-8")
    headings = re.findall(r"^## (\w+)$", text, re.MULTILINE)
    assert headings == [one["alert"] for one in ALERTS]
    for alert in ALERTS:
        assert alert["annotations"]["runbook"] == f"docs/runbook.md#{alert['alert'].lower()}"
        part = text.split(f"## {alert['alert']}\n")[1].split("\n## ")[0]
        assert "**Look at**" in part, alert["alert"]
        assert "**Do**" in part, alert["alert"]


@needs
def test_the_alerts_fire_when_they_should() -> None:
    """By promtool: each with figures that it is for, and none with those of a good service."""
    done = subprocess.run(
        [PROMTOOL or "promtool", "test", "rules", "alerts.test.yml"],
        cwd=RULES.parent,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    tested = yaml.safe_load((RULES.parent / "alerts.test.yml").read_text())["tests"]
    for one in tested[:2]:  # the others are of single alerts
        asked = {found["alertname"] for found in one["alert_rule_test"]}
        assert asked == {alert["alert"] for alert in ALERTS}, one["name"]


@pytest.fixture(scope="module")
def watched(tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    """The port of a Prometheus that has scraped the real service under load for a while."""
    place = tmp_path_factory.mktemp("watched")
    models = place / "models"
    publish_tiny(models, "teacher")
    publish_tiny(models, "student", scores={"good": (0.0, 1.0), "bad": (1.0, 0.0)})
    write_cascade(models)
    with (models / "routes.toml").open("a") as routes:
        routes.write('\n[shadow.teacher]\nwith = "student"\nshare = 1.0\n')
    service = Started(place / "log", models=str(models))
    prometheus = None
    try:
        service.until_ready()
        config = yaml.safe_load((RULES.parent / "prometheus.yml").read_text())
        config["global"] = {"scrape_interval": "500ms", "evaluation_interval": "1s"}
        config["rule_files"] = [str(RULES)]
        config["scrape_configs"][0]["static_configs"] = [{"targets": [f"127.0.0.1:{service.port}"]}]
        (place / "prometheus.yml").write_text(yaml.safe_dump(config))
        port = _free_port()
        with (place / "prometheus.log").open("w") as log:
            prometheus = subprocess.Popen(
                [
                    PROMETHEUS or "prometheus",
                    f"--config.file={place / 'prometheus.yml'}",
                    f"--storage.tsdb.path={place / 'data'}",
                    f"--web.listen-address=127.0.0.1:{port}",
                ],
                stdout=log,
                stderr=log,
            )

        def scraped_under_load() -> bool:
            assert prometheus is not None
            assert prometheus.poll() is None, (place / "prometheus.log").read_text()
            for model, text in (("auto", "good"), ("auto", "good good"), ("teacher", "bad")):
                body = {"inputs": [text] * 4, "model": model}
                assert ask(service.port, "POST", "/predict", body).status == 200
            assert ask(service.port, "POST", "/predict", {"inputs": 1}).status == 422
            try:
                (seen,) = query(port, "count_over_time(stillhouse_queue_depth[5m])")[:1]
            except (OSError, ValueError):
                return False
            return float(seen["value"][1]) > 8

        eventually(scraped_under_load)
        yield port
    finally:
        if prometheus is not None:
            prometheus.terminate()
            prometheus.wait(30)
        service.clear()


def _free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        port: int = one.getsockname()[1]
        return port


def query(port: int, expression: str) -> list[dict[str, Any]]:
    """What Prometheus answers now."""
    asked = urllib.parse.urlencode({"query": expression})
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/api/v1/query?{asked}") as response:
        found: list[dict[str, Any]] = json.load(response)["data"]["result"]
        return found


@needs
@pytest.mark.parametrize("name", QUERIES)
def test_no_panel_is_empty(watched: int, name: str) -> None:
    """Each query of the dashboard has an answer, and one that is a number."""
    found = query(watched, QUERIES[name].replace("$__rate_interval", "30s"))
    assert found, QUERIES[name]
    assert any(one["value"][1] != "NaN" for one in found), found


@needs
def test_rules_are_evaluated(watched: int) -> None:
    """The shares that alerts go by are there, and nothing fires but what should."""
    eventually(lambda: all(query(watched, record) for record in RECORDED))
    firing = {one["metric"]["alertname"] for one in query(watched, "ALERTS")}
    assert firing <= {"StillhouseShadowDisagrees", "StillhouseDrift"}, firing
