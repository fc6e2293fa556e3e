"""The code that decides what comes of something, as one hash; comments and layout do not count."""

import ast
import hashlib
from functools import cache
from importlib import import_module
from pathlib import Path


@cache
def code_sha256(*packages: str) -> str:
    """Hash of packages of ours, whatever their order.

    Args:
        packages: packages or modules, such as `training.loop`.
    """
    digest = hashlib.sha256()
    for package in sorted(packages):
        for path in _sources(package):
            tree = ast.dump(ast.parse(path.read_text(encoding="utf-8")))
            digest.update(f"{package}/{path.name} {tree}\n".encode())
    return digest.hexdigest()


def _sources(package: str) -> list[Path]:
    file = import_module(package).__file__
    assert file is not None  # a package of ours has an __init__, a module is a file
    path = Path(file)
    return sorted(path.parent.rglob("*.py")) if path.name == "__init__.py" else [path]
