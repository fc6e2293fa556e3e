"""Losses on the teacher's inside: against the models' own outputs, and what they refuse."""

import copy
from typing import Any

import pytest
import torch
from torch.nn import functional
from transformers import (
    AlbertConfig,
    AutoModelForSequenceClassification,
    BartConfig,
    BertConfig,
    DebertaV2Config,
    DistilBertConfig,
    GPT2Config,
    ModernBertConfig,
    MPNetConfig,
    PretrainedConfig,
    PreTrainedModel,
    Qwen2Config,
)
from transformers.modeling_outputs import SequenceClassifierOutput

from tests.tiny import tiny_bilstm, tiny_checkpoint, tiny_encoder
from training.errors import RecipeError
from training.models.students.bilstm import BiLstmConfig, BiLstmForSequenceClassification
from training.recipe.teaching import Losses
from training.teach.white_box import PROJECTIONS, WhiteBox, layer_pairs

IDS = [2, 9, 8, 7, 3]
EVERY = Losses(cosine=1.0, hidden=1.0, attention=1.0)


def batch() -> dict[str, torch.Tensor]:
    """Two texts, the second shorter."""
    input_ids = torch.tensor([[2, 9, 8, 7, 3], [2, 11, 3, 0, 0]])
    return {"input_ids": input_ids, "attention_mask": (input_ids != 0).long()}


def narrow(**changes: Any) -> PreTrainedModel:
    """A random BERT unlike the tiny one: 16 wide, and with what is asked for."""
    shape = {"hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 2}
    config = BertConfig(
        vocab_size=tiny_encoder().config.vocab_size,
        intermediate_size=24,
        max_position_embeddings=64,
        **{**shape, **changes},
    )
    model: PreTrainedModel = AutoModelForSequenceClassification.from_config(config).eval()
    return model


def white_box(
    student: PreTrainedModel, weights: Losses, teacher: PreTrainedModel | None = None
) -> WhiteBox:
    """The losses between `student` and a tiny encoder."""
    checkpoint = tiny_checkpoint(teacher or tiny_encoder())  # type: ignore[arg-type]
    return WhiteBox(checkpoint, student, weights, IDS, IDS)


def loss(student: PreTrainedModel, weights: Losses, **inputs: torch.Tensor) -> float:
    """The weighted loss on the batch, by a teacher that is a tiny encoder."""
    student.eval()
    return white_box(student, weights).run(student, {**batch(), **inputs})[1].item()


@pytest.mark.parametrize("name", ["cosine", "hidden", "attention"])
def test_a_student_that_equals_its_teacher_has_no_loss(name: str) -> None:
    """A copy of the teacher costs nothing and gets no projection; another model costs."""
    weights = Losses(**{name: 1.0})
    same, other = tiny_encoder(), tiny_encoder(seed=1)
    assert loss(same, weights) == pytest.approx(0, abs=1e-6)
    assert not hasattr(same, PROJECTIONS)
    assert loss(other, weights) > 0.01
    assert loss(other, Losses(**{name: 3.0})) == pytest.approx(3 * loss(other, weights), rel=1e-5)


@torch.no_grad()
def test_hidden_is_the_squared_difference_of_the_states() -> None:
    """Of models as wide and deep, layer by layer, over real tokens alone."""
    student, teacher = tiny_encoder(seed=1), tiny_encoder()
    states = [
        model(**batch(), output_hidden_states=True).hidden_states for model in (student, teacher)
    ]
    real = batch()["attention_mask"].bool()
    parts = [((a[real] - b[real]) ** 2).mean() for a, b in list(zip(*states, strict=True))[1:]]
    expected = sum(parts) / 2
    assert loss(student, Losses(hidden=1.0)) == pytest.approx(float(expected), rel=1e-5)


@torch.no_grad()
def test_cosine_is_between_mean_states_whatever_the_tokens() -> None:
    """Each model reads its own tokens; the embeddings are the means of the last states."""
    student, teacher = tiny_encoder(seed=1), tiny_encoder()
    read = {
        "teacher_input_ids": torch.tensor([[2, 5, 3], [2, 3, 0]]),
        "teacher_attention_mask": torch.tensor([[1, 1, 1], [1, 1, 0]]),
    }
    lengths = {id(student): (5, 3), id(teacher): (3, 2)}
    taken = {name.removeprefix("teacher_"): tensor for name, tensor in read.items()}
    means = []
    for model, inputs in ((student, batch()), (teacher, taken)):
        states = model(**inputs, output_hidden_states=True).hidden_states[-1]
        means.append([states[row, :n].mean(dim=0) for row, n in enumerate(lengths[id(model)])])
    angles = [functional.cosine_similarity(a, b, dim=0) for a, b in zip(*means, strict=True)]
    expected = 1 - sum(map(float, angles)) / 2
    assert loss(student, Losses(cosine=1.0), **read) == pytest.approx(expected, rel=1e-4)


def test_projections_are_for_one_process(monkeypatch: pytest.MonkeyPatch) -> None:
    """Run outside of what several processes wrap, they would end the training at its first step."""
    monkeypatch.setattr("torch.distributed.is_initialized", lambda: True)
    monkeypatch.setattr("torch.distributed.get_world_size", lambda: 2)
    with pytest.raises(RecipeError, match="by one process alone"):
        white_box(narrow(), Losses(hidden=1))
    white_box(tiny_encoder(), Losses(hidden=1))


def test_padding_changes_nothing() -> None:
    """More padding leaves every loss as it is."""
    student = tiny_encoder(seed=1)
    longer = {name: functional.pad(tensor, (0, 4)) for name, tensor in batch().items()}
    assert loss(student, EVERY, **longer) == pytest.approx(loss(student, EVERY), rel=1e-4)


@pytest.mark.parametrize("student", [narrow(), tiny_bilstm()], ids=["encoder", "bilstm"])
def test_projections_learn_and_are_removed(student: PreTrainedModel) -> None:
    """Where widths differ the student has projections while it trains, and none afterwards."""
    before = set(student.state_dict())
    teacher = tiny_encoder()
    box = white_box(student, Losses(cosine=1.0, hidden=1.0), teacher)
    student.train()
    box.run(student, batch())[1].backward()  # type: ignore[no-untyped-call]
    added = dict(student.named_parameters()).keys() - before
    assert {name.split(".")[1] for name in added} >= {"cosine", "hidden_1"}
    for name, parameter in student.named_parameters():
        head = name.startswith(("classifier", "bert.pooler"))
        assert head or parameter.grad is not None, name
        assert head or parameter.grad.abs().sum() > 0, name  # type: ignore[union-attr]
    assert all(parameter.grad is None for parameter in teacher.parameters())
    box.remove_projections()
    assert set(student.state_dict()) == before


SMALL: dict[str, Any] = {
    "vocab_size": 80,
    "hidden_size": 32,
    "num_hidden_layers": 3,
    "num_attention_heads": 2,
}
RELATIVE: dict[str, Any] = {
    "relative_attention": True,
    "pos_att_type": "p2c|c2p",
    "share_att_key": True,
    "position_buckets": 8,
}
WITH_PAD: dict[str, Any] = {"pad_token_id": 0, "bos_token_id": 2, "eos_token_id": 3}


@pytest.mark.parametrize(
    ("config", "values"),
    [
        (
            DistilBertConfig(vocab_size=80, dim=32, n_layers=3, n_heads=2, hidden_dim=48),
            "layer.2.attention.v_lin",
        ),
        (MPNetConfig(**SMALL, intermediate_size=48), "layer.2.attention.attn.v"),
        (
            DebertaV2Config(**SMALL, **RELATIVE, intermediate_size=48),
            "layer.2.attention.self.value_proj",
        ),
        (
            AlbertConfig(**SMALL, embedding_size=16, intermediate_size=48),
            "albert_layers.0.attention.value",
        ),
        (ModernBertConfig(**SMALL, **WITH_PAD, intermediate_size=48), "layers.2.attn.Wqkv"),
        (
            BartConfig(
                **WITH_PAD,
                vocab_size=80,
                d_model=32,
                encoder_layers=2,
                decoder_layers=3,
                encoder_attention_heads=2,
                decoder_attention_heads=2,
                encoder_ffn_dim=48,
                decoder_ffn_dim=48,
            ),
            "decoder.layers.2.self_attn.v_proj",
        ),
        (GPT2Config(vocab_size=80, n_embd=32, n_layer=3, n_head=2, **WITH_PAD), "h.2.attn.c_attn"),
        (
            Qwen2Config(**SMALL, **WITH_PAD, num_key_value_heads=1, intermediate_size=48),
            "layers.2.self_attn.v_proj",
        ),
    ],
    ids=lambda value: getattr(value, "model_type", None),
)
def test_families_can_be_looked_into(config: PretrainedConfig, values: str) -> None:
    """Families with other names for their parts give every loss too, from their last layer."""
    teacher = AutoModelForSequenceClassification.from_config(config).eval()
    student = copy.deepcopy(teacher)
    # BART's classifier gives no states of its decoder under the common name.
    weights = Losses(attention=1.0) if config.model_type == "bart" else EVERY
    box = white_box(student, weights, teacher)
    assert box.run(student, batch())[1].item() == pytest.approx(0, abs=1e-5)
    # A change that only the last layer's values see is seen.
    (weight,) = [w for name, w in student.named_parameters() if name.endswith(f"{values}.weight")]
    with torch.no_grad():
        weight.normal_()
    box = white_box(student, Losses(attention=1.0), teacher)
    assert box.run(student, batch())[1].item() > 0.01


@pytest.mark.parametrize(
    ("student", "teacher", "expected"),
    [
        (3, 3, [(1, 1), (2, 2)]),
        (4, 7, [(1, 2), (2, 4), (3, 6)]),
        (3, 13, [(1, 6), (2, 12)]),
        (2, 7, [(1, 6)]),
        (6, 13, [(1, 3), (2, 5), (3, 8), (4, 10), (5, 12)]),
        (5, 3, [(1, 1), (2, 1), (3, 2), (4, 2)]),
    ],
)
def test_layers_are_paired_evenly(
    student: int, teacher: int, expected: list[tuple[int, int]]
) -> None:
    """The student's layers are spread over the teacher's, the last by the last."""
    assert layer_pairs(student, teacher) == expected


class Silent(BiLstmForSequenceClassification):
    """Gives logits and nothing else."""

    def forward(self, *args: Any, **options: Any) -> SequenceClassifierOutput:
        """As its base, without hidden states."""
        options.pop("output_hidden_states", None)
        return super().forward(*args, **options)


@pytest.mark.parametrize(
    ("student", "teacher", "weights", "message"),
    [
        (tiny_bilstm(), None, {"attention": 1.0}, "the student, a BiLstm.*has none"),
        (tiny_encoder(), tiny_bilstm(), {"attention": 1.0}, "the teacher, a BiLstm.*has none"),
        (Silent(BiLstmConfig(pad_token_id=0)), None, {"hidden": 1.0}, "the student, a Silent"),
        (tiny_encoder(), Silent(BiLstmConfig(pad_token_id=0)), {"cosine": 1.0}, "the teacher, a S"),
    ],
)
def test_what_does_not_fit_is_told(
    student: PreTrainedModel,
    teacher: PreTrainedModel | None,
    weights: dict[str, float],
    message: str,
) -> None:
    """A loss on what one of the models has not is an error that says whose, and which loss."""
    with pytest.raises(RecipeError, match=rf"distillation\.losses\.(.|\n)*{message}"):
        white_box(student, Losses(**weights), teacher)
