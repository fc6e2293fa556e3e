"""Rounding to 8 bits: whole numbers of each row's own scale, and gradients that pass it by."""

import pytest
import torch

from training.quantize.rounding import EITHER_SIDE, FROM_ZERO, GELU, Span, round_rows, round_weights


def test_a_row_has_its_own_scale() -> None:
    """Its largest magnitude is kept, and all others are whole parts of it."""
    x = torch.tensor([[0.5, -2.0, 1.003], [100.0, 0.4, 0.3], [0.0, 0.0, 0.0]])
    found = round_rows(x)
    assert found[0].tolist() == pytest.approx([2 / 127 * 32, -2.0, 2 / 127 * 64])
    assert found[1].tolist() == pytest.approx([100.0, 100 / 127, 0.0])
    assert not found[2].any()


@pytest.mark.parametrize(("span", "above"), [(GELU, 223), (FROM_ZERO, 255), (EITHER_SIDE, 127)])
def test_what_lies_above_a_least_is_rounded_finer(span: Span, above: int) -> None:
    """The whole numbers below 0 that no number of the row needs are for those above it."""
    x = torch.linspace(0, 8, 1001).unsqueeze(0)
    steps = {round(one) for one in (round_rows(x, span)[0] / (8 / above)).tolist()}
    assert steps == set(range(above + 1))
    if span is GELU:  # its least has a place, however small the row
        assert round_rows(torch.tensor([[-0.17, 0.0, 0.01]]), span)[0, 0] == pytest.approx(
            -0.17, abs=0.003
        )


def test_weights_have_a_scale_for_each_output() -> None:
    """Along the axis that is summed over."""
    weight = torch.tensor([[1.27, 0.014], [0.0, 0.0]])
    assert round_weights(weight, 1)[0].tolist() == pytest.approx([1.27, 0.01])
    assert round_weights(weight, 0)[0].tolist() == pytest.approx([1.27, 0.014])
    assert not round_weights(weight, 1)[1].any()


def test_gradients_pass_by() -> None:
    """As if nothing had been rounded."""
    x = torch.tensor([[0.3, -1.7, 0.9]], requires_grad=True)
    weight = torch.tensor([[0.31, 0.2, -0.7]], requires_grad=True)
    (round_rows(x) * 2).sum().backward()  # type: ignore[no-untyped-call]  # torch's own
    (round_weights(weight, 1) * 3).sum().backward()  # type: ignore[no-untyped-call]  # torch's own
    assert x.grad is not None
    assert x.grad.tolist() == [[2.0, 2.0, 2.0]]
    assert weight.grad is not None
    assert weight.grad.tolist() == [[3.0, 3.0, 3.0]]
