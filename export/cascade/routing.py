"""Puts a fitted cascade into a repository's routes, and draws its curve."""

import contextlib
import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

import tomli_w

from export.errors import ExportError
from service.repository.manifest import NAME_PATTERN
from service.repository.routes import FILE_NAME, Cascade, read_routes

DRAWN = (".svg", ".png")


def refuse_taken(root: Path, name: str, *, replace: bool) -> None:
    """Raises ExportError where a cascade cannot be called so, or would replace a route unasked."""
    if not re.fullmatch(NAME_PATTERN, name):
        raise ExportError(f"{name!r} is not a cascade's name: it should match {NAME_PATTERN}")
    if (root / name).is_dir():
        raise ExportError(f"{name!r} is a model in {root}, which the cascade would hide")
    routes = read_routes(root)
    if name in routes.aliases:
        raise ExportError(f"{name!r} is an alias in {FILE_NAME}: choose another --name")
    if name in routes.cascade and not replace:
        there = routes.cascade[name]
        raise ExportError(
            f"there is a cascade {name!r} already, {' -> '.join(there.chain)}, fitted on "
            f"{there.fit.n} texts: --replace replaces it, or choose another --name"
        )


def overload_of(
    before: Cascade | None,
    overload: Literal["refuse", "answer"] | None = None,
    objective_ms: int | None = None,
) -> dict[str, object]:
    """What a cascade does under overload, as fields of it: what is asked for, or as before.

    Args:
        before: the cascade that is replaced; None: there is none.

    Raises:
        ExportError: an objective is asked for, and the requests are to be refused.
    """
    if overload is None:
        overload = "refuse" if before is None else before.overload
    if overload == "refuse":
        if objective_ms is not None:
            raise ExportError(
                "--objective-ms says when a cheaper answer is given: add --overload answer"
            )
        return {"overload": overload, "objective_ms": None}
    if objective_ms is None and before is not None:
        objective_ms = before.objective_ms
    return {"overload": overload, "objective_ms": objective_ms}


def write_cascade(
    root: Path, name: str, cascade: Cascade, *, default: bool, replace: bool = False
) -> None:
    """Puts a cascade into `root`'s routes, whole or not at all; the other routes stay.

    Raises:
        ExportError: a route of that name is there and is not to be replaced.
        RepositoryError: the routes that are there cannot be read.
    """
    refuse_taken(root, name, replace=replace)
    values = read_routes(root).model_dump(mode="json", by_alias=True, exclude_defaults=True)
    values["cascade"] = {
        **values.get("cascade", {}),
        name: cascade.model_dump(mode="json", exclude_defaults=True),
    }
    if default:
        values["default"] = name
    _write_routes(root, values)


def write_default(root: Path, name: str) -> None:
    """Makes a model or a route of `root` the default, whole or not at all."""
    values = read_routes(root).model_dump(mode="json", by_alias=True, exclude_defaults=True)
    _write_routes(root, {**values, "default": name})


def _write_routes(root: Path, values: Mapping[str, Any]) -> None:
    partial = root / f".{FILE_NAME}.{os.getpid()}"
    try:
        partial.write_text(
            tomli_w.dumps({key: value for key, value in values.items() if value}), encoding="utf-8"
        )
        partial.replace(root / FILE_NAME)
    finally:
        with contextlib.suppress(FileNotFoundError):
            partial.unlink()


def refuse_drawing(path: Path) -> None:
    """Raises ExportError unless a curve can be drawn into such a file."""
    if path.suffix.lower() not in DRAWN:
        raise ExportError(f"a curve goes to a file that ends in {' or '.join(DRAWN)}, not {path}")
    if not path.parent.is_dir():
        raise ExportError(f"there is no directory {path.parent} for {path}")


def draw(cascade: Cascade, path: Path) -> None:
    """Draws the curve of accuracy against the share escalated, and where the fit lies on it."""
    from matplotlib.figure import Figure

    fit = cascade.fit
    figure = Figure(figsize=(7, 4.5), layout="constrained")
    axes = figure.subplots()
    axes.plot(
        [100 * point.escalated for point in fit.curve],
        [100 * point.accuracy for point in fit.curve],
        label=" → ".join(cascade.chain),
    )
    axes.axhline(100 * fit.last_accuracy, linestyle="--", color="grey", label=cascade.chain[-1])
    axes.plot(
        100 * cascade.hops[-1].escalated,
        100 * fit.accuracy,
        "o",
        color="black",
        label=f"fitted: {fit.promised(cascade.chain[-1])}, confidence {fit.confidence:g}",
    )
    measured = "accuracy" if fit.labelled else f"labelled as by {cascade.chain[-1]}"
    axes.set(xlabel=f"answered by {cascade.chain[-1]}, %", ylabel=f"{measured}, % (n {fit.n})")
    axes.legend()
    figure.savefig(path)
