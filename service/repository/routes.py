"""Which models answer a request: names, pinned versions, aliases, cascades, shadows.

Reads `routes.toml` and turns what a request names into a plan. Loads and runs nothing.
"""

import re
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from service.errors import RepositoryError, UnknownModel

FILE_NAME = "routes.toml"


class Section(BaseModel):
    """Base of all sections: frozen, and an unknown key is an error."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Fitted(Section):
    """The version of a model that a cascade was fitted on."""

    version: int = Field(ge=1)
    sha256: str = Field(description="of its model.onnx")


class Point(Section):
    """One threshold of the fitted curve."""

    threshold: float
    escalated: float = Field(description="share of texts that the last model answered")
    accuracy: float


class Fit(Section):
    """How a cascade's thresholds were found."""

    method: str
    data_sha256: str
    n: int = Field(ge=1)
    max_accuracy_loss: float
    confidence: float
    accuracy_loss_bound: float = Field(
        description="the loss against the last model is below this, with that confidence"
    )
    accuracy: float = Field(description="of the cascade, on the data it was fitted on")
    last_accuracy: float = Field(description="of the last model alone, on the same data")
    curve: tuple[Point, ...] = ()


class Hop(Section):
    """From one model of a chain to the next."""

    threshold: float = Field(ge=0, description="a confidence of this or more ends the chain")
    escalated: float = Field(ge=0, le=1, description="share expected to go on, of all texts")


class Cascade(Section):
    """A chain of models, cheapest first; each asks the next only when it is unsure."""

    chain: tuple[str, ...] = Field(min_length=2)
    hops: tuple[Hop, ...]
    models: dict[str, Fitted]
    fit: Fit

    @model_validator(mode="after")
    def _complete(self) -> Self:
        if len(self.hops) != len(self.chain) - 1:
            raise ValueError("a chain of n models has n - 1 hops")
        if missing := set(self.chain) - self.models.keys():
            raise ValueError(f"no fitted version of {sorted(missing)}")
        return self


class Shadow(Section):
    """A model whose requests are, in part, also answered by another, unseen."""

    with_: str = Field(alias="with")
    share: float = Field(gt=0, le=1)


class Routes(Section):
    """The contents of `routes.toml`."""

    default: str | None = Field(None, description="what a request without a model gets")
    aliases: dict[str, str] = Field(default_factory=dict)
    cascade: dict[str, Cascade] = Field(default_factory=dict)
    shadow: dict[str, Shadow] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _aliases_end(self) -> Self:
        for alias, target in self.aliases.items():
            if target in self.aliases:
                raise ValueError(f"alias {alias!r} leads to another alias, {target!r}")
        return self


class Target(NamedTuple):
    """A model, and the version if the request pinned one."""

    name: str
    version: int | None = None


class Step(NamedTuple):
    """One model of a plan; without a threshold it always answers."""

    target: Target
    threshold: float | None = None


class Plan(NamedTuple):
    """The models to ask, in order.

    Attributes:
        route: the known name under which the request is counted.
        stale: why a cascade is not trusted, and only its last model is asked.
    """

    route: str
    steps: tuple[Step, ...]
    stale: str | None = None

    @classmethod
    def of(cls, target: Target) -> "Plan":
        """The plan that asks one model."""
        return cls(target.name, (Step(target),))


def read_routes(root: Path) -> Routes:
    """Reads a repository's routes; without the file there are none.

    Raises:
        RepositoryError: the file is not TOML, or has an unknown key.
    """
    path = root / FILE_NAME
    if not path.is_file():
        return Routes()
    try:
        return Routes.model_validate(tomllib.loads(path.read_text(encoding="utf-8")))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise RepositoryError(f"{FILE_NAME} is not TOML: {error}") from error
    except ValidationError as error:
        lines = (f"{'.'.join(map(str, e['loc']))}: {e['msg']}" for e in error.errors())
        raise RepositoryError(f"{FILE_NAME} cannot be used: {'; '.join(lines)}") from error


def resolve(routes: Routes, named: str, serving: Callable[[str], Fitted | None]) -> Plan:
    """Turns what a request names into a plan.

    Args:
        named: a model, `model@version`, an alias or a cascade.
        serving: the version of a model that serves now, or None.

    Raises:
        UnknownModel: what follows an `@` is not a version.
    """
    named = routes.aliases.get(named, named)
    cascade = routes.cascade.get(named)
    if cascade is None:
        return Plan.of(parse_target(named))
    last = Step(Target(cascade.chain[-1]))
    stale = staleness(cascade, serving)
    if stale is not None:
        return Plan(named, (last,), stale)
    steps = (
        Step(Target(name), hop.threshold)
        for name, hop in zip(cascade.chain, cascade.hops, strict=False)
    )
    return Plan(named, (*steps, last))


def staleness(cascade: Cascade, serving: Callable[[str], Fitted | None]) -> str | None:
    """Why a cascade's thresholds do not hold for the models that serve now, or None."""
    for name, fitted in cascade.models.items():
        now = serving(name)
        if now is None:
            return f"{name} is not loaded"
        if now != fitted:
            return f"{name} serves version {now.version}, fitted was version {fitted.version}"
    return None


def parse_target(model: str) -> Target:
    """Reads `name` or `name@version`.

    Raises:
        UnknownModel: what follows the `@` is not a version.
    """
    name, at, version = model.partition("@")
    if not at:
        return Target(name)
    if not re.fullmatch(r"[1-9][0-9]{0,8}", version):
        raise UnknownModel(f"no version {version!r} of {name!r}: a version is a whole number")
    return Target(name, int(version))
