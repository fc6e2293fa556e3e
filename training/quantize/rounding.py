"""Rounding to 8 bits as INT8 by the token has it, with gradients that pass it by.

`export.quantize.by_token` writes the same into a graph. The rounded numbers stay floats, so that a
product of them is what the INT8 graph computes, but for the order of its sums. Straight-through
gradients: Bengio et al. 2013, arXiv:1308.3432; in the training of quantised models: Jacob et al.
2018, arXiv:1712.05877.
"""

from typing import NamedTuple

import torch

WEIGHT_MOST = 127
TABLE_ROWS = 16  # an embedding table of fewer, as of token types, stays as it is
TINY = 1e-12  # a row of zeros has this scale


class Span(NamedTuple):
    """Where a row's numbers lie among the 256 of 8 bits.

    Attributes:
        zero: the whole number that stands for 0.
        least: below which no number of any row lies; None where that is not known.
    """

    zero: int
    least: float | None = None

    @property
    def above(self) -> int:
        """Whole numbers for what is over 0."""
        return 255 - self.zero


EITHER_SIDE = Span(128)
GELU, FROM_ZERO = Span(32, -0.1701), Span(0, 0.0)


def round_rows(x: torch.Tensor, span: Span = EITHER_SIDE) -> torch.Tensor:
    """Each row of a product's input, rounded by a scale of its own.

    Args:
        x: (..., size).
        span: of its numbers.
    """
    with torch.no_grad():
        values = x.float()
        reach, known = values.amax(dim=-1, keepdim=True), TINY
        if span.least is None:
            reach = torch.maximum(reach, -values.amin(dim=-1, keepdim=True))
        elif span.zero:
            known = -span.least / span.zero
        scales = reach.clamp(min=known * span.above) * (1 / span.above)
        whole = (torch.round(values / scales) + span.zero).clamp(0, 255) - span.zero
        rounded = (whole * scales).to(x.dtype)
    return passed(x, rounded)


def round_weights(weight: torch.Tensor, dim: int) -> torch.Tensor:
    """A matrix, rounded by one scale for all numbers along `dim`."""
    with torch.no_grad():
        scales = weight.abs().amax(dim=dim, keepdim=True) / WEIGHT_MOST
        scales = scales.masked_fill(scales == 0, 1.0)
        rounded = torch.round(weight / scales) * scales
    return passed(weight, rounded)


def passed(exact: torch.Tensor, rounded: torch.Tensor) -> torch.Tensor:
    """The rounded numbers, with the gradients of the exact ones."""
    return exact + (rounded - exact).detach()
