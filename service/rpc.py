"""gRPC beside HTTP, where a setting asks for it; nothing of it is imported where none does."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from importlib.util import find_spec

from service.api.state import Service
from service.errors import StillhouseError

NAME = "STILLHOUSE_GRPC_PORT"


class GrpcMissing(StillhouseError):
    """A port for gRPC was asked for, and grpcio is not installed."""


def check_grpc() -> None:
    """Raises GrpcMissing, which says what to do, unless gRPC can be spoken."""
    for module in ("grpc", "google.protobuf"):
        try:
            found = find_spec(module)
        except ModuleNotFoundError:  # of `google`
            found = None
        if found is None:
            raise GrpcMissing(f"{NAME} needs grpcio: pip install 'stillhouse[grpc]'")


@asynccontextmanager
async def spoken(service: Service) -> AsyncIterator[Callable[[], None]]:
    """Listens for gRPC, if a setting says so; gives what closes it to new calls.

    Raises:
        OSError: the port cannot be listened on.
    """
    port = service.settings.grpc_port
    if port is None:
        yield lambda: None
        return
    from service.api.grpc.server import GrpcServer

    server = GrpcServer(service, port)
    await server.start()
    service.grpc_port = server.port
    try:
        yield server.close
    finally:
        await server.stop()
