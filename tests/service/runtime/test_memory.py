"""What the C library keeps of freed memory, and gives back."""

import ctypes

import pytest

from service.runtime.memory import give_back

BLOCKS, BYTES = 60_000, 1_024


def resident_mb() -> float:
    """Of this process."""
    with open("/proc/self/statm", encoding="ascii") as file:
        return int(file.read().split()[1]) * 4096 / 1e6


def test_what_was_freed_goes_back() -> None:
    """Small blocks below one that is still used stay with the library until it is asked."""
    library = ctypes.CDLL(None)
    if not hasattr(library, "malloc_trim"):
        pytest.skip("this C library is not glibc, and gives back by itself or not at all")
    library.malloc.restype = ctypes.c_void_p
    library.malloc.argtypes = [ctypes.c_size_t]
    library.free.argtypes = [ctypes.c_void_p]
    blocks = [library.malloc(BYTES) for _ in range(BLOCKS)]
    for block in blocks:
        ctypes.memset(block, 1, BYTES)
    kept = library.malloc(BYTES)
    full = resident_mb()
    for block in blocks:
        library.free(block)
    give_back()
    assert full - resident_mb() > BLOCKS * BYTES / 2e6
    library.free(kept)


def test_another_library_is_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """It has no such function."""
    monkeypatch.setattr(ctypes, "CDLL", lambda _: object())
    give_back()
