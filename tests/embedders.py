"""Tiny embedders as their owners save them, in both spellings of sentence-transformers' files."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file
from torch import nn
from transformers import AutoModel, PreTrainedModel

from tests.tiny import tiny_encoder, tiny_hub_tokenizer
from training.models.checkpoints.checkpoint import Checkpoint
from training.models.embedding.embedding import embedding_of
from training.models.students.bilstm import BiLstmConfig, BiLstmEmbeddingModel
from training.models.students.nano import NanoConfig, NanoEmbeddingModel

OLD_MODES = {
    "cls": "cls_token",
    "mean": "mean_tokens",
    "max": "max_tokens",
    "lasttoken": "lasttoken",
    "weightedmean": "weightedmean_tokens",
    "mean_sqrt_len_tokens": "mean_sqrt_len_tokens",
}


def tiny_embedder(directory: Path, *modes: str, seed: int = 0, **files: Any) -> Path:
    """Saves a random BERT without a head, and what `owned` writes; returns `directory`.

    Args:
        modes: of pooling; none: no file says how it embeds.
        files: see `owned`.
    """
    tiny_encoder(seed=seed).bert.save_pretrained(directory)
    tiny_hub_tokenizer().save_pretrained(directory)
    if modes:
        owned(directory, modes, **files)
    return directory


def students() -> list[Checkpoint]:
    """A Bi-LSTM of each pooling, and a nano."""
    torch.manual_seed(0)
    facts: dict[str, Any] = {
        "vocab_size": len(tiny_hub_tokenizer()),
        "pad_token_id": 0,
        "embedding_size": 16,
        "embedding_dimension": 12,
        "normalize": True,
        "prompts": {"query": "good "},
        "default_prompt": None,
    }
    bodies: list[Any] = [
        BiLstmEmbeddingModel(BiLstmConfig(hidden_size=24, pooling=pooling, **facts))
        for pooling in ("mean", "max", "last")
    ]
    bodies.append(NanoEmbeddingModel(NanoConfig(filters=24, width=3, **facts)))
    return [
        Checkpoint("s", body.eval(), tiny_hub_tokenizer(), None, None, embedding=embedding_of(body))
        for body in bodies
    ]


def tiny_student(directory: Path) -> Path:
    """Saves a Bi-LSTM that embeds; returns `directory`."""
    first = students()[0]
    with torch.no_grad():
        first.model.get_parameter("embedding.weight").mul_(10)  # or all texts are alike
    first.model.save_pretrained(directory)
    first.hub_tokenizer.save_pretrained(directory)
    return directory


def without_head(directory: Path) -> PreTrainedModel:
    """Saves the body of the classifier in `directory` in its place."""
    torch.manual_seed(0)
    body: PreTrainedModel = AutoModel.from_pretrained(directory)
    (directory / "model.safetensors").unlink()
    body.save_pretrained(directory)
    return body


def owned(
    directory: Path,
    modes: Sequence[str],
    *,
    new: bool = False,
    kinds: Sequence[str] | None = None,
    normalize: bool = True,
    dense: Sequence[nn.Module] = (),
    dense_config: dict[str, Any] | None = None,
    settings: dict[str, Any] | None = None,
    stated: dict[str, Any] | None = None,
    include_prompt: bool = True,
) -> None:
    """Writes what lies beside the weights, with nothing of the code that reads it.

    Args:
        modes: of pooling.
        new: as sentence-transformers 5 and later spell it.
        kinds: the modules by name; None: those that the other options ask for.
        dense: linear layers, each followed by Tanh.
        dense_config: what their config.json says beside.
        settings: sentence_bert_config.json.
        stated: config_sentence_transformers.json.
    """
    size = json.loads((directory / "config.json").read_text()).get("hidden_size", 32)
    if kinds is None:
        last = ["Normalize"] if normalize else []
        kinds = ["Transformer", "Pooling", *["Dense"] * len(dense), *last]
    paths = ["" if place == 0 else f"{place}_{kind}" for place, kind in enumerate(kinds)]
    where = "sentence_transformers.base.modules.x." if new else "sentence_transformers.models."
    modules = [
        {"idx": place, "name": str(place), "path": path, "type": f"{where}{kind}"}
        for place, (kind, path) in enumerate(zip(kinds, paths, strict=True))
    ]
    pooling: dict[str, Any] = {"include_prompt": include_prompt}
    if new:
        mode: Any = modes[0] if len(modes) == 1 else list(modes)
        pooling |= {"embedding_dimension": size, "pooling_mode": mode}
    else:
        pooling |= {f"pooling_mode_{old}": name in modes for name, old in OLD_MODES.items()}
        pooling["word_embedding_dimension"] = size
    for path in paths[1:]:
        (directory / path).mkdir(exist_ok=True)
    write(directory / "modules.json", modules)
    write(directory / "1_Pooling" / "config.json", pooling)
    write(directory / "sentence_bert_config.json", settings or {})
    write(directory / "config_sentence_transformers.json", stated or {})
    for layer, path in zip(dense, [path for path in paths if "Dense" in path], strict=False):
        assert isinstance(layer, nn.Linear)
        config = {
            "in_features": layer.in_features,
            "out_features": layer.out_features,
            "bias": True,
            "activation_function": "torch.nn.modules.activation.Tanh",
            **(dense_config or {}),
        }
        write(directory / path / "config.json", config)
        weights = {"linear.weight": layer.weight.data, "linear.bias": layer.bias.data}
        save_file(weights, directory / path / "model.safetensors")


def write(path: Path, value: Any) -> None:
    """A JSON file."""
    path.write_text(json.dumps(value))
