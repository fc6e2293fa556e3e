"""A process that counts a request, says how its version is, and prints its metrics when asked.

Each line on its input is a list of version gauges as JSON; the metrics follow, then a line of end.
"""

import json
import sys

from service.telemetry.gauges import VersionGauge
from service.telemetry.metrics import Metrics
from tests.service.telemetry.builders import answer, record

END = "# END"


def main() -> None:
    """Runs until its input ends."""
    metrics = Metrics()
    metrics.count([record([answer()])])
    for line in sys.stdin:
        metrics.gauges.tell([VersionGauge(*row) for row in json.loads(line)])
        print(metrics.text().decode() + END, flush=True)  # noqa: T201


if __name__ == "__main__":
    main()
