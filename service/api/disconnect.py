"""Ends the work on a request whose client has gone."""

import asyncio
import time
from types import TracebackType
from typing import Self

from fastapi import Request

from service.errors import ClientGone
from service.serving.deadlines import Deadlines

GRACE_SECONDS = 0.2  # a request that is answered sooner is not watched: most are


class CancelledOnDisconnect:
    """Cancels the body of the `with` when the client disconnects; it ends in ClientGone."""

    def __init__(self, request: Request, deadlines: Deadlines) -> None:
        self._request = request
        self._deadlines = deadlines
        self._gone = False
        self._watcher: asyncio.Task[None] | None = None

    def __enter__(self) -> Self:
        task = asyncio.current_task()
        assert task is not None
        self._task = task
        self._number = self._deadlines.add(time.monotonic() + GRACE_SECONDS, self._begin)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, _: BaseException | None, __: TracebackType | None
    ) -> None:
        self._deadlines.remove(self._number)
        if self._watcher is not None:
            self._watcher.cancel()
        if self._gone and kind is asyncio.CancelledError:
            self._task.uncancel()
            raise ClientGone("the client closed the connection") from None

    def _begin(self) -> None:
        self._watcher = self._task.get_loop().create_task(self._watch())

    async def _watch(self) -> None:
        while (await self._request.receive())["type"] != "http.disconnect":
            pass
        self._gone = True
        self._task.cancel()
