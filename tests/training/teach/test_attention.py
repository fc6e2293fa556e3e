"""The loss on attention: what the models attend to, head by head or part by part."""

import pytest
import torch
from transformers import PreTrainedModel

from tests.tiny import tiny_encoder
from tests.training.teach.test_white_box import batch, loss, narrow, white_box
from training.recipe.teaching import Losses
from training.teach.attention import Seen, common_parts


def attention_of(model: PreTrainedModel) -> tuple[torch.Tensor, torch.Tensor]:
    """BERT's own last attention, and its value relation from the last layer's input."""
    model.set_attn_implementation("eager")
    output = model(**batch(), output_attentions=True, output_hidden_states=True)
    projection = model.get_submodule("bert.encoder.layer.1.attention.self.value")
    values = projection(output.hidden_states[-2])
    values = values.view(2, 5, 2, -1).transpose(1, 2)
    scores = values @ values.transpose(-1, -2) / values.shape[-1] ** 0.5
    padding = batch()["attention_mask"][:, None, None, :] == 0
    return output.attentions[-1], scores.masked_fill(padding, float("-inf")).softmax(dim=-1)


@torch.no_grad()
def test_attention_is_what_the_models_attend_to() -> None:
    """The KL of the attention that transformers gives, and of the values' relations."""
    student, teacher = narrow(initializer_range=0.5), tiny_encoder()
    found = loss(student, Losses(attention=1.0))
    expected = 0.0
    for p, q in zip(attention_of(teacher), attention_of(student), strict=True):
        rows = []
        for text, n in enumerate((5, 3)):
            real = (slice(None), slice(n), slice(n))
            a, b = p[text][real], q[text][real]
            rows += (a * (a / b).log()).sum(dim=-1).mean(dim=0).tolist()
        expected += sum(rows) / len(rows)
    assert found == pytest.approx(expected, rel=1e-4)
    assert found > 0.01


@torch.no_grad()
def test_attention_of_other_heads_is_related_part_by_part() -> None:
    """As in MiniLMv2: all heads' numbers cut into as many parts of both, each with itself."""
    student, teacher = narrow(num_attention_heads=4, initializer_range=0.5), tiny_encoder()
    found = loss(student, Losses(attention=1.0))
    parts, expected = 4, 0.0  # of 16 and 32 numbers, no more than the four heads
    for name in ("query", "key", "value"):
        rows = []
        for text, n in enumerate((5, 3)):
            relations = []
            for model in (teacher, student):
                states = model(**batch(), output_hidden_states=True).hidden_states[-2]
                layer = model.get_submodule("bert.encoder.layer.1.attention.self")
                given = layer.get_submodule(name)(states)[text, :n].view(n, parts, -1)
                scores = torch.einsum("ahs,bhs->hab", given, given) / given.shape[-1] ** 0.5
                relations.append(scores.softmax(dim=-1))
            a, b = relations
            rows += (a * (a / b).log()).sum(dim=-1).mean(dim=0).tolist()
        expected += sum(rows) / len(rows)
    assert found == pytest.approx(expected, rel=1e-4)
    assert found > 0.01


@pytest.mark.parametrize(
    ("wide", "heads", "narrower", "fewer", "parts"),
    [(768, 12, 384, 6, 12), (1024, 16, 768, 12, 16), (768, 12, 256, 4, 8), (30, 3, 20, 2, 2)],
)
def test_parts_are_common_to_both_widths(
    wide: int, heads: int, narrower: int, fewer: int, parts: int
) -> None:
    """As many as part both widths, and no more than the greater number of heads."""
    one, other = (
        Seen(*[torch.zeros(1, n, 2, width // n)] * 3)
        for width, n in ((wide, heads), (narrower, fewer))
    )
    assert common_parts(one, other) == common_parts(other, one) == parts
    assert {tuple(states.shape) for states in one.cut(parts)} == {(1, parts, 2, wide // parts)}


def test_attention_reaches_queries_keys_and_values() -> None:
    """All three projections of the last layer, and all that is below, learn."""
    student = tiny_encoder(seed=1).train()
    white_box(student, Losses(attention=1.0)).run(student, batch())[1].backward()  # type: ignore[no-untyped-call]
    first, last = student.bert.encoder.layer
    taught = last.attention.self
    for module in (taught.query, taught.key, taught.value, first.output.dense):
        assert module.weight.grad.abs().sum() > 0
    assert last.output.dense.weight.grad is None
