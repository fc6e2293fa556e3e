"""An adapter that answers with the words of labels: trained by a recipe, read by `label`."""

import importlib.util
from pathlib import Path
from typing import Any

import pytest
import torch
from click.testing import CliRunner

from cli import main
from tests.causal import TEMPLATE, causal_checkpoint
from training.errors import CheckpointError, RecipeError
from training.label.causal import load_causal
from training.label.prompt import kept_prompt
from training.recipe.recipe import parse_recipe
from training.tasks.run import run_recipe

WORDS = {"negative": "so bad", "positive": "so good"}


def lora_recipe(toy: Path, base: Path, **changes: Any) -> Any:
    """Teaches `base` the toy texts."""
    values: dict[str, Any] = {
        "name": "lora",
        "data": {"train": str(toy / "train.tsv"), "test": str(toy / "test.tsv"), "max_length": 64},
        "model": {
            "architecture": "causal-lm",
            "base": str(base),
            "prompt": TEMPLATE,
            "words": WORDS,
            "rank": 8,
            "alpha": 16,
            "dropout": 0.0,
        },
        "training": {"epochs": 6, "batch_size": 16, "learning_rate": 1e-2},
    }
    for key, value in changes.items():
        section, name = key.split("__")
        values[section][name] = value
    return parse_recipe(values, "lora")


def test_an_adapter_learns_words_and_label_reads_it(
    toy: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its prompt and words are asked for without being named again; the base is not changed."""
    monkeypatch.setenv("STILLHOUSE_CACHE", str(tmp_path / "cache"))
    base = causal_checkpoint(tmp_path / "base", steps=60)
    weights = (base / "model.safetensors").read_bytes()
    metrics = run_recipe(lora_recipe(toy, base), tmp_path / "adapter")
    assert metrics["test"]["accuracy"] > 0.85
    assert (base / "model.safetensors").read_bytes() == weights
    assert not (tmp_path / "adapter" / "model.safetensors").exists()
    kept = kept_prompt(tmp_path / "adapter")
    assert kept is not None
    assert dict(zip(kept.labels, kept.words, strict=True)) == WORDS
    named = ["--data", str(toy / "test.tsv"), "--test", str(toy / "test.tsv")]
    output = ["--output", str(tmp_path / "soft.tsv"), "--calibration", "none"]
    found = CliRunner().invoke(
        main, ["label", "--model", str(tmp_path / "adapter"), *named, *output]
    )
    assert found.exit_code == 0, found.output
    assert f"none: accuracy {metrics['test']['accuracy']:.4f}" in found.output


def test_what_it_cannot_do_is_said(toy: Path, tmp_path: Path) -> None:
    """Before training."""
    base = causal_checkpoint(tmp_path / "base")
    for changes, said in (
        ({"training__choose_by": "accuracy"}, "chosen by loss"),
        ({"training__sampler": "balanced"}, "sampler"),
        ({"model__targets": ["none_such"]}, "model.targets"),
    ):
        with pytest.raises(RecipeError, match=said):
            run_recipe(lora_recipe(toy, base, **changes), tmp_path / "out")
    with pytest.raises(RecipeError, match=r"leave \[distillation\] out"):
        parse_recipe(
            {
                **lora_recipe(toy, base).model_dump(mode="json", exclude_none=True),
                "distillation": {"teacher": "t"},
            },
            "lora",
        )


@pytest.mark.skipif(
    importlib.util.find_spec("bitsandbytes") is not None,
    reason="bitsandbytes is installed: an environment without it runs this",
)
def test_four_bits_without_bitsandbytes_are_refused(toy: Path, tmp_path: Path) -> None:
    """With what to install, and what does without."""
    base = causal_checkpoint(tmp_path / "base")
    with pytest.raises(CheckpointError, match=r"stillhouse\[qlora\].*quantization = .none."):
        run_recipe(lora_recipe(toy, base, model__quantization="4bit"), tmp_path / "out")
    assert load_causal(str(base)).model.dtype == torch.float32
