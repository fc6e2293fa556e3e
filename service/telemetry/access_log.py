"""A line of log for each request, in the form of all others and at a fraction of their cost.

Those come through `logging`, whose records any library can make.
"""

import contextlib
import logging
import sys

from service.telemetry.logs import to_line, to_timestamp
from service.telemetry.record import Record

ACCESS = logging.getLogger("service.access")  # its level holds; no line goes through it


class AccessLog:
    """Writes lines to standard error.

    Args:
        wanted: of every request; else only of those whose texts are to be logged.
    """

    def __init__(self, wanted: bool) -> None:
        self._wanted = wanted

    def write(self, record: Record, trace_id: str | None) -> None:
        """Writes a line, unless the level is above INFO; a stream that is gone is no error."""
        if not (self._wanted or record.texts is not None) or not ACCESS.isEnabledFor(logging.INFO):
            return
        fields: dict[str, object] = {
            "timestamp": to_timestamp(record.at),
            "level": "info",
            "logger": ACCESS.name,
            "message": "request",
            "request_id": record.request_id,
            "method": record.method,
            "path": record.path,
            "status": record.status,
            "ms": round(record.seconds * 1000, 2),
        }
        if record.predicts:
            fields["model"] = record.route
            if degraded := sum([answer.degraded is True for answer in record.answers]):
                fields["degraded"] = degraded
        if record.error is not None:
            fields["error"] = record.error
        if trace_id is not None:
            fields["trace_id"] = trace_id
        if record.texts is not None:
            fields["texts"] = list(record.texts)
        with contextlib.suppress(OSError, ValueError):
            sys.stderr.write(to_line(fields))
