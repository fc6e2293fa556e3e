"""The variables that begin with `STILLHOUSE_`: which are settings, and which mean something else.

Kubernetes gives each container variables for each Service of its namespace, which for a Service
called `stillhouse`, or `stillhouse-canary`, begin with the prefix of the settings.
"""

import difflib
import os
import re
from collections.abc import Iterable, Mapping

PREFIX = "STILLHOUSE_"
OTHERS = ("CACHE", "DATA")  # of training's and the tests'
_LINK = re.compile(r"(tcp|udp|sctp)://")
_LINKS = re.compile(r"(\w+_)?(SERVICE_(HOST|PORT(_\w+)?)|PORT_\d+_(TCP|UDP|SCTP)(_\w+)?)")
_LINKED_PORT = re.compile(r"(\w+_)?PORT")


def is_link(value: object) -> bool:
    """Whether a variable's value is a Service's address, as in `STILLHOUSE_PORT=tcp://...`."""
    return isinstance(value, str) and _LINK.match(value) is not None


def check_names(settings: Iterable[str], environment: Mapping[str, str] = os.environ) -> None:
    """Checks that each variable is a setting, or known to be none.

    Raises:
        ValueError: there are others; it names the setting that each is most like.
    """
    known = {name.upper() for name in settings}
    links = set(service_links(environment))
    problems = []
    for variable in sorted(environment):
        name = variable.upper().removeprefix(PREFIX)
        if name == variable.upper() or name in known or name in OTHERS or variable in links:
            continue
        near = difflib.get_close_matches(name, known, n=1, cutoff=0.0)
        problem = f"there is no setting {variable}: is {PREFIX}{near[0]} meant?"
        if name == "API_KEY":
            problem += " (`stillhouse loadtest` reads the first, from a shell of its own)"
        problems.append(problem)
    if problems:
        raise ValueError("; ".join(problems))


def service_links(environment: Mapping[str, str] = os.environ) -> list[str]:
    """The variables that Kubernetes set for Services whose names begin as the settings do."""
    return sorted(
        variable
        for variable, value in environment.items()
        if variable.startswith(PREFIX) and _is_service_link(variable.removeprefix(PREFIX), value)
    )


def _is_service_link(name: str, value: str) -> bool:
    if _LINKS.fullmatch(name):
        return True
    return _LINKED_PORT.fullmatch(name) is not None and is_link(value)
