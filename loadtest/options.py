"""Reads the values of `stillhouse loadtest`'s options. Every error says what is expected."""

import os
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import urlsplit

import click

from loadtest.load import KEY_VARIABLE, Batch, Segment
from loadtest.run.limits import Limit, LimitUnfit, parse_limits, parse_objective

Value = TypeVar("Value")
SEGMENT = re.compile(r"(?P<first>[\d.]+)(-(?P<last>[\d.]+))?/(?P<time>\d+)(?P<unit>s|m|)")
MOST_TEXTS = 128  # in a request; the service's own default


class Read(click.ParamType[Any]):
    """A type of option that a function reads; its ValueError is click's error."""

    def __init__(self, name: str, function: Callable[[str], Any]) -> None:
        self.name = name
        self._function = function

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Reads what was written; a default that is no text stays as it is."""
        if not isinstance(value, str):
            return value
        try:
            return self._function(value)
        except ValueError as error:
            return self.fail(str(error), param, ctx)


def read_host(value: str) -> str:
    """An address without a path's end, a user or a query."""
    parts = urlsplit(value)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ValueError("expected http://HOST:PORT")
    if parts.username is not None or parts.query or parts.fragment:
        raise ValueError("a user name, a query or a fragment has no place here")
    return value.rstrip("/")


def read_users(value: str) -> tuple[int, ...]:
    """One number of users or several: `8` or `1,8,32`."""
    return _each(value, _whole, "expected a number of users, or several with commas: 1,8,32")


def read_rates(value: str) -> tuple[float, ...]:
    """One rate or several: `200` or `50,100,200`."""
    expected = "expected requests per second, or several rates with commas: 50,100,200"
    return _each(value, _positive, expected)


def read_profile(value: str) -> tuple[Segment, ...]:
    """Rates over time: `0-500/60s` is a ramp, `100/20s,1000/5s,100/20s` a spike."""
    found = []
    for part in value.split(","):
        form = SEGMENT.fullmatch(part.strip())
        if form is None:
            raise ValueError(
                f"{part!r} is no part of a profile; expected RATE/TIME or FROM-TO/TIME, like "
                "0-500/60s, or 100/20s,1000/5s,100/20s"
            )
        seconds = int(form["time"]) * (60 if form["unit"] == "m" else 1)
        found.append(Segment(seconds, float(form["first"]), float(form["last"] or form["first"])))
    if not all(segment.seconds for segment in found) or not sum(s.requests for s in found):
        raise ValueError("every part of a profile lasts for a second at least, and one has a rate")
    return tuple(found)


def read_mix(value: str) -> tuple[tuple[str, float], ...]:
    """Models and their weights: `student=0.8,teacher=0.2`."""
    expected = "expected models and weights, like student=0.8,teacher=0.2"
    return tuple(_pairs(value, str.strip, expected).items())


def read_batches(value: str) -> tuple[Batch, ...]:
    """Texts in a request: `8`, or sizes and weights: `1=0.9,8=0.1`."""
    expected = f"expected 1 to {MOST_TEXTS} texts, or sizes and weights like 1=0.9,8=0.1"
    written = value if "=" in value else f"{value}=1"
    found = tuple(Batch(size, share) for size, share in _pairs(written, _whole, expected).items())
    if any(batch.texts > MOST_TEXTS for batch in found):
        raise ValueError(expected)
    return found


def read_share(value: str) -> float:
    """A share: `5%` or `0.05`."""
    try:
        share = float(value.removesuffix("%")) / (100 if value.endswith("%") else 1)
    except ValueError:
        share = -1.0
    if not 0 <= share <= 1:
        raise ValueError("expected a share, like 20% or 0.2")
    return share


def read_fail_if(value: str) -> tuple[Limit, ...]:
    """Limits of one run; relative ones belong to a comparison."""
    found = parse_limits(value)
    for limit in found:
        if limit.relative:
            raise LimitUnfit(f"{limit.written!r} is relative: that belongs to `loadtest compare`")
    return found


def read_change(value: str) -> tuple[Limit, ...]:
    """Limits of a change from one report to another."""
    found = parse_limits(value)
    for limit in found:
        if not limit.relative:
            raise LimitUnfit(f"{limit.written!r} is no change; expected like p99>+10%")
    return found


def read_key(path: Path | None) -> str | None:
    """The key: the first line of the file, or else the environment's.

    Raises:
        click.ClickException: the file cannot be read, or holds none; it never says what it holds.
    """
    if path is None:
        return os.environ.get(KEY_VARIABLE) or None
    try:
        lines = path.read_text(encoding="utf-8").split("\n")
    except (OSError, UnicodeDecodeError) as error:
        raise click.ClickException(f"--api-key-file {path} cannot be read") from error
    keys = [line.strip() for line in lines if line.strip()]
    if not keys:
        raise click.ClickException(f"--api-key-file {path} holds no key")
    return keys[0]


def _each(value: str, read: Callable[[str], Value], expected: str) -> tuple[Value, ...]:
    try:
        return tuple(dict.fromkeys(read(part) for part in value.split(",")))
    except ValueError as error:
        raise ValueError(expected) from error


def _pairs(value: str, read: Callable[[str], Value], expected: str) -> dict[Value, float]:
    found: dict[Value, float] = {}
    for part in value.split(","):
        name, sign, weight = part.partition("=")
        try:
            found[read(name)] = _positive(weight)
        except ValueError as error:
            raise ValueError(expected) from error
        if not sign or not name.strip():
            raise ValueError(expected)
    return found


def _whole(value: str) -> int:
    if (found := int(value)) < 1:
        raise ValueError
    return found


def _positive(value: str) -> float:
    if not 0 < (found := float(value)) < float("inf"):
        raise ValueError
    return found


HOST = Read("URL", read_host)
USERS = Read("USERS", read_users)
RATES = Read("RATES", read_rates)
PROFILE = Read("PROFILE", read_profile)
MIX = Read("MIX", read_mix)
BATCHES = Read("TEXTS", read_batches)
SHARE = Read("SHARE", read_share)
FAIL_IF = Read("LIMITS", read_fail_if)
CHANGES = Read("LIMITS", read_change)
OBJECTIVE = Read("LIMITS", parse_objective)
