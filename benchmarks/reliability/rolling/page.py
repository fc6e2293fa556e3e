"""The paragraph of docs/kubernetes.md, made of the file of results."""

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

from benchmarks.reliability.results import Conditions
from benchmarks.reliability.rolling.rollout import Plan, Rollout

BEGIN = "<!-- rolling: written by `python -m benchmarks reliability rolling` -->"
END = "<!-- /rolling -->"


def to_json(plan: Plan, conditions: Conditions, nginx: str, found: Rollout) -> dict[str, Any]:
    """What the file of results holds."""
    return {
        "schema_version": 1,
        "plan": asdict(plan),
        "conditions": asdict(conditions),
        "nginx": nginx,
        "rollout": asdict(found),
    }


def write(found: dict[str, Any], path: Path) -> None:
    """Writes the file of results."""
    path.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")


def to_markdown(found: dict[str, Any]) -> str:
    """The paragraph."""
    plan, rollout, conditions = found["plan"], found["rollout"], found["conditions"]
    deployed, tally, machine = plan["deployed"], rollout["tally"], conditions["machine"]
    good = tally["fates"].get("ok", 0)
    lost = tally["requests"] - good
    if lost:
        told = f"**{lost} of {tally['requests']:,} requests were lost**"
    else:
        told = f"**all {tally['requests']:,} requests were answered**, each with the right label"
    lines = [
        f"{told}: {plan['rate']:g} a second for {rollout['seconds']:g} s, through "
        f"{found['nginx']} with keep-alive to the pods ({rollout['kept_alive']} connections "
        f"open before the update) and no second try, while {deployed['replicas']} pods got their "
        f"successors. A pod was told to stop once its successor had been ready for "
        f"{deployed['probe']:g} s; nginx went on sending it requests for "
        f"{plan['endpoint_seconds']:g} s after that, and the next successor started meanwhile. "
        f"Notice {deployed['notice']:g} s, drain {deployed['drain']:g} s, grace "
        f"{deployed['grace']:g} s.",
        "",
        "| pod | answered | ended after SIGTERM | exit status |",
        "| --- | ---: | ---: | ---: |",
    ]
    for pod in rollout["pods"]:
        ended = "" if pod["stopped_after"] is None else f"{pod['stopped_after']:.1f} s"
        status = "runs" if pod["stopped_after"] is None else pod["exit_status"]
        lines.append(f"| {pod['name']} | {pod['answered']:,} | {ended} | {status} |")
    lines += [
        "",
        f"`{plan['model']}`, {machine['cpu']}, {machine['cpus']} CPUs, pods on one core, nginx and "
        f"the client on another; before the start others kept the pods' core "
        f"{100 * machine['server_core_busy']:.0f}% busy. {conditions['started_at']}, commit "
        f"{conditions['commit']}.",
    ]
    return "\n".join(lines) + "\n"
