"""How many threads PyTorch and the tokenizers take while something is measured."""

import os
from collections.abc import Iterator
from contextlib import contextmanager

import torch

PARALLEL = "TOKENIZERS_PARALLELISM"


@contextmanager
def threads(n: int) -> Iterator[None]:
    """PyTorch with so many threads, and texts tokenised by one; as it was afterwards."""
    before, said = torch.get_num_threads(), os.environ.get(PARALLEL)
    torch.set_num_threads(n)
    os.environ[PARALLEL] = "false"
    try:
        yield
    finally:
        torch.set_num_threads(before)
        if said is None:
            del os.environ[PARALLEL]
        else:
            os.environ[PARALLEL] = said
