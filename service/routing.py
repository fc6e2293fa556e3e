"""Which model answers a request that names one, or none. Loads and runs nothing."""

import re
import tomllib
from dataclasses import dataclass
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from service.errors import RepositoryError, UnknownModel

FILE_NAME = "routes.toml"


class Routes(BaseModel):
    """The contents of `routes.toml`."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    default: str | None = Field(None, description="what a request without a model gets")


@dataclass(frozen=True, slots=True)
class Target:
    """A model, and the version if the request pinned one."""

    name: str
    version: int | None


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
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, ValidationError) as error:
        raise RepositoryError(f"{FILE_NAME} cannot be used: {error}") from error


def parse_target(model: str) -> Target:
    """Reads `name` or `name@version`.

    Raises:
        UnknownModel: what follows the `@` is not a version.
    """
    name, at, version = model.partition("@")
    if not at:
        return Target(name, None)
    if not re.fullmatch(r"[1-9][0-9]{0,8}", version):
        raise UnknownModel(f"no version {version!r} of {name!r}: a version is a whole number")
    return Target(name, int(version))
