"""The whole service as `stillhouse serve` runs it, with one handler more, which fails."""

from fastapi import FastAPI
from starlette.requests import Request
from starlette.responses import Response

import service.app
from service.process.server import serve
from service.settings import Settings

create_app = service.app.create_app


async def fail(request: Request) -> Response:
    """Fails with what the client sent in its frames and in its message."""
    key, body = request.headers.get("authorization"), await request.body()
    raise ValueError(f"{key} sent {body!r}")


def create_failing_app(settings: Settings | None = None) -> FastAPI:
    """The application, with `/fail`."""
    app = create_app(settings)
    app.add_route("/fail", fail, methods=["POST"])
    return app


if __name__ == "__main__":
    service.app.create_app = create_failing_app
    serve(Settings())
