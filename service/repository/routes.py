"""`routes.toml`: what requests may name beside models: aliases, cascades, shadows, the default.

Defines the format, reads it, and says what in it nothing answers to. Loads and runs nothing;
`serving.plan` makes a plan of it.
"""

import re
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Literal, NamedTuple, Self

from pydantic import Field, ValidationError, model_validator

from service.errors import RepositoryError, UnknownModel
from service.repository.fits import Fit, Fitted, Hop
from service.repository.kinds import Kind, unlike
from service.repository.sections import Section
from service.repository.small_files import read_text

FILE_NAME = "routes.toml"
_PINNED = re.compile(r"[^@]+@[1-9][0-9]{0,8}")


class Target(NamedTuple):
    """A model, and the version if the request pinned one."""

    name: str
    version: int | None = None


class Cascade(Section):
    """A chain of models, cheapest first; each asks the next only when it is unsure."""

    chain: tuple[str, ...] = Field(min_length=2, description="the models, the cheapest first")
    hops: tuple[Hop, ...] = Field(description="one for each model but the last")
    models: dict[str, Fitted] = Field(description="by name, the versions that answer")
    fit: Fit = Field(description="what was found when it was fitted, and what it promises")
    overload: Literal["refuse", "answer"] = Field(
        "refuse",
        description="where the next model's answer would be late: refuse the request, or give the "
        "answer that is there, marked as degraded",
    )
    objective_ms: int | None = Field(
        None, ge=1, description="of `answer`: the time within which requests are to be answered"
    )

    @property
    def accuracy_degraded(self) -> float | None:
        """The curve's accuracy where no text goes on; None where it has no such point.

        In a longer chain a text may go on and not reach the last model: the least threshold says.
        """
        alone = [point for point in self.fit.curve if not point.escalated]
        least = min(alone, key=lambda point: point.threshold, default=None)
        return least.accuracy if least else None

    def kinds(self, kinds: Mapping[Target, Kind]) -> dict[str, Kind]:
        """Of the models of the chain, by name, those that are known."""
        targets = {name: Target(name, self.models[name].version) for name in self.chain}
        return {name: kinds[target] for name, target in targets.items() if target in kinds}

    @model_validator(mode="after")
    def _complete(self) -> Self:
        if len(self.hops) != len(self.chain) - 1:
            raise ValueError("a chain of n models has n - 1 hops")
        if missing := set(self.chain) - self.models.keys():
            raise ValueError(f"no fitted version of {sorted(missing)}")
        if self.overload == "answer" and self.accuracy_degraded is None:
            raise ValueError(
                'overload = "answer" needs a fit whose curve has a point where no text goes on, '
                "which says what a degraded answer is worth: fit it again with `stillhouse "
                "calibrate`"
            )
        if self.overload == "refuse" and self.objective_ms is not None:
            raise ValueError('objective_ms needs overload = "answer": add it, or take this out')
        return self


class Shadow(Section):
    """A model whose requests are, in part, also answered by another, unseen."""

    with_: str = Field(alias="with", description="who answers too: a model, alias or cascade")
    share: float = Field(gt=0, le=1, description="of the requests")


class Routes(Section):
    """The contents of `routes.toml`."""

    default: str | None = Field(None, description="what a request without a model gets")
    aliases: dict[str, str] = Field(
        default_factory=dict, description="other names for a model, `name@version` or a cascade"
    )
    cascade: dict[str, Cascade] = Field(default_factory=dict, description="by name")
    shadow: dict[str, Shadow] = Field(
        default_factory=dict, description="by the model, alias or cascade that is shadowed"
    )

    @model_validator(mode="after")
    def _aliases_end(self) -> Self:
        for alias, target in self.aliases.items():
            if target in self.aliases:
                raise ValueError(f"alias {alias!r} leads to another alias, {target!r}")
        return self

    def shadow_of(self, named: str, route: str) -> Shadow | None:
        """The shadow of what a request named, an alias for example, or else of what that means."""
        return self.shadow.get(named) or self.shadow.get(route)

    def problems(
        self,
        versions: Mapping[str, Sequence[int]],
        kinds: Mapping[Target, Kind] | None = None,
    ) -> list[str]:
        """What in the routes names something that nothing answers to, or that cannot be asked so.

        Args:
            versions: of the repository, by model.
            kinds: of the versions whose manifests can be read; None: it is not looked at.

        Returns:
            A sentence each, which says what to do.
        """
        hidden = sorted({*self.aliases, *self.cascade} & versions.keys())
        return [
            *self._unanswered(versions),
            *self._unfitted(versions),
            *self._unsure(kinds or {}),
            *self._unlike(kinds or {}),
            *(f"route {name!r} hides the model of that name: rename it" for name in hidden),
        ]

    @property
    def pinned(self) -> set[Target]:
        """The versions that routes name by their number, cascades among them."""
        named = [self.default, *self.aliases.values(), *(one.with_ for one in self.shadow.values())]
        targets = {parse_target(name) for name in named if name and _PINNED.fullmatch(name)}
        for cascade in self.cascade.values():
            targets |= {Target(name, fitted.version) for name, fitted in cascade.models.items()}
        return targets

    def _unanswered(self, versions: Mapping[str, Sequence[int]]) -> Iterator[str]:
        named = {f"alias {alias!r}": target for alias, target in self.aliases.items()}
        if self.default is not None:
            named["default"] = self.default
        for route, shadow in self.shadow.items():
            named[f"shadow of {route!r}"] = shadow.with_
            if "@" in route:
                yield f"shadow of {route!r}: a shadow is of a whole model, alias or cascade"
            else:
                named[f"shadow of {route!r}: the shadowed"] = route
        known = sorted({*versions, *self.aliases, *self.cascade})
        for place, target in named.items():
            if target in self.aliases or target in self.cascade:
                continue
            name, _, version = target.partition("@")
            if name not in versions:
                yield (
                    f"{place}: nothing is called {target!r}: publish it, or name one of {known} "
                    f"in {FILE_NAME}"
                )
            elif version and version not in map(str, versions[name]):
                yield (
                    f"{place}: no version {version!r} of {name!r}: publish it, or name one of "
                    f"{list(versions[name])} in {FILE_NAME}"
                )

    def _unfitted(self, versions: Mapping[str, Sequence[int]]) -> Iterator[str]:
        for route, cascade in self.cascade.items():
            for name in cascade.chain:
                fitted = cascade.models[name].version
                if fitted not in versions.get(name, ()):
                    yield (
                        f"cascade {route!r} was fitted on {name}@{fitted}, which is not in the "
                        "repository: bring it back, or fit again with `stillhouse calibrate`"
                    )

    def _unsure(self, kinds: Mapping[Target, Kind]) -> Iterator[str]:
        """What cascades ask that cannot be asked so."""
        for route, cascade in self.cascade.items():
            found = cascade.kinds(kinds)
            for name, kind in found.items():
                if kind.unsure:
                    yield (
                        f"cascade {route!r} asks {name!r}, {kind.unsure}: take it out of "
                        f"{FILE_NAME}, and serve {name!r} by its own name"
                    )
            if differ := unlike(found):
                yield (
                    f"cascade {route!r} asks models of different kinds: {differ}: fit one of "
                    "models that take and give the same"
                )

    def _unlike(self, kinds: Mapping[Target, Kind]) -> Iterator[str]:
        """Shadows of another task, or of other inputs."""
        for route, shadow in self.shadow.items():
            own, others = self._kind(route, kinds), self._kind(shadow.with_, kinds)
            if own is not None and others is not None and not own.comparable(others):
                yield (
                    f"shadow of {route!r}, {own}: {shadow.with_!r} is {others}: a shadow takes and "
                    "gives what the model does"
                )

    def _kind(self, named: str, kinds: Mapping[Target, Kind]) -> Kind | None:
        """Of what a route names: of a cascade its last, of a model its highest version."""
        meant = self.aliases.get(named, named)
        if meant in self.cascade:
            cascade = self.cascade[meant]
            return cascade.kinds(kinds).get(cascade.chain[-1])
        name, _, version = meant.partition("@")
        numbers = {one.version or 0: kind for one, kind in kinds.items() if one.name == name}
        chosen = version if version else str(max(numbers, default=0))
        return next((kind for number, kind in numbers.items() if str(number) == chosen), None)


def read_routes(root: Path) -> Routes:
    """Reads a repository's own routes, see `read_routes_file`."""
    return read_routes_file(root / FILE_NAME)


def read_routes_file(path: Path) -> Routes:
    """Reads routes; without the file there are none.

    Raises:
        RepositoryError: the file is not TOML, or has an unknown key.
    """
    try:
        text = read_text(path)
    except FileNotFoundError:
        return Routes()
    except UnicodeDecodeError as error:
        raise RepositoryError(f"{path.name} is not TOML: {error}") from error
    except OSError as error:
        raise RepositoryError(f"{path.name} cannot be read: {error}") from error
    return parse_routes(text, path.name)


def parse_routes(text: str, name: str = FILE_NAME) -> Routes:
    """Reads the content of a file of routes.

    Args:
        name: of the file, for what is said of it.

    Raises:
        RepositoryError: as `read_routes_file`.
    """
    try:
        values = tomllib.loads(text)
    except (ValueError, RecursionError) as error:  # a number or a nesting beyond Python's too
        raise RepositoryError(f"{name} is not TOML: {error}") from error
    try:
        return Routes.model_validate(values)
    except ValidationError as error:
        lines = (f"{'.'.join(map(str, e['loc']))}: {e['msg']}" for e in error.errors())
        raise RepositoryError(f"{name} cannot be used: {'; '.join(lines)}") from error


def parse_target(model: str) -> Target:
    """Reads `name` or `name@version`.

    Raises:
        UnknownModel: what follows the `@` is not a version.
    """
    name, at, version = model.partition("@")
    if not at:
        return Target(name)
    if not re.fullmatch(r"[1-9][0-9]{0,8}", version):
        raise UnknownModel(
            f"no version {version[:64]!r} of {name[:64]!r}: a version is a whole number"
        )
    return Target(name, int(version))
