"""The port: opened on the running event loop, and closed without losing a call."""

import asyncio
import logging

import grpc
from grpc import aio

from service.api.edge.security import GRPC
from service.api.grpc.call import handlers
from service.api.grpc.methods import METHODS
from service.api.state import Service

log = logging.getLogger(__name__)

# Between the first refusal and the end of the port: what gRPC has queued when a port ends fails
# with CANCELLED, which no client tries again, and what is refused fails with UNAVAILABLE.
LINGER_SECONDS = 0.5


class GrpcServer:
    """gRPC's own server on a port of the service.

    Args:
        service: that answers.
        port: 0: any that is free.

    Attributes:
        port: where it listens, once it has started.
    """

    def __init__(self, service: Service, port: int) -> None:
        self._service = service
        self.port = port
        self._server: aio.Server | None = None
        self._stopping: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Listens.

        Raises:
            OSError: the address is another's, or cannot be had.
        """
        settings = self._service.settings
        server = aio.server(
            options=[
                # One process alone shares its port with no other, which would take half the calls.
                ("grpc.so_reuseport", int(settings.workers > 1)),
                # Above this grpc refuses unheard; between the two the client is told, and counted.
                ("grpc.max_receive_message_length", 2 * settings.max_body_bytes),
                ("grpc.max_metadata_size", settings.max_head_bytes),
                # A connection outlives no notice: its client makes another, where the balancer
                # now sends it. So calls are spread anew over workers and replicas, too.
                ("grpc.max_connection_age_ms", max(1000, int(500 * settings.notice_seconds))),
                ("grpc.max_connection_idle_ms", 1000 * settings.keep_alive_seconds),
                ("grpc.server_handshake_timeout_ms", int(1000 * settings.head_seconds)),
            ]
        )
        methods = handlers(self._service, METHODS)
        name = GRPC.strip("/")
        server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(name, methods),))
        host = f"[{settings.host}]" if ":" in settings.host else settings.host
        try:
            self.port = server.add_insecure_port(f"{host}:{self.port}")
        except RuntimeError as error:
            raise OSError(f"cannot listen for gRPC on {host} port {self.port}: {error}") from None
        await server.start()
        self._server = server
        log.info("listening for gRPC", extra={"address": f"{host}:{self.port}"})

    def close(self) -> None:
        """Begins the end of the port, which comes a little later; clients are told to leave it.

        New predictions are refused by the service itself, once it is closed.
        """
        if self._server is not None and self._stopping is None:
            log.info("gRPC takes no new calls")
            end = self._end(self._server)
            self._stopping = asyncio.get_running_loop().create_task(end)

    async def stop(self) -> None:
        """Waits for the calls in flight, as long as a stop may take; then ends them."""
        self.close()
        if self._stopping is not None:
            await self._stopping

    async def _end(self, server: aio.Server) -> None:
        await asyncio.sleep(LINGER_SECONDS)
        await server.stop(self._service.settings.drain_seconds)
