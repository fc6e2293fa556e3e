"""Whether the next model of a cascade is asked, or what is there is given: a state for each hop.

Knows predicted waits alone: no models, no queues, no clock of its own.
"""

import logging

log = logging.getLogger(__name__)

LOW = 1 / 3  # of the limit: while a brownout lasts, no longer wait than that is taken on
CALM_SECONDS = 1.0  # without a longer wait than that, and it is over


class Brownout:
    """Begins when the wait is over its limit, and ends when it has long been well under it.

    While it lasts the limit is lower, so that the queue is short and still never empty: the model
    goes on answering what it can, and who is asked does not change with every batch.

    Args:
        route: and
        model: name the hop in the log.

    Attributes:
        is_on: it has begun, and not ended.
    """

    __slots__ = ("_hop", "_pressed", "is_on")

    def __init__(self, route: str, model: str) -> None:
        self.is_on = False
        self._hop = {"route": route, "model": model}
        self._pressed = 0.0  # when a wait was last too long

    def lets_on(self, wait: float, limit: float, now: float) -> bool:
        """Whether a text may go on to a model whose answer is that far away.

        Args:
            wait, limit: seconds.
            now: on any one clock.
        """
        if wait > (LOW * limit if self.is_on else limit):
            self.late(now)
            return False
        if self.is_on and now - self._pressed >= CALM_SECONDS:
            self.is_on = False
            log.info("brownout over", extra=self._hop)
        return True

    def late(self, now: float) -> None:
        """Says that an answer is, or would be, late."""
        self._pressed = now
        if not self.is_on:
            self.is_on = True
            log.warning("brownout: cheaper answers are given", extra=self._hop)
