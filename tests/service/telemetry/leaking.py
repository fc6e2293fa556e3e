"""A server whose every request fails with the client's key and text in its frames.

`python -m tests.service.telemetry.leaking` prints its port, and serves until told to stop.
"""

import socket

import uvicorn
from starlette.requests import Request
from starlette.types import Receive, Scope, Send

from service.telemetry import logs

READY = "port "


async def app(scope: Scope, receive: Receive, send: Send) -> None:
    """Reads the body and fails with it."""
    request = Request(scope, receive, send)
    key, body = request.headers.get("authorization"), await request.body()
    raise ValueError(f"{key} sent {body!r}")


class Server(uvicorn.Server):
    """Says on which port it listens."""

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """As uvicorn's."""
        await super().startup(sockets)
        port = self.servers[0].sockets[0].getsockname()[1]
        print(f"{READY}{port}", flush=True)  # noqa: T201


if __name__ == "__main__":
    logs.configure("debug")
    Server(uvicorn.Config(app, port=0, lifespan="off", log_config=None, access_log=False)).run()
