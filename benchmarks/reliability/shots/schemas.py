"""Requests that schemathesis makes of an OpenAPI document: such as it allows, and such as not.

It makes them only: they are sent, and counted, as all others are. Nothing of it opens a
connection here.
"""

import logging
import random
import re
from contextlib import suppress
from typing import Any

from benchmarks.reliability.service import wire

MODELS = ("student", "nano", "auto", "nobody")
VERSIONS = ("1", "3", "4", "x")
ROUNDS = 6
FEW = 5
BASE = f"http://{wire.HOST}"


def load(content: bytes) -> dict[str, Any]:
    """An OpenAPI document, in JSON or YAML, with paths that are templates.

    A path such as `/models/${MODEL_NAME}` becomes `/models/{MODEL_NAME}`; it leads to the models
    that there are, and to one that there is not.
    """
    import yaml

    document: dict[str, Any] = yaml.safe_load(content)
    document["paths"] = {
        re.sub(r"\$\{", "{", path): item for path, item in document["paths"].items()
    }
    for path, item in document["paths"].items():
        for operation in [item, *item.values()]:
            if isinstance(operation, dict):
                for parameter in operation.get("parameters", []):
                    _narrow(parameter, path)
    return document


def _narrow(parameter: dict[str, Any], path: str) -> None:
    """A path's names are drawn among those that there are: any other is a 404 all the same."""
    if parameter.get("in") == "path" and f"{{{parameter['name']}}}" in path:
        is_model = "name" in parameter["name"].lower()
        parameter["schema"] = {"enum": list(MODELS if is_model else VERSIONS)}


def under(document: dict[str, Any], prefix: str) -> dict[str, Any]:
    """The same with every path below another: TEI's is served below `/tei`."""
    paths = {prefix + path: item for path, item in document["paths"].items()}
    return {**document, "paths": paths, "servers": []}


def served(document: dict[str, Any]) -> frozenset[str]:
    """The paths of the service's own document, whatever their parts are called."""
    return frozenset(map(_shape, document["paths"]))


def requests(document: dict[str, Any], count: int, seed: int, known: frozenset[str]) -> list[bytes]:
    """Requests to every operation, such as the document allows and such as it does not.

    Args:
        count: how many in all; fewer where the operations do not have as many.
        known: the paths that are served; of the others a few requests are enough.
    """
    import schemathesis
    from schemathesis.core.result import Ok

    logging.getLogger("hypothesis").setLevel(logging.ERROR)
    operations = []
    for result in schemathesis.openapi.from_dict(document).get_all_operations():
        if not isinstance(result, Ok):
            raise ValueError(f"an operation is no good one: {result.err()}")
        operations.append(result.ok())
    found: list[bytes] = []
    for round_ in range(ROUNDS):  # an operation that takes nothing has one request
        served_ones = sum(_shape(one.path) in known for one in operations) or 1
        each = -(-(count - len(found)) // (2 * served_ones))
        for one in operations:
            if each <= 0:
                break
            most = each if _shape(one.path) in known else min(each, FEW)
            for mode in schemathesis.GenerationMode:
                found += _made(one, mode, most, seed + round_)
    random.Random(seed).shuffle(found)  # noqa: S311  # no secret
    return found[:count]


def _shape(path: str) -> str:
    return re.sub(r"\{[^}]*\}", "{}", path).rstrip("/") or "/"


def _made(operation: Any, mode: Any, count: int, seed: int) -> list[bytes]:
    import hypothesis
    from hypothesis.errors import FailedHealthCheck, Unsatisfiable

    found: list[bytes] = []

    @hypothesis.seed(seed)
    @hypothesis.settings(
        max_examples=count,
        database=None,
        deadline=None,
        suppress_health_check=list(hypothesis.HealthCheck),
        phases=[hypothesis.Phase.generate],
    )
    @hypothesis.given(case=operation.as_strategy(generation_mode=mode))
    def make(case: Any) -> None:
        found.append(_in_bytes(case.as_transport_kwargs(base_url=BASE)))

    # Nothing can be wrong about an operation that takes nothing.
    with suppress(Unsatisfiable, FailedHealthCheck):
        make()
    return found


def _in_bytes(wanted: dict[str, Any]) -> bytes:
    """What `requests` would send."""
    import requests as http

    known = {"method", "url", "headers", "files", "data", "json", "params", "auth", "cookies"}
    made = http.Request(**{name: value for name, value in wanted.items() if name in known})
    try:
        prepared = made.prepare()
    except (http.RequestException, ValueError, UnicodeError):
        return b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"
    given: Any = prepared.body or b""
    body = given.encode("utf-8", "surrogatepass") if isinstance(given, str) else bytes(given)
    lines = [f"{prepared.method} {prepared.path_url} HTTP/1.1".encode("utf-8", "replace")]
    for name, value in {"Host": wire.HOST, **prepared.headers}.items():
        lines.append(_latin(name) + b": " + _latin(value))
    return b"\r\n".join([*lines, b"", b""]) + body


def _latin(value: str | bytes) -> bytes:
    return value if isinstance(value, bytes) else value.encode("utf-8", "replace")
