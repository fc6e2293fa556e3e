"""Runs the application under uvicorn, with a stop that loses no request.

On SIGTERM or SIGINT `/readyz` says no and new predictions get 503, while what was accepted
is answered; the listening socket closes when that is done, or when the limit has passed.
"""

import asyncio
import time
from types import FrameType

import uvicorn

from service import logs
from service.api.state import State
from service.app import create_app
from service.settings import Settings


class DrainingServer(uvicorn.Server):
    """A uvicorn server whose first signal drains and whose second stops at once."""

    def __init__(self, config: uvicorn.Config, state: State) -> None:
        super().__init__(config)
        self._state = state

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """Called by uvicorn for SIGTERM and SIGINT."""
        if self._state.draining:
            super().handle_exit(sig, frame)
            return
        self._state.draining = True
        # A signal handler runs between two bytecodes: only this call also wakes the loop.
        asyncio.get_running_loop().call_soon_threadsafe(self._start_drain, sig, frame)

    def _start_drain(self, sig: int, frame: FrameType | None) -> None:
        self._draining = asyncio.create_task(self._drain(sig, frame))

    async def _drain(self, sig: int, frame: FrameType | None) -> None:
        give_up = time.monotonic() + self._state.settings.drain_seconds
        # Long enough for a load balancer's next look at /readyz, if it looks every second.
        await asyncio.sleep(min(1.0, self._state.settings.drain_seconds))
        while self._state.registry.depth:
            if time.monotonic() > give_up:
                break
            await asyncio.sleep(0.02)
        super().handle_exit(sig, frame)


def serve(settings: Settings) -> None:
    """Serves until told to stop."""
    logs.configure(settings.log_level)
    app = create_app(settings)
    config = uvicorn.Config(
        app,
        host=settings.host,
        port=settings.port,
        log_config=None,
        access_log=False,
        server_header=False,
        timeout_graceful_shutdown=max(1, int(settings.drain_seconds)),
    )
    DrainingServer(config, app.state.service).run()
