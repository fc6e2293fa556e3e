"""Silences what other libraries say to developers; ours and their errors are still told.

Each line of a run should mean something to whoever started it. A bar for loading weights, a new
head's "newly initialized" or a deprecation in a third party's own code does not.
"""

import logging
import os
import warnings

# Each says nothing that a user could act on; `TRANSFORMERS_VERBOSITY` brings theirs back.
LOGGERS = ("accelerate", "datasets", "httpx", "huggingface_hub", "torch.distributed", "filelock")


def hush() -> None:
    """Quiets the libraries in this process; may be called again and again.

    Bars of whole steps, as of reading data and of training, are left.
    """
    from huggingface_hub import logging as hub_logging
    from transformers.utils import logging as transformers_logging

    if "TRANSFORMERS_VERBOSITY" not in os.environ:
        transformers_logging.set_verbosity_error()
        hub_logging.set_verbosity_error()  # type: ignore[no-untyped-call]  # theirs
        for name in LOGGERS:
            logging.getLogger(name).setLevel(logging.ERROR)
    transformers_logging.disable_progress_bar()


def hush_warnings() -> None:
    """For a command: Python's own warnings of libraries are not shown, unless asked for by `-W`."""
    import sys

    if not sys.warnoptions and "PYTHONWARNINGS" not in os.environ:
        warnings.simplefilter("ignore")
