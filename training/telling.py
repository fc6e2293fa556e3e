"""What a user should know of his data, said once."""

import functools
import logging

LOGGER = logging.getLogger("stillhouse")


@functools.cache
def tell(line: str) -> None:
    """Says a line as a warning: on standard error, where nothing else is set up.

    The same line is said once a process, however often its data is read.
    """
    LOGGER.warning(line)
