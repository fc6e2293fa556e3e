"""What matters: gradients of gates against leaving things out, and the choice that follows."""

import copy
from typing import Any

import pytest
import torch

from tests.tiny import tiny_encoder
from training.models.pruned.families import layers_of
from training.models.pruned.modeling import Kept, prunable
from training.prune.choosing import kept_of
from training.prune.gates import Gates
from training.prune.gradual import cut_steps
from training.prune.importance import Batch, Scores, by_gradient, by_magnitude
from training.prune.losses import drawn_loss, labels_loss
from training.recipe.pruning import Pruning
from training.recipe.teaching import Distillation

TEACHING = Distillation(teacher="teacher", temperature=2.0)


def batch(rows: int = 4) -> Batch:
    """Texts with labels, the last one shorter, and what a teacher says of them."""
    chosen = torch.Generator().manual_seed(0)
    ids = torch.randint(5, 40, (rows, 7), generator=chosen)
    mask = torch.ones_like(ids)
    mask[-1, 4:] = 0
    return {
        "input_ids": ids,
        "attention_mask": mask,
        "labels": torch.arange(rows) % 2,
        "teacher_logits": torch.randn(rows, 2, generator=chosen),
    }


def test_taylor_is_the_slope_of_leaving_out() -> None:
    """Of one text: its loss, where a head or a neuron is a little less, falls or rises by it."""
    model, given = prunable(tiny_encoder()).eval(), batch(1)
    loss = labels_loss("single_label", of_tokens=False)
    (first, second) = by_gradient(model, [given], loss, power=1)
    small = 1e-3

    def moved(linear: str, columns: slice) -> float:
        less = copy.deepcopy(model)
        layer = layers_of(less)[1]
        with torch.no_grad():
            getattr(layer, linear).weight[:, columns] *= 1 - small
        losses = []
        for one in (model, less):
            read = {name: given[name] for name in ("input_ids", "attention_mask")}
            losses.append(loss(one.double()(**read).logits, given).item())
        model.float()
        return abs(losses[1] - losses[0]) / small

    assert second.heads[1].item() == pytest.approx(moved("context", slice(16, 32)), rel=0.02)
    best = int(second.neurons.argmax())
    found = moved("outer", slice(best, best + 1))
    assert second.neurons[best].item() == pytest.approx(found, rel=0.02)
    assert first.heads.shape == (2,)
    assert first.neurons.shape == (64,)


def test_texts_count_one_by_one() -> None:
    """Two texts that pull a gate apart both count; a batch more or less changes nothing."""
    model, given = prunable(tiny_encoder()).eval(), batch()
    loss = labels_loss("single_label", of_tokens=False)
    together = by_gradient(model, [given], loss, power=1)
    apart = by_gradient(
        model, [{name: one[:2] for name, one in given.items()},
                {name: one[2:] for name, one in given.items()}], loss, power=1
    )  # fmt: skip
    for one, other in zip(together, apart, strict=True):
        assert torch.allclose(one.neurons, other.neurons, rtol=1e-4, atol=1e-9)
        assert torch.allclose(one.heads, other.heads, rtol=1e-4, atol=1e-9)


@pytest.mark.parametrize("problem", ["single_label", "multi_label", "regression"])
def test_a_copy_of_its_teacher_still_knows_what_matters(problem: str) -> None:
    """Where the KL is least its gradient is nothing; the drawn labels' squares are not."""
    model, given = prunable(tiny_encoder()).eval(), batch()
    read = {name: given[name] for name in ("input_ids", "attention_mask")}
    with torch.inference_mode():
        given["teacher_logits"] = model(**read).logits.clone()
    loss = drawn_loss(TEACHING, problem, 1, of_tokens=False)  # type: ignore[arg-type]  # one of three
    scores = by_gradient(model, [given], loss, power=2)
    assert all(float(one.heads.min()) > 0 for one in scores)
    again = drawn_loss(TEACHING, problem, 1, of_tokens=False)  # type: ignore[arg-type]  # as above
    for one, other in zip(scores, by_gradient(model, [given], again, power=2), strict=True):
        assert torch.equal(one.heads, other.heads)
    model.train()  # in which it has dropout
    again = drawn_loss(TEACHING, problem, 1, of_tokens=False)  # type: ignore[arg-type]  # as above
    for one, other in zip(scores, by_gradient(model, [given], again, power=2), strict=True):
        assert torch.equal(one.heads, other.heads)
    assert model.training
    assert all(parameter.grad is None for parameter in model.parameters())


def test_magnitude_is_of_all_that_would_be_cut() -> None:
    """A head whose values go nowhere, and a neuron with no weights, come last."""
    model = prunable(tiny_encoder())
    layer = layers_of(model)[0]
    with torch.no_grad():
        layer.inner.weight[5] = 0
        layer.outer.weight[:, 5] = 0
        for linear in layer.projections:
            linear.weight[:16] *= 0.1
    found = by_magnitude(model)[0]
    assert int(found.neurons.argmin()) == 5
    assert found.neurons[5] == 0
    assert found.heads[0] < found.heads[1]


SCORES = [
    Scores(torch.tensor([3.0, 1.0, 2.0, 4.0]), torch.arange(64.0)),
    Scores(torch.tensor([9.0, 8.0, 7.0, 6.0]), torch.arange(64.0) + 100),
]


def test_what_is_kept() -> None:
    """The same share of each layer, or of all; neurons by sixteens, and never none."""
    even = kept_of(SCORES, Pruning(heads=0.5, neurons=0.3))
    assert [list(one.heads) for one in even] == [[0, 3], [0, 1]]
    assert [list(one.neurons) for one in even] == [list(range(48, 64))] * 2
    across = kept_of(SCORES, Pruning(heads=0.5, neurons=0.5, allocation="model"))
    assert [list(one.heads) for one in across] == [[3], [0, 1, 2, 3]]
    assert [len(one.neurons) for one in across] == [16, 64]
    begun = kept_of(SCORES, Pruning(heads=0.5, neurons=0.5), done=0.5)
    assert [(len(one.heads), len(one.neurons)) for one in begun] == [(3, 48)] * 2


def test_a_layer_that_would_keep_too_few_keeps_none() -> None:
    """Of its neurons: the others keep as many more. Of heads, every layer keeps one."""
    scores = [*SCORES, Scores(torch.arange(4.0) + 20, torch.arange(64.0) + 44)]

    def counts(**spec: float) -> list[tuple[int, int]]:
        kept = kept_of(scores, Pruning(heads=0.5, **spec, allocation="model"))
        return [(len(one.heads), len(one.neurons)) for one in kept]

    assert counts(neurons=0.5) == [(1, 16), (2, 64), (4, 32)]
    assert counts(neurons=0.5, least=0.2) == [(1, 0), (2, 64), (4, 32)]
    assert counts(neurons=0.4, least=0.3) == [(1, 0), (2, 64), (4, 0)]
    assert counts(neurons=0.75) == [(1, 16), (2, 64), (4, 64)]


@pytest.mark.parametrize(
    ("spec", "said"),
    [
        ({"neurons": 0.5, "least": 0.2}, 'least is of allocation = "model"'),
        ({"neurons": 0.5, "least": 0.5, "allocation": "model"}, "and below neurons"),
        ({"vocabulary": "data", "reconstruction": True}, "cut at once"),
        ({"heads": 0.5, "cuts": 2, "reconstruction": True}, "cut at once"),
    ],
)
def test_what_a_recipe_cannot_ask_for(spec: dict[str, Any], said: str) -> None:
    """Settings of something that the rest of the section does not do."""
    with pytest.raises(ValueError, match=said):
        Pruning(**spec)


def test_what_is_shut_off_comes_last() -> None:
    """Whatever it would matter by now: a cut is never taken back."""
    model = prunable(tiny_encoder())
    gates = Gates(model)
    shut = [Kept([1], range(32, 64)), Kept([0], range(32))]
    gates.shut(shut)
    least = [Scores(-torch.arange(2.0) / 9, -torch.arange(64.0) / 99)] * 2
    for one, kept in zip(gates.scored(least), shut, strict=True):
        assert one.heads.argmax() == kept.heads[0]
        assert sorted(one.neurons.sort(descending=True).indices[:32].tolist()) == list(kept.neurons)


def test_when_cuts_are_made() -> None:
    """The first before all, the last when `until` is done, the others evenly between."""
    assert cut_steps(Pruning(heads=0.5, cuts=4, until=0.3), 1000) == [0, 100, 200, 300]
    assert cut_steps(Pruning(heads=0.5, cuts=2, until=0.9), 1) == [0, 0]
