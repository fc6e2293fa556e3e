"""What the Deployment says of a stop and of an update: the benchmark does what a cluster would."""

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.reliability.errors import ReliabilityError


@dataclass(frozen=True, slots=True)
class Deployed:
    """Values of a Deployment; times are seconds.

    Attributes:
        replicas: how many pods there are.
        notice: `STILLHOUSE_NOTICE_SECONDS`.
        drain: `STILLHOUSE_DRAIN_SECONDS`.
        grace: after which a pod that was told to stop is killed.
        probe: between two looks at whether a pod is ready.
    """

    replicas: int
    notice: float
    drain: float
    grace: float
    probe: float


def read_deployment(path: Path) -> Deployed:
    """Reads the values.

    Raises:
        ReliabilityError: the file is none, or has a `preStop` hook, which is not imitated here.
    """
    import yaml

    try:
        spec = yaml.safe_load(path.read_text(encoding="utf-8"))["spec"]
        pod: Any = spec["template"]["spec"]
        (container,) = pod["containers"]
        settings = {one["name"]: one["value"] for one in container["env"]}
        if "lifecycle" in container:
            raise ReliabilityError(f"{path}: it has a hook, which this benchmark does not run")
        if spec["strategy"]["rollingUpdate"] != {"maxSurge": 1, "maxUnavailable": 0}:
            raise ReliabilityError(f"{path}: the update is not one pod after another")
        return Deployed(
            replicas=int(spec["replicas"]),
            notice=float(settings["STILLHOUSE_NOTICE_SECONDS"]),
            drain=float(settings["STILLHOUSE_DRAIN_SECONDS"]),
            grace=float(pod["terminationGracePeriodSeconds"]),
            probe=float(container["readinessProbe"]["periodSeconds"]),
        )
    except (OSError, KeyError, TypeError, ValueError, yaml.YAMLError) as error:
        said = re.sub(r"\s+", " ", f"{type(error).__name__}: {error}")
        raise ReliabilityError(f"{path} is no Deployment of the service: {said}") from error
