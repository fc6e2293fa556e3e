"""Is the service there, and what does it serve? Asks `/readyz`, `/models`, and each model once."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import urllib3

from loadtest.load import Target

TIMEOUT = 30.0  # seconds; a model that sleeps is loaded for the first who asks


class TargetUnfit(Exception):
    """The service does not answer, is not ready, or does not serve what is to be tested."""


@dataclass(frozen=True, slots=True)
class Catalogue:
    """What a service serves.

    Attributes:
        states: of its models, by name.
        chains: the models of its cascades.
        aliases: names that stand for others.
        of_pairs: the models that read two texts at once.
        labels: of the models that give a text one label.
    """

    states: dict[str, str]
    chains: dict[str, tuple[str, ...]]
    aliases: dict[str, str]
    of_pairs: frozenset[str] = frozenset()
    labels: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    @property
    def names(self) -> tuple[str, ...]:
        """Every model that can answer, and every cascade."""
        return (*(n for n, state in self.states.items() if _can_answer(state)), *self.chains)

    def find(self, name: str, share: float = 1.0) -> Target:
        """What a name asks for, and who may answer.

        Raises:
            TargetUnfit: nothing has that name, or one of its models cannot answer.
        """
        behind = self.aliases.get(name, name)
        models = self.chains.get(behind, (behind.partition("@")[0],))
        for model in models:
            if model not in self.states:
                there_are = ", ".join([*self.states, *self.chains, *self.aliases]) or "none"
                raise TargetUnfit(f"there is no model {name!r}; there are: {there_are}")
            if not _can_answer(self.states[model]):
                raise TargetUnfit(f"there is the model {model!r}, but it is {self.states[model]}")
        labels = self.labels.get(models[-1], ())
        return Target(name, models, share, models[-1] in self.of_pairs, labels)


def _can_answer(state: str) -> bool:
    return state in ("ready", "asleep")


class Service:
    """A service, as it is asked before a load test.

    Args:
        key: shown to it, and to nobody else.
    """

    def __init__(self, host: str, key: str | None) -> None:
        headers = {"Authorization": f"Bearer {key}"} if key else None
        self._host = host
        self._pool = urllib3.PoolManager(timeout=TIMEOUT, retries=False, headers=headers)

    def catalogue(self) -> Catalogue:
        """What it serves.

        Raises:
            TargetUnfit: it does not answer, or is not ready.
        """
        status, body = self._ask("GET", "/readyz")
        if status != 200:
            raise TargetUnfit(f"{self._host}/readyz says {status}: {_words_of(body)}")
        status, body = self._ask("GET", "/models")
        if status == 401:
            raise TargetUnfit(
                f"{self._host} needs a key: set STILLHOUSE_API_KEY, or name a file that holds it "
                "with --api-key-file"
            )
        try:
            return Catalogue(
                states={model["name"]: model["state"] for model in body["models"]},
                chains={c["name"]: tuple(c["chain"]) for c in body.get("cascades", ())},
                aliases=dict(body.get("aliases", {})),
                of_pairs=frozenset(m["name"] for m in body["models"] if m.get("pairs")),
                labels={
                    m["name"]: tuple(m.get("labels") or ())
                    for m in body["models"]
                    if m.get("problem_type") == "single_label"
                },
            )
        except (LookupError, TypeError, AttributeError, ValueError) as error:
            raise TargetUnfit(
                f"{self._host}/models is not a list of models (status {status})"
            ) from error

    def check(self, targets: Iterable[Target]) -> None:
        """Asks each for one prediction, which also wakes models that sleep.

        Raises:
            TargetUnfit: one gives none.
        """
        for target in targets:
            text = "Is anybody there?"
            inputs = {"text": text, "text_pair": text} if target.pairs else text
            body = {"inputs": inputs, "model": target.model}
            status, said = self._ask("POST", "/predict", body)
            if status != 200:
                raise TargetUnfit(
                    f"{self._host} answers a first request for {target.model!r} with {status}: "
                    f"{_words_of(said)}"
                )

    def _ask(self, method: str, path: str, body: Any = None) -> tuple[int, Any]:
        try:
            response = self._pool.request(method, f"{self._host}{path}", json=body)
        except urllib3.exceptions.HTTPError as error:
            raise TargetUnfit(f"{self._host}{path} does not answer: {error}") from error
        try:
            return response.status, json.loads(response.data)
        except ValueError:
            return response.status, None


def _words_of(body: Any) -> str:
    if not isinstance(body, dict):
        return "not JSON"
    return str(body.get("detail") or body.get("title") or body.get("status") or "no reason")
