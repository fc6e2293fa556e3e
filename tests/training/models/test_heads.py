"""Every architecture's head, by problem: its size, its loss and what its config says."""

from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import BertConfig, BertForSequenceClassification, PreTrainedModel, pipeline

from tests.tiny import tiny_bilstm, tiny_encoder_checkpoint, tiny_hub_tokenizer, tiny_nano
from training.models.checkpoints.checkpoint import load_checkpoint
from training.models.encoder import new_encoder
from training.models.heads import hard_loss
from training.problem import TRANSFORMERS_NAMES, ProblemType, problem_of

PROBLEMS: dict[ProblemType, tuple[tuple[str, ...], Any]] = {
    "single_label": (("a", "b", "c"), [2, 0]),
    "multi_label": (("a", "b", "c"), [[1.0, 0.0, 1.0], [0.0, 0.0, 0.0]]),
    "regression": (("stars",), [3.5, -1.0]),
}


def model_of(architecture: str, problem: ProblemType, folder: Path) -> PreTrainedModel:
    """A random model of an architecture, with a head for the problem."""
    labels = PROBLEMS[problem][0]
    if architecture == "encoder":
        base = tiny_encoder_checkpoint(folder / "base", ("x", "y"))
        encoder = new_encoder(str(base), labels, 0.0, problem)
        encoder.train(False)
        return encoder
    model = (tiny_bilstm if architecture == "bilstm" else tiny_nano)(labels)
    model.config.problem_type = TRANSFORMERS_NAMES[problem]
    return model


@pytest.mark.parametrize("problem", PROBLEMS)
@pytest.mark.parametrize("architecture", ["encoder", "bilstm", "nano"])
def test_the_loss_is_the_problems(architecture: str, problem: ProblemType, tmp_path: Path) -> None:
    """The one that students are trained by, and the config that is saved says which it is."""
    labels, targets = PROBLEMS[problem]
    model = model_of(architecture, problem, tmp_path)
    ids = torch.tensor([[2, 7, 8, 3], [2, 9, 9, 3]])
    wanted = torch.tensor(targets)
    output = model(input_ids=ids, attention_mask=torch.ones_like(ids), labels=wanted)
    assert output.logits.shape == (2, len(labels))
    assert output.loss.item() == pytest.approx(hard_loss(output.logits, wanted, problem).item())
    assert problem_of(model.config) == problem


def test_a_new_head_is_the_datas(tmp_path: Path) -> None:
    """A base that classifies otherwise gives its body; what is saved is read back as it is."""
    base = tiny_encoder_checkpoint(tmp_path / "base", ("x", "y"))
    model = new_encoder(str(base), ("stars",), 0.0, "regression")
    model.save_pretrained(tmp_path / "saved")
    load_checkpoint(str(base)).hub_tokenizer.save_pretrained(tmp_path / "saved")
    saved = load_checkpoint(str(tmp_path / "saved"))
    assert (saved.labels, problem_of(saved.model.config)) == (("stars",), "regression")


@pytest.mark.parametrize(
    ("labels", "named", "expected"),
    [
        (1, None, "multi_label"),
        (1, "regression", "regression"),
        (2, None, "single_label"),
        (2, "multi_label_classification", "multi_label"),
    ],
)
def test_a_config_is_read_as_transformers_pipeline_reads_it(
    labels: int, named: Any, expected: ProblemType
) -> None:
    """A reranker's one logit is a yes or no, and what its config calls a regression a number."""
    model = BertForSequenceClassification(
        BertConfig(
            vocab_size=60,
            hidden_size=16,
            num_hidden_layers=1,
            num_attention_heads=2,
            intermediate_size=16,
            id2label=dict(enumerate("ab"[:labels])),
            problem_type=named,
        )
    ).eval()
    assert problem_of(model.config) == expected
    pipe = pipeline("text-classification", model=model, tokenizer=tiny_hub_tokenizer())
    with torch.inference_mode():
        ids = torch.tensor([tiny_hub_tokenizer()("good film")["input_ids"]])
        logits = model(input_ids=ids).logits[0]
    scores = {
        "multi_label": logits.sigmoid(),
        "regression": logits,
        "single_label": logits.softmax(-1),
    }[expected]
    found = {one["label"]: one["score"] for one in pipe("good film", top_k=None)}
    assert [found[label] for label in "ab"[:labels]] == pytest.approx(scores.tolist(), abs=1e-5)
