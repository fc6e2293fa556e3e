"""Tagged texts and a tagger's recipes that train tiny models in about a second."""

import json
import random
from pathlib import Path
from typing import Any

import torch
from transformers import BertConfig, BertForTokenClassification

from tests.tiny import FILLER, NEGATIVE, POSITIONS, POSITIVE, tiny_hub_tokenizer, tiny_tokenizer
from training.data.tags.tagged import labels_of
from training.recipe.recipe import Recipe, parse_recipe

TYPES = ("blame", "praise")
# Of each type how an entity begins, and how it may go on: a word tells its tag.
WORDS = {"praise": (POSITIVE[:2], POSITIVE[2:4]), "blame": (NEGATIVE[:2], NEGATIVE[2:4])}


def toy_tags(path: Path, n: int, seed: int) -> Path:
    """Writes JSON lines of `tokens` and `tags`: good words are entities, and bad ones."""
    chosen = random.Random(seed)
    lines: dict[str, None] = {}
    while len(lines) < n:
        said: list[str] = []
        tags: list[str] = []
        for _ in range(chosen.randint(2, 4)):
            filler = [chosen.choice(FILLER) for _ in range(chosen.randint(1, 3))]
            kind = chosen.choice(TYPES)
            found = [chosen.choice(words) for words in WORDS[kind][: chosen.randint(0, 2)]]
            said += filler + found
            tags += ["O"] * len(filler)
            tags += [f"{'I' if place else 'B'}-{kind}" for place in range(len(found))]
        lines[json.dumps({"tokens": said, "tags": tags})] = None
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


def tiny_tagger_checkpoint(directory: Path, *, spread: float = 0.1) -> Path:
    """Saves a random BERT that tags tokens, and its tokeniser; returns `directory`."""
    labels = labels_of(TYPES)
    torch.manual_seed(0)
    config = BertConfig(
        vocab_size=tiny_tokenizer().get_vocab_size(),
        hidden_size=32,
        num_hidden_layers=2,
        num_attention_heads=2,
        intermediate_size=64,
        max_position_embeddings=POSITIONS,
        initializer_range=spread,
        id2label=dict(enumerate(labels)),
        label2id={label: index for index, label in enumerate(labels)},
    )
    BertForTokenClassification(config).save_pretrained(directory)
    tiny_hub_tokenizer().save_pretrained(directory)
    return directory


def tagger_recipe(folder: Path, **sections: dict[str, Any]) -> Recipe:
    """Trains on `folder/train.jsonl`: a teacher from `folder/base`, or what `sections` say."""
    values: dict[str, Any] = {
        "name": "tiny-tagger",
        "task": "token-classification",
        "data": {
            "train": str(folder / "train.jsonl"),
            "test": str(folder / "test.jsonl"),
            "choose_size": 40,
            "fit_size": 40,
            "max_length": 32,
            "subwords": "all",
        },
        "model": {"architecture": "encoder", "base": str(folder / "base"), "dropout": 0.0},
        "training": {
            "epochs": 3,
            "batch_size": 8,
            "learning_rate": 3e-3,
            "evaluations_per_epoch": 1,
        },
    }
    for name, section in sections.items():
        values[name] = section if name == "model" else {**values.get(name, {}), **section}
    return parse_recipe(values, "tagger")


def student_tagger_recipe(folder: Path, **sections: dict[str, Any]) -> Recipe:
    """Distils a Bi-LSTM from `folder/teacher`."""
    usual: dict[str, dict[str, Any]] = {
        "model": {
            "architecture": "bilstm",
            "embedding_size": 16,
            "hidden_size": 24,
            "dropout": 0.0,
        },
        "training": {"learning_rate": 1e-2},
        "distillation": {"teacher": str(folder / "teacher"), "temperature": 1.0},
    }
    return tagger_recipe(folder, **{**usual, **sections})
