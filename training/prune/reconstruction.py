"""What is left of a layer takes over, as far as it can, the part of what was cut out of it.

Heads and neurons say much the same as others do. So the matrix that reads those that are left is
fitted, by least squares over tokens of training texts, to what the layer gave before anything was
cut; layer by layer, each on what the cut layers below it now give, so that it mends their errors
too (He et al. 2017, arXiv:1707.06168; Kwon et al. 2022, arXiv:2204.09656). No label is read, and
nothing is trained.
"""

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import nn
from tqdm.auto import tqdm
from transformers import PreTrainedModel

from training.models.pruned.families import layers_of
from training.prune.importance import READ, Batch

TOKENS = 8  # that are read for each number that the widest matrix reads
RIDGE = 1e-2  # of the mean square of what a matrix reads: holds it to its weights


def reconstruct(model: PreTrainedModel, whole: PreTrainedModel, batches: Iterable[Batch]) -> None:
    """Fits the matrices of a cut model that read its heads and its neurons.

    Args:
        model: that was cut; changed in place.
        whole: the same one, as it was before.
        batches: what both read, as many as hold `TOKENS` for each number.
    """
    cut, before = layers_of(model), layers_of(whole)
    widest = max(one.in_features for layer in before for one in (layer.context, layer.outer))
    read = _enough(batches, TOKENS * widest)
    parts = [
        (getattr(mine, name), getattr(mine, f"{name}_norm"), getattr(theirs, f"{name}_norm"))
        for mine, theirs in zip(cut, before, strict=True)
        for name in ("context", "outer")
    ]
    modes = model.training, whole.training
    model.eval()
    whole.eval()
    with torch.no_grad():
        for linear, norm, wanted in tqdm(parts, desc="reconstruction", unit="matrix"):
            _fit(linear, _sums(model, whole, read, linear, norm, wanted))
    model.train(modes[0])
    whole.train(modes[1])


def _enough(batches: Iterable[Batch], tokens: int) -> list[Batch]:
    found, held = [], 0
    for batch in batches:
        found.append({name: batch[name] for name in READ if name in batch})
        held += int(batch["attention_mask"].sum())
        if held >= tokens:
            break
    return found


def _sums(
    model: PreTrainedModel,
    whole: PreTrainedModel,
    batches: Iterable[Batch],
    linear: nn.Linear,
    norm: nn.Module,
    wanted: nn.Module,
) -> tuple[torch.Tensor, torch.Tensor]:
    """The normal equations: of what a matrix reads and a 1, and of that and what is missing.

    What is missing is the difference of what the norms after it read, which is the sum of what the
    matrix gives and of what came past it: so the errors of both are mended.
    """
    device = linear.weight.device
    size = linear.in_features + 1
    square = torch.zeros(size, size, dtype=torch.float64, device=device)
    missing = torch.zeros(size, linear.out_features, dtype=torch.float64, device=device)
    for batch in batches:
        given = {name: value.to(device) for name, value in batch.items()}
        told = given["attention_mask"].bool()
        with _caught(linear) as states, _caught(norm, last=True) as have:
            _until(model, given)
        with _caught(wanted, last=True) as want:
            _until(whole, given)
        rows = states[0][told]
        rows = torch.cat([rows, rows.new_ones(len(rows), 1)], dim=1)
        square += (rows.T @ rows).double()
        missing += (rows.T @ (want[0] - have[0])[told]).double()
    return square, missing


def _fit(linear: nn.Linear, sums: tuple[torch.Tensor, torch.Tensor]) -> None:
    square, missing = sums
    if linear.in_features:
        held = RIDGE * square.diagonal()[:-1].mean()
        square.diagonal()[:-1] += held.clamp(min=1e-6)  # of what is never anything but 0
    change = torch.linalg.solve(square, missing).T.to(linear.weight.dtype)
    linear.weight.add_(change[:, :-1])
    linear.bias.add_(change[:, -1])


class _Reached(Exception):
    """All that is asked for was read; the layers above need not run."""


@contextmanager
def _caught(module: nn.Module, *, last: bool = False) -> Iterator[list[torch.Tensor]]:
    """What a module reads while the context lasts; the last of all ends the run."""
    found: list[torch.Tensor] = []

    def hook(_: nn.Module, given: tuple[Any, ...]) -> None:
        found.append(given[0])
        if last:
            raise _Reached

    handle = module.register_forward_pre_hook(hook)
    try:
        yield found
    finally:
        handle.remove()


def _until(model: Callable[..., Any], given: Batch) -> None:
    try:
        model(**given)
    except _Reached:
        return
