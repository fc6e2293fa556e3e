"""Memory that the C library keeps once a model has left it."""

import ctypes


def give_back() -> None:
    """Gives what was freed back to the system, where the C library can: glibc's does.

    It keeps what each thread has freed for later; of versions that come and go that is as much as
    the models themselves.
    """
    try:
        trim = ctypes.CDLL(None).malloc_trim
    except (AttributeError, OSError):  # another C library
        return
    trim(ctypes.c_size_t(0))
