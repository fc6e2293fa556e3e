"""The whole application, as its clients see it."""

import time
from collections.abc import Callable, Sequence
from typing import Any

from fastapi.testclient import TestClient

from tests.service.serving.fakes import PATIENCE

Connect = Callable[..., TestClient]
KEY = {"Authorization": "Bearer key"}
WEAK = {"good": (0.0, 1.0), "bad": (1.0, 0.0)}  # sure of "good good good", not of "good"
SURE, UNSURE = "good good good", "good"


def eventually(condition: Callable[[], bool]) -> None:
    """Waits for an event."""
    give_up = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < give_up, "it did not happen"
        time.sleep(0.01)


def ask(client: TestClient, inputs: str | Sequence[str], model: str | None = None) -> list[Any]:
    """The predictions for `inputs`."""
    response = client.post("/predict", json={"inputs": inputs, "model": model})
    assert response.status_code == 200, response.text
    found: list[Any] = response.json()["predictions"]
    return found


def answering(
    client: TestClient, inputs: str | Sequence[str], model: str | None = None
) -> list[str]:
    """Which versions answer `inputs`."""
    return [f"{one['model']}@{one['version']}" for one in ask(client, inputs, model)]


def version(client: TestClient, model: str = "student") -> int:
    """The version of a model that answers now."""
    found: int = ask(client, "good", model)[0]["version"]
    return found


def load(client: TestClient, model: str, number: int | None = None) -> Any:
    """The response to a load by an operator."""
    body = {} if number is None else {"version": number}
    return client.post(f"/admin/models/{model}/load", headers=KEY, json=body)


def states(client: TestClient, model: str = "student") -> dict[int, str]:
    """What each version of a model does."""
    return {one["version"]: one["state"] for one in client.get(f"/models/{model}").json()["each"]}
