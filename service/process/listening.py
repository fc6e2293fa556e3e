"""The socket that a service listens on: a port, or a path; and what a port for gRPC needs."""

import errno
import logging
import os
import socket
import stat
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from importlib.util import find_spec
from pathlib import Path

from service.errors import StillhouseError

log = logging.getLogger(__name__)

# The workers of a supervisor that was killed see it and close the port, but not in no time.
PATIENCE_SECONDS = 5.0
LOOK_SECONDS = 0.05


class GrpcMissing(StillhouseError):
    """A port for gRPC was asked for, and grpcio is not installed."""


@contextmanager
def bound(host: str, port: int, path: Path | None) -> Iterator[socket.socket]:
    """A bound socket, on which nobody listens yet; a path is removed again at the end.

    Args:
        host: an address, of IPv6 if there is a colon in it.
        path: of a Unix socket, in place of address and port.

    Raises:
        OSError: the address is another's, or cannot be had.
    """
    found = _bound_to_port(host, port) if path is None else _bound_to_path(path)
    with found:
        log.info("listening", extra={"address": str(path or _written(found))})
        try:
            yield found
        finally:
            if path is not None:
                path.unlink(missing_ok=True)


def check_grpc() -> None:
    """Raises GrpcMissing, which says what to do, unless gRPC can be spoken."""
    for module in ("grpc", "google.protobuf"):
        try:
            found = find_spec(module)
        except ModuleNotFoundError:  # of `google`
            found = None
        if found is None:
            raise GrpcMissing("STILLHOUSE_GRPC_PORT needs grpcio: pip install 'stillhouse[grpc]'")


def check_free(host: str, port: int) -> None:
    """Looks whether a port can be had, before gRPC opens it, whose workers share one.

    Raises:
        OSError: the address is another's, or cannot be had.
    """
    _bound_to_port(host, port).close()


def _bound_to_port(host: str, port: int) -> socket.socket:
    found = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET)
    found.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    give_up = time.monotonic() + PATIENCE_SECONDS
    while True:
        try:
            found.bind((host, port))
        except OSError as error:
            if error.errno == errno.EADDRINUSE and time.monotonic() < give_up:
                time.sleep(LOOK_SECONDS)
                continue
            found.close()
            raise OSError(
                error.errno,
                f"cannot listen on {host} port {port}: {error.strerror}: name another port",
            ) from None
        return found


def _bound_to_path(path: Path) -> socket.socket:
    with suppress(FileNotFoundError):
        if stat.S_ISSOCK(path.stat().st_mode) and not _answers(path):
            path.unlink()  # of a process that was killed
    found = socket.socket(socket.AF_UNIX)
    try:
        found.bind(str(path))
        os.chmod(path, 0o666)  # noqa: S103  as a port: who may come in is said by keys
    except OSError as error:
        found.close()
        raise OSError(error.errno, f"cannot listen on {path}: {error.strerror}") from None
    return found


def _answers(path: Path) -> bool:
    """Whether somebody listens there."""
    with socket.socket(socket.AF_UNIX) as probe:
        try:
            probe.connect(str(path))
        except OSError:
            return False
    return True


def _written(found: socket.socket) -> str:
    host, port = found.getsockname()[:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"
