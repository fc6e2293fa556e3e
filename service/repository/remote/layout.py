"""What of a repository a listing of its files shows: its versions, and the files beside them."""

import re
from collections.abc import Mapping

from service.repository.held import FILE_NAME as HELD
from service.repository.manifest import FILE_NAME as MANIFEST
from service.repository.manifest import NAME_PATTERN
from service.repository.remote.store import Entry
from service.repository.routes import FILE_NAME as ROUTES
from service.repository.routes import Target

BESIDE = (ROUTES, HELD)  # the files of a repository that are no version's
_VERSION = re.compile(r"[1-9][0-9]{0,8}")

Files = Mapping[str, Entry]  # of a version, by their names in its folder


def versions_in(listing: Mapping[str, Entry]) -> dict[Target, dict[str, Entry]]:
    """Every version that has a manifest, which is written last, with all files of its folder."""
    found: dict[Target, dict[str, Entry]] = {}
    for path, entry in listing.items():
        name, _, rest = path.partition("/")
        number, _, file = rest.partition("/")
        if file and re.fullmatch(NAME_PATTERN, name) and _VERSION.fullmatch(number):
            found.setdefault(Target(name, int(number)), {})[file] = entry
    return {target: files for target, files in found.items() if MANIFEST in files}


def place_of(target: Target) -> str:
    """A version's folder, from the repository on."""
    return f"{target.name}/{target.version}"


def target_in(place: str) -> Target:
    """The version of a folder, as `place_of` has it."""
    name, _, number = place.partition("/")
    return Target(name, int(number))
