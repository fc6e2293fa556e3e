"""gRPC beside HTTP, where a setting asks for it; nothing of it is imported where none does."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from service.api.state import Service


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
