"""Logs as JSON, one object a line, on standard error.

No line holds what a client sent: of an exception it tells the kind and where it came from, and
its message only if the kind is one that cannot hold a client's words.
"""

import json
import logging
import re
import sys
import threading
from contextvars import ContextVar
from datetime import UTC, datetime
from types import TracebackType
from typing import Any

from pydantic_core import to_json

from service.errors import InvalidInput, StillhouseError, UnknownModel, UnreadableEncoding

log = logging.getLogger(__name__)

request_id: ContextVar[str | None] = ContextVar("request_id", default=None)

MOST_FRAMES = 40  # of one exception, the innermost
MOST_CAUSES = 8
# Their messages are ours or the system's, but for those that quote what a client sent.
SPEAKING = (StillhouseError, OSError)
QUOTING = (InvalidInput, UnknownModel, UnreadableEncoding)

_STANDARD = {*vars(logging.makeLogRecord({})), "message", "asctime", "color_message"}
# The event loop's own messages go on with reprs: of arguments, of results, of exceptions.
_REPRS = re.compile(r"[(<\n].*", re.DOTALL)


def configure(level: str) -> None:
    """Sends every logger of the process, and every exception that nobody caught, to one form."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonFormatter())
    logging.basicConfig(level=level.upper(), handlers=[handler], force=True)
    for logger in list(logging.root.manager.loggerDict.values()):
        if isinstance(logger, logging.Logger):
            logger.handlers.clear()
            logger.propagate = True
    logging.captureWarnings(True)
    # What `logging` says of a line that it could not write quotes the line.
    logging.raiseExceptions = False
    sys.excepthook = _uncaught
    sys.unraisablehook = _unraisable
    threading.excepthook = _uncaught_in_thread


class JsonFormatter(logging.Formatter):
    """A log record as a line of JSON."""

    def format(self, record: logging.LogRecord) -> str:
        """The line, without its end; never raises."""
        fields: dict[str, object] = {
            "timestamp": to_timestamp(record.created),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": _message(record),
        }
        fields |= {name: value for name, value in vars(record).items() if name not in _STANDARD}
        of = request_id.get()
        if of is not None and record.name != "asyncio":  # it speaks of tasks of long ago
            fields.setdefault("request_id", of)
        if record.exc_info and record.exc_info[1] is not None:
            fields["exception"] = describe(record.exc_info[1])
        return to_line(fields)[:-1]


def describe(error: BaseException, deep: int = MOST_CAUSES) -> dict[str, object]:
    """An exception as its kind, where it passed, and what caused it; without any value."""
    found: dict[str, object] = {"type": type(error).__qualname__}
    if _may_speak(error):
        found["message"] = str(error)
    found["frames"] = _frames(error.__traceback__)
    if deep == 0:
        return found
    if isinstance(error, BaseExceptionGroup):
        found["exceptions"] = [describe(each, deep - 1) for each in error.exceptions[:MOST_CAUSES]]
    cause = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
    if cause is not None:
        found["cause"] = describe(cause, deep - 1)
    return found


def to_line(fields: dict[str, object]) -> str:
    """Fields as a line; what JSON has no form for is told by its kind."""
    try:
        return to_json(fields, fallback=_kind).decode() + "\n"
    except ValueError:  # half of a surrogate pair, or bytes that are no text
        return json.dumps(fields, default=_kind) + "\n"


def to_timestamp(seconds: float) -> str:
    """ISO 8601, from seconds since 1970."""
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="microseconds")[:-6] + "Z"


def _kind(value: object) -> str:
    return f"<{type(value).__qualname__}>"


def _message(record: logging.LogRecord) -> str:
    try:
        message = record.getMessage()
    except Exception:  # its arguments do not fit
        message = str(record.msg)
    return _REPRS.sub("", message).rstrip() if record.name == "asyncio" else message


def _may_speak(error: BaseException) -> bool:
    if isinstance(error, SPEAKING):
        return not isinstance(error, QUOTING)
    return type(error).__module__.startswith("onnxruntime.")


def _frames(traceback: TracebackType | None) -> list[str]:
    frames = []
    while traceback is not None:
        code = traceback.tb_frame.f_code
        frames.append(f"{code.co_filename}:{traceback.tb_lineno} {code.co_qualname}")
        traceback = traceback.tb_next
    return frames[-MOST_FRAMES:]


def _uncaught(
    kind: type[BaseException], error: BaseException, traceback: TracebackType | None
) -> None:
    if issubclass(kind, KeyboardInterrupt):
        return
    log.critical("the process ends", exc_info=(kind, error, traceback))


def _uncaught_in_thread(args: threading.ExceptHookArgs) -> None:
    if args.exc_value is None or issubclass(args.exc_type, SystemExit):
        return
    name = args.thread.name if args.thread else None
    log.critical("a thread ended", exc_info=args.exc_value, extra={"thread_name": name})


def _unraisable(args: Any) -> None:
    log.error("an error that nobody could be told of", exc_info=args.exc_value)
