"""A process that configures its logs as the service does and fails in the way it is told to.

`python -m tests.service.telemetry.failures WAY`. Every way has `SECRET` in a local variable, in
an argument or in an exception's message, as a handler has a client's key and text.
"""

import asyncio
import gc
import logging
import sys
import threading
import warnings
from collections.abc import Callable

import uvloop

from service.errors import InvalidInput, RepositoryError
from service.telemetry import logs

SECRET = "hush-hush"
log = logging.getLogger("tests.failures")


class Holder:
    """Tells what it holds to whoever prints it."""

    def __repr__(self) -> str:
        return SECRET

    def __del__(self) -> None:
        raise ValueError(SECRET)


def fail() -> None:
    """Fails with the secret in its frame, in its message and in its cause's."""
    body = {"authorization": SECRET, "inputs": SECRET}
    try:
        raise KeyError(body["inputs"])
    except KeyError as error:
        raise ValueError(f"no such text: {SECRET}") from error


def logged() -> None:
    """An exception that somebody logs."""
    try:
        fail()
    except ValueError:
        log.exception("it failed")


def quoted() -> None:
    """An error of the service's own that quotes the client."""
    log.error("it failed", exc_info=InvalidInput(f"{SECRET} is no text"))


def grouped() -> None:
    """Several at once, as task groups raise them."""
    error = ExceptionGroup(SECRET, [ValueError(SECRET), RepositoryError("student/1: it is gone")])
    log.error("it failed", exc_info=error)


def arguments() -> None:
    """A line whose arguments do not fit it, and one with an object that has no form in JSON."""
    log.error("%d texts", SECRET)
    log.error("a line", extra={"given": Holder.__new__(Holder), "raw": b"\xff"})


def thread() -> None:
    """A thread that ends by an exception."""
    started = threading.Thread(target=fail, name="student@1")
    started.start()
    started.join()


def unraisable() -> None:
    """An exception where none can be raised."""
    Holder()
    gc.collect()


def uncaught() -> None:
    """The process ends by an exception."""
    fail()


def warned() -> None:
    """A library warns."""
    warnings.warn("this is old", DeprecationWarning, stacklevel=1)


async def _loop() -> None:
    async def task() -> None:
        fail()

    async def passes(_: str) -> None:
        fail()

    def callback(_: str) -> None:
        fail()

    loop = asyncio.get_running_loop()
    loop.call_soon(callback, SECRET)
    future = loop.create_future()
    future.set_exception(ValueError(SECRET))
    del future
    running = [asyncio.create_task(task()), asyncio.create_task(passes(SECRET))]
    await asyncio.sleep(0.01)
    running.clear()
    gc.collect()


def loop() -> None:
    """Tasks and callbacks that fail on the event loop."""
    asyncio.run(_loop())


def fast_loop() -> None:
    """The same on the loop that the service has."""
    uvloop.run(_loop())


WAYS: dict[str, Callable[[], None]] = {
    way.__name__: way
    for way in (
        logged,
        quoted,
        grouped,
        arguments,
        thread,
        unraisable,
        uncaught,
        warned,
        loop,
        fast_loop,
    )
}


if __name__ == "__main__":
    logging.getLogger("library").addHandler(logging.StreamHandler())  # a form of its own
    logs.configure("info")
    logging.getLogger("library").info("hello", extra={"color_message": "\x1b[1mhello"})
    log.debug("not said")
    WAYS[sys.argv[1]]()
