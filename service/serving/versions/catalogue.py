"""Which versions there are, and which of them answers a name: what requests look things up in.

Changes nothing; `registry` does. Lives on the event loop.
"""

import logging
from collections.abc import Callable, Iterator

from service.errors import InvalidInput, Unavailable, UnknownModel
from service.repository.held import UNLOADED
from service.repository.kinds import Kind
from service.repository.manifest import Manifest
from service.repository.routes import Routes, Target
from service.serving.versions.loading import RETRY_SECONDS
from service.serving.versions.plan import Plan, resolve
from service.serving.versions.version import Version

log = logging.getLogger(__name__)


class Catalogue:
    """Models by name, the versions of each, and the routes over them.

    Attributes:
        routes: in force.
        held: versions by model that an operator chose, or UNLOADED.
        unseen: what of the repository could not be seen at the last look, and why.
        not_yet: why models that are not known may still come; None: they do not.
    """

    def __init__(self) -> None:
        self.routes = Routes()
        self.held: dict[str, int] = {}
        self.unseen: list[str] = []
        self.not_yet: Callable[[], str | None] = lambda: None
        self._models: dict[str, dict[int, Version]] = {}
        self._serving: dict[str, Version] = {}  # the version that answers by name
        self._gone: set[Version] = set()  # no longer in the repository, still in memory
        self._plans: dict[str | None, Plan] = {}  # as resolved since anything last changed
        self._said: dict[str, str | None] = {}  # why a cascade is not trusted, as last logged

    def __iter__(self) -> Iterator[Version]:
        """Every version that is in the repository or in memory."""
        for versions in self._models.values():
            yield from versions.values()
        yield from self._gone

    @property
    def versions(self) -> dict[str, list[int]]:
        """The repository's versions by model, ascending."""
        return {name: sorted(self._models[name]) for name in sorted(self._models)}

    @property
    def depth(self) -> int:
        """Texts that are accepted and not yet answered, in all models."""
        return sum(version.depth for version in self)

    def serving(self, name: str) -> Version | None:
        """The version that answers by name, in memory or asleep."""
        return self._serving.get(name)

    def find(self, target: Target) -> Version:
        """The version that a target means.

        Raises:
            UnknownModel: no such model or version; the message lists those there are.
            Unavailable: it is in the repository and cannot answer; the message says why.
        """
        name, number = target
        serving = self._serving.get(name)
        if number is None and serving is not None and serving.loaded is not None:
            return serving  # most requests
        versions = self._versions_of(name, number)
        if self.held.get(name) == UNLOADED:
            raise Unavailable(f"{name} was unloaded by an operator", RETRY_SECONDS)
        version = serving if number is None else versions[number]
        if version is None:
            raise Unavailable(self.why_not(name), RETRY_SECONDS)
        if not version.is_able:
            raise Unavailable(version.problem or f"{version} cannot be served", RETRY_SECONDS)
        return version

    def able(self, name: str, number: int | None = None) -> bool:
        """Whether a model or version can answer, now or once it has been brought back."""
        try:
            self.find(Target(name, number))
        except (UnknownModel, Unavailable):
            return False
        return True

    def problem(self, name: str, number: int) -> str | None:
        """Why a version cannot be served, or None."""
        version = self._models.get(name, {}).get(number)
        return version.problem if version else None

    def describe(self, target: Target) -> Manifest:
        """The manifest of the version that a target means.

        Raises:
            UnknownModel, Unavailable: see `find`.
        """
        manifest = self.find(target).manifest
        assert manifest is not None
        return manifest

    def plan(self, named: str | None) -> Plan:
        """The versions that a name stands for, the last of them able to answer.

        Args:
            named: None: what a request without a model gets.

        Raises:
            UnknownModel, Unavailable: see `find`.
            InvalidInput: no model is named, and there is no default.
        """
        plan = self._plans.get(named)
        if plan is None:
            plan = resolve(self.routes, named or self._default(), self.able_manifest)
            self.find(plan.last)
            self._plans[named] = plan
            if plan.stale != self._said.get(plan.route):
                self._said[plan.route] = plan.stale
                if plan.stale:
                    log.warning("cascade", extra={"route": plan.route, "not_trusted": plan.stale})
                else:
                    log.info("cascade trusted again", extra={"route": plan.route})
        return plan

    def wanted(self) -> set[Version]:
        """What is to be in memory, or asleep: what serves, and what routes name."""
        wanted = set(self._serving.values())
        for name, number in self.routes.pinned:
            version = self._models.get(name, {}).get(number or 0)
            if version is not None and self.held.get(name) != UNLOADED:
                wanted.add(version)
        return wanted

    def why_not(self, name: str) -> str:
        """Why no version of a model serves."""
        problems = [str(v.problem) for v in self._models[name].values() if v.problem]
        return problems[-1] if problems else f"{name} is not loaded"

    def not_held(self) -> list[str]:
        """Which models are held at a version that does not serve, and what serves in its place."""
        found = []
        for name, number in sorted(self.held.items()):
            serving = self._serving.get(name)
            if number == UNLOADED or (serving and serving.number == number):
                continue
            why = self.problem(name, number) or "it is not in the repository"
            instead = f"version {serving.number} serves" if serving else "nothing serves"
            found.append(f"{name} is held at version {number}: {why}; {instead}")
        return found

    def able_manifest(self, target: Target) -> Manifest | None:
        """Of a version that can answer; None where it cannot."""
        return self.describe(target) if self.able(*target) else None

    @property
    def kinds(self) -> dict[Target, Kind]:
        """Of each version whose manifest can be read."""
        return {
            version.target: Kind.of(version.manifest)
            for version in self
            if version.manifest is not None
        }

    @property
    def default(self) -> str | None:
        """What a request without a model gets; None where nothing says so."""
        if self.routes.default is None and len(self._models) == 1:
            return next(iter(self._models))
        return self.routes.default

    def _default(self) -> str:
        default = self.default
        if default is not None:
            return default
        names = sorted(self._models)
        if not names:
            self._refuse_early()
            raise Unavailable("there is no model: publish one into the model repository")
        raise InvalidInput(
            f'name a model, one of {names}: there is no default; `default = "{names[0]}"` '
            "in the repository's routes.toml sets one"
        )

    def _versions_of(self, name: str, number: int | None = None) -> dict[int, Version]:
        """The versions of a model, `number` among them."""
        versions = self._models.get(name)
        if versions is None:
            self._refuse_early()
            routes = sorted({*self.routes.aliases, *self.routes.cascade})
            if name in routes:
                raise UnknownModel(
                    f"{name!r} is a route and has no versions of its own: routes.toml says whom it "
                    f"asks, and the models are {sorted(self._models)}"
                )
            more = f"; routes: {routes}" if routes else ""
            raise UnknownModel(f"no model {name[:64]!r}: there are {sorted(self._models)}{more}")
        if number is not None and number not in versions:
            raise UnknownModel(f"no version {number} of {name!r}: there are {sorted(versions)}")
        return versions

    def _refuse_early(self) -> None:
        if (why := self.not_yet()) is not None:
            raise Unavailable(why, RETRY_SECONDS)

    def _changed(self) -> None:
        self._plans.clear()
