"""Processes that work for a command: they end when it does, however that is stopped."""

import multiprocessing
import os
import threading


def follow_parent() -> None:
    """Ends this process when the one dies that began it, which nothing else tells it."""
    parent = multiprocessing.parent_process()
    assert parent is not None

    def wait() -> None:
        parent.join()
        os._exit(1)

    threading.Thread(target=wait, daemon=True).start()
