"""An OpenAI-compatible endpoint, asked one thing at a time: retries, pace, and no words of its own.

No key and no text is in an error or a log: what an endpoint says of a failure may quote both, so
only its status and its code are told.
"""

import json
import logging
import random
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any, Literal

import openai

from training.errors import EndpointError
from training.label.prompt import Message

Api = Literal["chat", "completions"]

TRIES = 8
LONGEST_WAIT = 120.0  # seconds; an endpoint that asks for more is told to the user
FIRST_WAIT = 0.5
AGAIN = (408, 409, 425, 429)  # and all of 500 and above
SPENT = ("insufficient_quota", "billing_hard_limit_reached")
TOP = 20  # the most alternatives that chat endpoints give
LOGGERS = ("openai", "httpx", "httpx2", "httpcore", "httpcore2")  # they would log what is sent


@dataclass(frozen=True)
class Said:
    """What an endpoint answered.

    Attributes:
        text: of the answer.
        top: log-probabilities of what its first token might have been; None: it gives none.
    """

    text: str
    top: dict[str, float] | None


class Pace:
    """Lets no more than so many requests a minute begin, whoever asks.

    Args:
        per_minute: requests; None: as many as come.
    """

    def __init__(
        self,
        per_minute: float | None,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._step = 60 / per_minute if per_minute else 0.0
        self._clock, self._sleep = clock, sleep
        self._lock = threading.Lock()
        self._next = 0.0

    def wait(self) -> None:
        """Returns when the caller may begin."""
        with self._lock:
            now = self._clock()
            begins = max(now, self._next)
            self._next = begins + self._step
        if begins > now:
            self._sleep(begins - now)

    def hold(self, seconds: float) -> None:
        """Has everybody wait: the endpoint has asked for it."""
        with self._lock:
            self._next = max(self._next, self._clock() + seconds)


class Client:
    """Asks an endpoint.

    Args:
        url: of the API, such as https://host/v1.
        key: that is sent; endpoints at home take any.
        timeout: seconds of one request.
        sleep: waits between tries.
    """

    def __init__(
        self,
        url: str,
        model: str,
        key: str | None,
        *,
        api: Api = "chat",
        pace: Pace | None = None,
        timeout: float = 60.0,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        for name in LOGGERS:
            logging.getLogger(name).setLevel(logging.WARNING)
        self.url, self.model, self.api = url, model, api
        self._pace = pace or Pace(None)
        self._sleep = sleep
        self._keyed = bool(key)
        self._client = openai.OpenAI(
            base_url=url, api_key=key or "none", max_retries=0, timeout=timeout
        )

    def ask(self, asked: str | Sequence[Message], *, tokens: int, sampled: int = 0) -> Said:
        """One answer.

        Args:
            asked: a prompt for completions, turns for chat.
            tokens: the most of the answer.
            sampled: the draw's number, from 1: the answer is drawn at temperature 1; 0: the
                likeliest one, with log-probabilities.

        Raises:
            EndpointError: it refuses, or does not answer after all tries.
        """
        reason = ""
        for attempt in range(TRIES):
            self._pace.wait()
            try:
                return self._once(asked, tokens, sampled)
            except openai.APIStatusError as error:
                if not _passes(error):
                    raise self._refusal(error) from None
                reason = f"status {error.status_code}"
                wait = _asked_to_wait(error)
            except openai.APITimeoutError:
                reason, wait = "no answer in time", None
            except (openai.APIError, json.JSONDecodeError, _Cut):
                reason, wait = "the connection or the answer broke off", None
            if wait is not None and wait > LONGEST_WAIT:
                raise EndpointError(
                    f"{self.url} asks to wait {wait:.0f} s ({reason}): give the same command "
                    "then; what was labelled is kept"
                )
            if attempt + 1 == TRIES:
                break
            if wait is None:
                wait = min(LONGEST_WAIT, FIRST_WAIT * 2**attempt)
                wait *= random.uniform(0.5, 1)  # noqa: S311  spreads tries, hides nothing
            else:
                self._pace.hold(wait)
            self._sleep(wait)
        raise EndpointError(
            f"{self.url} failed {TRIES} times, the last time with: {reason}; what was labelled is "
            "kept, and the same command goes on"
        )

    def _once(self, asked: str | Sequence[Message], tokens: int, sampled: int) -> Said:
        drawn: dict[str, Any] = (
            {"temperature": 1.0, "seed": sampled} if sampled else {"temperature": 0.0}
        )
        create: Any = (
            self._client.chat.completions.create
            if self.api == "chat"
            else self._client.completions.create
        )
        if self.api == "chat":
            named: dict[str, Any] = {"messages": list(asked), "max_completion_tokens": tokens}
            if not sampled:
                named |= {"logprobs": True, "top_logprobs": TOP}
        else:
            named = {"prompt": asked, "max_tokens": tokens}
            if not sampled:
                named["logprobs"] = TOP
        answer = create(model=self.model, **named, **drawn)
        try:
            choice = answer.choices[0]
            if self.api == "chat":
                return Said(choice.message.content or "", _chat_top(choice.logprobs))
            return Said(choice.text or "", _completion_top(choice.logprobs))
        except (AttributeError, IndexError, KeyError, TypeError):
            raise _Cut from None

    def _refusal(self, error: openai.APIStatusError) -> EndpointError:
        code = error.code or error.type or "no code"
        said = f"{self.url} refuses with status {error.status_code} ({code:.60})"
        if error.code in SPENT:
            return EndpointError(
                f"{said}: the account's quota is used up; what was labelled is kept"
            )
        if error.status_code in (401, 403):
            which = "the key" if self._keyed else "no key, for the variable is not set: it"
            return EndpointError(f"{said}: {which} is not taken; set OPENAI_API_KEY to one that is")
        if error.status_code == 404:
            return EndpointError(f"{said}: it has no model {self.model!r}, or no such API there")
        return RequestRefused(
            f"{said}: it does not take such requests; --api names the other API, and --samples N "
            "asks for no log-probabilities"
        )


class RequestRefused(EndpointError):
    """What was sent is not taken: no such request, or not this one."""


class _Cut(Exception):
    """An answer that is not whole."""


def _passes(error: openai.APIStatusError) -> bool:
    """Whether a failure may be over soon."""
    if error.code in SPENT:
        return False
    return error.status_code in AGAIN or error.status_code >= 500


def _asked_to_wait(error: openai.APIStatusError) -> float | None:
    """The seconds of Retry-After, a number or a date (RFC 9110, 10.2.3)."""
    said = error.response.headers.get("retry-after")
    if said is None:
        return None
    try:
        return max(0.0, float(said))
    except ValueError:
        pass
    try:
        when = parsedate_to_datetime(said)
    except ValueError:
        return None
    when = when if when.tzinfo else when.replace(tzinfo=UTC)
    return max(0.0, (when - datetime.now(UTC)).total_seconds())


def _chat_top(logprobs: Any) -> dict[str, float] | None:
    content = getattr(logprobs, "content", None)
    if not content or not content[0].top_logprobs:
        return None
    return {one.token: float(one.logprob) for one in content[0].top_logprobs}


def _completion_top(logprobs: Any) -> dict[str, float] | None:
    top = getattr(logprobs, "top_logprobs", None)
    return {token: float(log) for token, log in top[0].items()} if top else None
