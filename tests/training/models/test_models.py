"""The architectures: size, padding, saving, and embeddings from a teacher."""

from pathlib import Path

import pytest
import torch
from transformers import AutoModelForSequenceClassification, PreTrainedModel

from tests.tiny import tiny_bilstm, tiny_encoder, tiny_encoder_checkpoint, tiny_nano
from training.models.encoder import new_encoder
from training.models.students.bilstm import (
    BiLstmConfig,
    BiLstmForSequenceClassification,
    project_embeddings,
)
from training.models.students.nano import NanoConfig, NanoForSequenceClassification

POOLINGS = ("last", "max", "mean")
WIDTHS = (1, 2, 3, 4, 5)
STUDENTS = [
    *(
        pytest.param(tiny_bilstm(pooling=pooling, layers=layers), id=f"bilstm-{pooling}-{layers}")
        for pooling in POOLINGS
        for layers in (1, 2)
    ),
    *(pytest.param(tiny_nano(width=width), id=f"nano-{width}") for width in WIDTHS),
]


def test_default_bilstm_has_the_size_promised() -> None:
    """The defaults with two labels make the student that ships, 4,698,370 parameters."""
    model = BiLstmForSequenceClassification(BiLstmConfig())
    assert model.config.num_labels == 2
    assert sum(parameter.numel() for parameter in model.parameters()) == 4_698_370


def test_default_nano_has_the_size_promised() -> None:
    """The defaults with two labels make the nano of the recipe, 2,991,938 parameters."""
    model = NanoForSequenceClassification(NanoConfig())
    assert sum(parameter.numel() for parameter in model.parameters()) == 2_991_938


@pytest.mark.parametrize("model", STUDENTS)
@torch.inference_mode()
def test_padding_is_never_read(model: PreTrainedModel) -> None:
    """A text has the same logits alone and in a padded batch, whatever the padding holds."""
    lengths = [9, 1, 4, 9, 2]
    ids = torch.randint(5, model.config.vocab_size, (len(lengths), max(lengths)))
    mask = (torch.arange(max(lengths)) < torch.tensor(lengths)[:, None]).long()
    together = model(input_ids=ids, attention_mask=mask).logits
    alone = torch.cat(
        [
            model(input_ids=row[None, :n], attention_mask=torch.ones(1, n, dtype=torch.long)).logits
            for row, n in zip(ids, lengths, strict=True)
        ]
    )
    assert alone.std() > 0.05
    assert (together - alone).abs().max() < 1e-6


@torch.inference_mode()
def test_poolings_differ() -> None:
    """Each pooling is another function of the same states."""
    ids = torch.tensor([[7, 9, 11, 6]])
    found = [
        tiny_bilstm(pooling=pooling)(input_ids=ids, attention_mask=torch.ones_like(ids)).logits
        for pooling in POOLINGS
    ]
    assert all(
        not torch.allclose(found[i], found[j], atol=1e-3) for i, j in ((0, 1), (0, 2), (1, 2))
    )


@pytest.mark.parametrize("width", WIDTHS)
@torch.inference_mode()
def test_nano_is_the_maximum_over_ngrams(width: int) -> None:
    """A filter answers to every run of `width` tokens, zeros beyond the ends; the best counts."""
    model = tiny_nano(width=width)
    ids = torch.tensor([[7, 9, 11, 6]])
    zeros = torch.zeros(width, model.config.embedding_size)
    words = torch.cat([zeros, model.embedding.weight[ids[0]], zeros])
    first = width - (width - 1) // 2  # the run that is centred on the first token
    answers = [
        torch.einsum("few,we->f", model.convolution.weight, words[start : start + width])
        for start in range(first, first + 4)
    ]
    assert model.convolution.bias is not None
    pooled = (torch.stack(answers).amax(dim=0) + model.convolution.bias).relu()
    expected = model.classifier(pooled)
    found = model(input_ids=ids, attention_mask=torch.ones_like(ids)).logits[0]
    assert torch.allclose(found, expected, atol=1e-5)


@torch.inference_mode()
def test_nano_reads_order_within_its_width() -> None:
    """Words in another order are another text, but not to filters that see one word at a time."""
    one, turned = torch.tensor([[7, 9, 11, 6]]), torch.tensor([[11, 7, 6, 9]])
    for width, same in ((1, True), (3, False)):
        model = tiny_nano(width=width)
        first, second = (model(ids, torch.ones_like(ids)).logits for ids in (one, turned))
        assert torch.allclose(first, second, atol=1e-5) == same


@pytest.mark.parametrize("model", [tiny_bilstm(), tiny_nano()], ids=["bilstm", "nano"])
def test_loss_is_cross_entropy(model: PreTrainedModel) -> None:
    """With labels the output has the loss that plain training uses."""
    ids, labels = torch.tensor([[7, 9], [8, 6]]), torch.tensor([0, 1])
    output = model(input_ids=ids, attention_mask=torch.ones_like(ids), labels=labels)
    expected = torch.nn.functional.cross_entropy(output.logits, labels)
    assert torch.equal(output.loss, expected)


@pytest.mark.parametrize(
    "model",
    [
        *(tiny_bilstm(("no", "maybe", "yes"), pooling=pooling) for pooling in POOLINGS),
        tiny_nano(("no", "maybe", "yes")),
    ],
    ids=[*POOLINGS, "nano"],
)
def test_round_trip(tmp_path: Path, model: PreTrainedModel) -> None:
    """What `save_pretrained` writes, the auto class reads: same class, labels and logits."""
    model.save_pretrained(tmp_path)
    back = AutoModelForSequenceClassification.from_pretrained(tmp_path).eval()
    ids = torch.tensor([[7, 9, 11, 6]])
    assert type(back) is type(model)
    loaded = {"_name_or_path": None, "dtype": None}  # these say where from and how it was read
    assert back.config.to_dict() | loaded == model.config.to_dict() | loaded
    assert back.config.id2label == {0: "no", 1: "maybe", 2: "yes"}
    with torch.inference_mode():
        first, second = (m(ids, torch.ones_like(ids)).logits for m in (model, back))
    assert torch.equal(first, second)


def test_forget_gates_start_open() -> None:
    """The two biases that torch adds make a forget gate's bias 1 and the others 0."""
    config = BiLstmConfig(vocab_size=9, hidden_size=3, num_hidden_layers=2)
    lstm = BiLstmForSequenceClassification(config).lstm
    for suffix in ("l0", "l0_reverse", "l1", "l1_reverse"):
        bias = getattr(lstm, f"bias_ih_{suffix}") + getattr(lstm, f"bias_hh_{suffix}")
        assert bias.tolist() == [0] * 3 + [1] * 3 + [0] * 6


def test_new_encoder_has_a_fresh_head(tmp_path: Path) -> None:
    """A base gets the labels and dropout asked for, and keeps its body."""
    base = tiny_encoder_checkpoint(tmp_path)
    model = new_encoder(str(base), ("a", "b"), dropout=0.25)
    assert model.config.id2label == {0: "a", 1: "b"}
    assert model.config.label2id == {"a": 0, "b": 1}
    assert {m.p for m in model.modules() if isinstance(m, torch.nn.Dropout)} == {0.25}
    expected = tiny_encoder().get_input_embeddings().weight
    assert torch.equal(model.get_input_embeddings().weight, expected)  # type: ignore[arg-type]


def test_new_encoder_from_a_classifier_of_other_labels(tmp_path: Path) -> None:
    """A classifier of two labels serves as the base of one of three."""
    base = tiny_encoder_checkpoint(tmp_path)
    assert new_encoder(str(base), ("a", "b", "c"), dropout=0.1).config.num_labels == 3


def test_full_projection_keeps_distances() -> None:
    """Projecting to as many dimensions turns and scales the table, and nothing else."""
    table = torch.randn(40, 8, generator=torch.Generator().manual_seed(0)) + 5
    projected = project_embeddings(table, 8)
    ratio = torch.pdist(projected) / torch.pdist(table)
    assert ratio.std() / ratio.mean() < 1e-4
    assert torch.allclose(projected, project_embeddings(table * 7, 8), atol=1e-4)
    assert projected.mean(dim=0).abs().max() < 1e-6


def test_projection_keeps_what_varies_most() -> None:
    """Of a table that varies in three directions, three dimensions lose nothing and two some."""
    generator = torch.Generator().manual_seed(0)
    flat = torch.randn(60, 3, generator=generator) * torch.tensor([5.0, 2.0, 1.0])
    table = flat @ torch.linalg.qr(torch.randn(10, 10, generator=generator))[0][:3]
    three, two = (
        torch.pdist(project_embeddings(table, size)) / torch.pdist(table) for size in (3, 2)
    )
    assert three.std() / three.mean() < 1e-3
    assert two.std() / two.mean() > 1e-2
    # The two that vary most are kept: distances in them alone are kept up to the scale.
    best = torch.pdist(project_embeddings(table, 2)) / torch.pdist(flat[:, :2])
    assert best.std() / best.mean() < 0.1


def test_no_projection_up() -> None:
    """More dimensions than there are cannot be had."""
    with pytest.raises(ValueError, match="cannot project 8 embedding dimensions up to 9"):
        project_embeddings(torch.randn(20, 8), 9)
