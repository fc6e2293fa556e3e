"""What a stage's key is made of: the hash of values, of files, and of the code that matters.

A key never holds a path: what moved is the same, and what changed in its place is another.
"""

import ast
import hashlib
import json
from collections.abc import Mapping
from functools import cache
from importlib import import_module, metadata
from pathlib import Path
from typing import Any

LIBRARIES = ("torch", "transformers", "tokenizers", "datasets", "onnx", "onnxruntime")
DIGITS = 16  # of a key, in hexadecimal


def content_key(name: str, read: Mapping[str, Any]) -> str:
    """The key of a stage that read these values, whatever the order of the names.

    Args:
        read: values that JSON can hold.
    """
    text = json.dumps({"stage": name, "read": read}, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()[:DIGITS]


@cache
def code_sha256(*packages: str) -> str:
    """Hash of the code of packages of ours, and of the libraries' releases that they stand on.

    Comments and layout do not count, and a library's patch release is taken to change no result.

    Args:
        packages: names such as `training.loop`.
    """
    digest = hashlib.sha256()
    for package in sorted(packages):
        for path in _sources(package):
            tree = ast.dump(ast.parse(path.read_text(encoding="utf-8")))
            digest.update(f"{package}/{path.name} {tree}\n".encode())
    for library in LIBRARIES:
        digest.update(f"{library} {_release(library)}\n".encode())
    return digest.hexdigest()


def _sources(package: str) -> list[Path]:
    file = import_module(package).__file__
    assert file is not None  # a package of ours has an __init__, a module is a file
    path = Path(file)
    return sorted(path.parent.rglob("*.py")) if path.name == "__init__.py" else [path]


def _release(library: str) -> str:
    try:
        return ".".join(metadata.version(library).split(".")[:2])
    except metadata.PackageNotFoundError:
        return "none"
