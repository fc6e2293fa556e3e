"""What a stage's key is made of: the hash of values, of files, and of the code that matters.

A key never holds a path: what moved is the same, and what changed in its place is another.
"""

import hashlib
import json
from collections.abc import Mapping
from importlib import metadata
from typing import Any

from training.code import code_sha256

LIBRARIES = ("torch", "transformers", "tokenizers", "datasets", "onnx", "onnxruntime")
DIGITS = 16  # of a key, in hexadecimal


def content_key(name: str, read: Mapping[str, Any]) -> str:
    """The key of a stage that read these values, whatever the order of the names.

    Args:
        read: values that JSON can hold.
    """
    text = json.dumps({"stage": name, "read": read}, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()[:DIGITS]


def ran_by(*packages: str) -> str:
    """Hash of the code of packages of ours, and of the libraries' releases that they stand on.

    A library's patch release is taken to change no result.

    Args:
        packages: names such as `training.loop`.
    """
    stated = [code_sha256(*packages), *(f"{name} {_release(name)}" for name in LIBRARIES)]
    return hashlib.sha256("\n".join(stated).encode()).hexdigest()


def _release(library: str) -> str:
    try:
        return ".".join(metadata.version(library).split(".")[:2])
    except metadata.PackageNotFoundError:
        return "none"
