"""How the zoo's checkpoints are written: by transformers 5, as by 4, and as from before both."""

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import torch
import transformers

from tests.zoo.tokenizers import unigram

hf: Any = transformers  # its types want each option by name
Builder = Callable[[Path], None]
LABELS = ("bad", "middling", "good")
NLI = ("entailment", "neutral", "contradiction")


def save(
    directory: Path,
    config: Any,
    tokenizer: Any,
    *,
    bins: bool = False,
    spread: float | None = None,
    labels: Sequence[str] = LABELS,
) -> None:
    """Writes a random model of a config and its tokenizer."""
    torch.manual_seed(0)
    config.id2label = dict(enumerate(labels))
    config.label2id = {label: index for index, label in enumerate(labels)}
    model = hf.AutoModelForSequenceClassification.from_config(config).eval()
    if spread is not None:
        with torch.no_grad():
            for parameter in model.parameters():
                if parameter.dim() > 1:
                    parameter.normal_(std=spread)
    model.save_pretrained(directory)
    if bins:
        (directory / "model.safetensors").unlink()
        torch.save(model.state_dict(), directory / "pytorch_model.bin")
    tokenizer.save_pretrained(directory)


def as_saved_by_4(directory: Path, kind: str) -> None:
    """Rewrites a checkpoint's JSON as transformers 4 wrote it."""
    config = json.loads((directory / "config.json").read_text())
    config["torch_dtype"] = config.pop("dtype", "float32")
    config["transformers_version"] = "4.57.6"
    (directory / "config.json").write_text(json.dumps(config, indent=2))
    path = directory / "tokenizer_config.json"
    stated = json.loads(path.read_text())
    backend = json.loads((directory / "tokenizer.json").read_text())
    stated.pop("backend", None)
    stated.pop("is_local", None)
    stated["tokenizer_class"] = kind
    stated["clean_up_tokenization_spaces"] = True
    stated["extra_special_tokens"] = {}
    stated["added_tokens_decoder"] = {
        str(one["id"]): {key: value for key, value in one.items() if key != "id"}
        for one in backend["added_tokens"]
    }
    path.write_text(json.dumps(stated, indent=2))
    special = {key: value for key, value in stated.items() if key.endswith("_token")}
    (directory / "special_tokens_map.json").write_text(json.dumps(special, indent=2))


def slow_only(directory: Path, build: Builder, special: list[str], file: str, unknown: str) -> None:
    """As owners saved it before there were fast tokenizers: SentencePiece's file alone."""
    from sentencepiece import sentencepiece_model_pb2

    build(directory)
    (directory / "tokenizer.json").unlink()
    messages: Any = sentencepiece_model_pb2  # made when it is imported, so that no types are known
    model = messages.ModelProto()
    for place, (piece, score) in enumerate(unigram(special)):
        kind = 2 if piece == unknown else 3 if piece in special else 1
        model.pieces.add(piece=piece, score=score, type=kind)
        if piece == unknown:
            model.trainer_spec.unk_id = place
    model.trainer_spec.model_type = 1
    model.normalizer_spec.name = "identity"
    (directory / file).write_bytes(model.SerializeToString())
