"""Arrays of float32 as JSON holds them: as numbers, or as their bytes in base64."""

from base64 import b64encode
from typing import Any

import numpy as np

from service.runtime.tasks.task import Float32Array


def numbers_of(array: Float32Array) -> list[Any]:
    """Numbers with the 9 digits that tell a float32, and not the 17 of a float.

    What is read back as float32 is what went in, to the bit.

    Returns:
        lists as deep as the array.
    """
    wide = array.astype(np.float64)
    sizes = np.abs(wide)
    scale = 10.0 ** (8 - np.floor(np.log10(np.where(sizes > 0, sizes, 1.0))))
    found: list[Any] = (np.rint(wide * scale) / scale).tolist()
    return found


def base64_of(rows: Float32Array) -> list[str]:
    """The bytes of each row, little-endian."""
    plain = np.ascontiguousarray(rows, dtype="<f4")
    return [b64encode(row.data).decode() for row in plain]
