"""Runs the application under uvicorn, in one process or in several on one port."""

import os
import tempfile

import uvicorn
from fastapi import FastAPI
from uvicorn.supervisors import Multiprocess

from service.app import create_app
from service.serving.control import SHARED_FOLDER
from service.settings import Settings
from service.telemetry import logs


def serve(settings: Settings) -> None:
    """Serves until told to stop."""
    # Workers start as new processes and read their settings again.
    for name, value in settings.model_dump(exclude_unset=True).items():
        if name in ("models", "host", "port", "workers"):
            os.environ[f"STILLHOUSE_{name.upper()}"] = str(value)
    logs.configure(settings.log_level)
    config = uvicorn.Config(
        "service.server:new_app",
        factory=True,
        host=settings.host,
        port=settings.port,
        workers=settings.workers,
        log_config=None,
        access_log=False,
        server_header=False,
        timeout_graceful_shutdown=max(1, int(settings.drain_seconds)),
    )
    if settings.workers == 1:
        uvicorn.Server(config).run()
        return
    with tempfile.TemporaryDirectory(prefix="stillhouse-") as shared:
        os.environ[SHARED_FOLDER] = shared
        Multiprocess(config, sockets=[config.bind_socket()]).run()


def new_app() -> FastAPI:
    """The application of one process, with its logs configured."""
    settings = Settings()
    logs.configure(settings.log_level)
    return create_app(settings)
