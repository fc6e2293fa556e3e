"""Runs the application under uvicorn, in one process or in several on one port.

Imports the application only where it runs: the supervisor of several workers does without.
"""

import logging
import signal
import socket
import sys
from typing import Any

import uvicorn
from fastapi import FastAPI
from pydantic import ValidationError
from uvicorn.config import STARTUP_FAILURE

from service.environment import service_links
from service.errors import StillhouseError
from service.process.connections import BoundedConfig, Limits
from service.process.listening import bound, check_free, check_grpc
from service.process.workers import Supervisor, end_with_supervisor, shared_folder
from service.repository.routes import read_routes_file
from service.settings import Settings
from service.sourcing import held_file_of, mirror_of, repository_of
from service.telemetry import logs

log = logging.getLogger(__name__)

SPARE_SECONDS = 5  # for a worker to end that has nothing left to do


def serve(settings: Settings) -> None:
    """Serves until told to stop; several workers read their settings from the environment.

    Raises:
        StillhouseError: there is no model repository, or files beside its models cannot be read.
        OSError: the address cannot be listened on.
        SystemExit: the service was told to stop, or could not start.
    """
    logs.configure(settings.log_level)
    if links := service_links():
        log.info("ignored: what Kubernetes sets is no setting", extra={"variables": links})
    mirror = mirror_of(settings)
    if mirror is not None:
        mirror.make()
    repository = repository_of(settings, mirror)
    repository.check()
    read_routes_file(repository.routes_file)
    held_file_of(settings, mirror, None).read()
    # uvicorn raises the signal again that ended it, and what is to be cleaned up still is not.
    for sig in (signal.SIGTERM, signal.SIGINT):
        signal.signal(sig, lambda *_: sys.exit(0))
    if settings.grpc_port is not None:
        check_grpc()
        check_free(settings.host, settings.grpc_port)
    with bound(settings.host, settings.port, settings.unix_socket) as listener:
        if settings.workers == 1:
            from service.app import create_app

            server = uvicorn.Server(_config(settings, create_app(settings)))
            server.run([listener])
        else:
            _serve_with_workers(settings, listener)


def _serve_with_workers(settings: Settings, listener: socket.socket) -> None:
    config = _config(
        settings, "service.process.server:new_app", factory=True, workers=settings.workers
    )
    with shared_folder():
        supervisor = Supervisor(
            config, [listener], settings.worker_health_seconds, _stop_seconds(settings)
        )
        supervisor.run()
        if supervisor.failed:
            sys.exit(STARTUP_FAILURE)


def new_app() -> FastAPI:
    """The application of one worker, with its logs configured.

    Raises:
        SystemExit: it cannot be made, and another worker could not make it either.
    """
    try:
        settings = Settings()
        logs.configure(settings.log_level)
        end_with_supervisor(_stop_seconds(settings))
        from service.app import create_app

        return create_app(settings)
    except (StillhouseError, ValidationError, OSError) as error:
        log.error("the service cannot start", extra={"why": str(error)})
        sys.exit(STARTUP_FAILURE)


def _stop_seconds(settings: Settings) -> float:
    """The longest that a worker takes to stop: what drains and what uvicorn still waits for."""
    return settings.notice_seconds + 2 * settings.drain_seconds + SPARE_SECONDS


def _config(settings: Settings, app: Any, **options: Any) -> BoundedConfig:
    limits = Limits(
        head_bytes=settings.max_head_bytes,
        head_seconds=settings.head_seconds,
        body_seconds=settings.body_seconds,
        read_seconds=settings.keep_alive_seconds,
    )
    most = settings.max_connections
    return BoundedConfig(
        app,
        limits,
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,  # nobody asks which client it is
        root_path=settings.root_path,
        backlog=settings.backlog,
        # uvicorn counts the connection that asks, and refuses at the limit.
        limit_concurrency=None if most is None else most + 1,
        timeout_keep_alive=settings.keep_alive_seconds,
        timeout_worker_healthcheck=settings.worker_health_seconds,
        timeout_graceful_shutdown=max(1, int(settings.drain_seconds)),
        **options,
    )
