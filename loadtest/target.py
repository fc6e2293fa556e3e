"""Is the service there, and has it the models? Asks `/readyz` and `/models`, nothing else."""

import json
from collections.abc import Iterable
from typing import Any

import urllib3

TIMEOUT = 5.0  # seconds


class TargetUnfit(Exception):
    """The service does not answer, is not ready, or does not serve what is to be tested."""


def check_target(host: str, models: Iterable[str]) -> None:
    """Checks that a service is ready and serves these models.

    Raises:
        TargetUnfit: it is not, or does not.
    """
    with urllib3.PoolManager(timeout=TIMEOUT, retries=False) as pool:
        status, body = _get(pool, f"{host}/readyz")
        if status != 200:
            raise TargetUnfit(f"{host}/readyz says {status}: {_status_of(body)}")
        status, body = _get(pool, f"{host}/models")
    try:
        states = {model["name"]: model["state"] for model in body["models"]}
    except (LookupError, TypeError) as error:
        raise TargetUnfit(f"{host}/models is not a list of models (status {status})") from error
    for name in models:
        if name not in states:
            there_are = ", ".join(sorted(states)) or "none"
            raise TargetUnfit(f"{host} has no model {name!r}; there are: {there_are}")
        if states[name] != "ready":
            raise TargetUnfit(f"{host} has the model {name!r}, but it is {states[name]}")


def _get(pool: urllib3.PoolManager, url: str) -> tuple[int, Any]:
    try:
        response = pool.request("GET", url)
    except urllib3.exceptions.HTTPError as error:
        raise TargetUnfit(f"{url} does not answer: {error}") from error
    try:
        return response.status, json.loads(response.data)
    except ValueError:
        return response.status, None


def _status_of(body: Any) -> str:
    return str(body.get("status", "")) if isinstance(body, dict) else "not JSON"
