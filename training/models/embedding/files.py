"""What lies beside an encoder's weights that sentence-transformers saved: read, and written.

`modules.json` says which modules a text goes through, in order; each has a folder of its own.
Both spellings of the pooling are read: `pooling_mode_mean_tokens: true` of releases up to 4, and
`pooling_mode: mean` since. What cannot be served as it was trained is refused by its name.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file
from tokenizers.normalizers import BertNormalizer, Lowercase
from tokenizers.normalizers import Sequence as Normalizers
from torch import nn
from transformers import PreTrainedModel, PreTrainedTokenizerFast
from transformers.utils.hub import cached_file

from service.repository.manifest import Pooling
from training.errors import CheckpointError
from training.models.embedding.embedding import Embedding, embedding_of, pools_itself
from training.telling import tell

MODULES = "modules.json"
SETTINGS = "sentence_bert_config.json"
STATED = "config_sentence_transformers.json"
POOLINGS: dict[str, Pooling] = {"mean": "mean", "cls": "cls", "max": "max", "lasttoken": "last"}
OLD = "pooling_mode_"
OLD_NAMES = {
    "cls_token": "cls",
    "max_tokens": "max",
    "mean_tokens": "mean",
    "lasttoken": "lasttoken",
    "mean_sqrt_len_tokens": "mean_sqrt_len_tokens",
    "weightedmean_tokens": "weightedmean",
}
ACTIVATIONS = {
    one.__name__: one for one in (nn.Identity, nn.Tanh, nn.ReLU, nn.GELU, nn.Sigmoid, nn.SiLU)
}
MATRYOSHKA = ("matryoshka_dims", "matryoshka_dimensions")  # where an owner says them at all


@dataclass(frozen=True)
class Owned:
    """What an owner's files say of an embedder.

    Attributes:
        max_length: tokens, where they are said here and not in the tokenizer's own files.
        lower_case: whether a text is lower-cased before the tokenizer's own rules.
    """

    embedding: Embedding
    max_length: int | None = None
    lower_case: bool = False


def is_sentence_transformer(source: str) -> bool:
    """Whether sentence-transformers saved what lies at `source`."""
    return _file(source, MODULES) is not None


def read_owned(source: str) -> Owned:
    """Reads what lies beside the weights at `source`; of a bare encoder, what is assumed.

    Raises:
        CheckpointError: a module or a setting cannot be served as it was trained.
    """
    modules = _json(source, MODULES)
    if modules is None:
        return Owned(Embedding(stated=False))
    names = [(str(one.get("type", "")).rsplit(".", 1)[-1], one.get("path", "")) for one in modules]
    names = [(kind, path) for kind, path in names if kind != "Dropout"]  # does nothing here
    kinds = [kind for kind, _ in names]
    _refuse_modules(source, kinds)
    settings = _json(source, SETTINGS) or {}
    _refuse_settings(source, settings)
    stated = _json(source, STATED) or {}
    prompts = {name: text or "" for name, text in (stated.get("prompts") or {}).items()}
    default = stated.get("default_prompt_name")
    if default is not None and default not in prompts:
        raise CheckpointError(
            f"{source}: its default prompt is {default!r}, and its prompts are {sorted(prompts)}: "
            f"name one of them in {STATED}"
        )
    folders = dict(names)
    pooled = _json(source, f"{folders['Pooling']}/config.json") or {}
    embedding = Embedding(
        pooling=_pooling(source, pooled),
        normalize="Normalize" in kinds,
        dense=tuple(_dense(source, path) for kind, path in names if kind == "Dense"),
        prompts=prompts,
        default_prompt=default,
        dimensions=_dimensions(stated, _json(source, "config.json") or {}),
        similarity=stated.get("similarity_fn_name"),
    )
    if any(prompts.values()) and pooled.get("include_prompt") is False:
        raise CheckpointError(
            f"{source}: leaves its prompts out of the pooling (include_prompt), which no graph "
            "here can do: set include_prompt to true in its pooling's config.json, or take another"
        )
    length = settings.get("max_seq_length")
    return Owned(embedding, length, bool(settings.get("do_lower_case")))


def owned_by(source: str, body: PreTrainedModel) -> Owned:
    """How the embedder at `source` reads and embeds; where it is assumed, that is told.

    Raises:
        CheckpointError: it cannot be served as it was trained.
    """
    if body.config.is_encoder_decoder:
        raise CheckpointError(
            f"{source} is an encoder-decoder without a head, which gives no embeddings here: take "
            "an encoder or a decoder"
        )
    if pools_itself(body):
        return Owned(embedding_of(body))
    owned = read_owned(source)
    if not owned.embedding.stated:
        tell(
            f"{source}: no file beside it says how it embeds, so that it is the mean of its "
            "tokens, normalised"
        )
    return owned


def read_as_owned(hub_tokenizer: PreTrainedTokenizerFast, owned: Owned) -> None:
    """Has a tokenizer read as sentence-transformers would have it: its length and its case."""
    if owned.max_length is not None:
        hub_tokenizer.model_max_length = owned.max_length
    if owned.lower_case:
        backend = hub_tokenizer.backend_tokenizer
        own = backend.normalizer
        if isinstance(own, BertNormalizer) and own.lowercase:
            return
        backend.normalizer = Lowercase() if own is None else Normalizers([Lowercase(), own])


def write_owned(directory: Path, embedding: Embedding, size: int, max_length: int) -> None:
    """Writes what sentence-transformers needs to read an encoder that lies in `directory`."""
    kinds = ["Transformer", "Pooling", *(["Normalize"] if embedding.normalize else [])]
    paths = ["", *(f"{place}_{kind}" for place, kind in enumerate(kinds[1:], 1))]
    modules = [
        {
            "idx": place,
            "name": str(place),
            "path": path,
            "type": f"sentence_transformers.models.{kind}",
        }
        for place, (kind, path) in enumerate(zip(kinds, paths, strict=True))
    ]
    back = {value: name for name, value in POOLINGS.items()}
    pooling = {
        "word_embedding_dimension": size,
        **{f"{OLD}{old}": new == back[embedding.pooling] for old, new in OLD_NAMES.items()},
        "include_prompt": True,
    }
    stated: dict[str, Any] = {
        "prompts": dict(embedding.prompts),
        "default_prompt_name": embedding.default_prompt,
        "similarity_fn_name": embedding.similarity or "cosine",
    }
    for path in paths[1:]:
        (directory / path).mkdir()
    _write(directory / MODULES, modules)
    _write(directory / SETTINGS, {"max_seq_length": max_length, "do_lower_case": False})
    _write(directory / STATED, stated)
    _write(directory / paths[1] / "config.json", pooling)


def _refuse_modules(source: str, kinds: list[str]) -> None:
    served = ("Transformer", "Pooling", "Dense", "Normalize")
    if others := [kind for kind in kinds if kind not in served]:
        raise CheckpointError(
            f"{source}: goes through {', '.join(others)} of sentence-transformers, which is not "
            f"served here: {', '.join(served)} are"
        )
    dense = kinds.count("Dense")
    wanted = ["Transformer", "Pooling", *["Dense"] * dense]
    if kinds not in (wanted, [*wanted, "Normalize"]):
        raise CheckpointError(
            f"{source}: has the modules {', '.join(kinds)}, in this order: served here are "
            "Transformer, Pooling, Dense where there is any, and Normalize at the end"
        )


def _refuse_settings(source: str, settings: Mapping[str, Any]) -> None:
    """Raises CheckpointError for what its encoder is asked for beside its last layer's states."""
    task = settings.get("transformer_task", "feature-extraction")
    text = settings.get("modality_config", {}).get("text", {})
    states = text.get("method_output_name", "last_hidden_state")
    if task != "feature-extraction" or text.get("method", "forward") != "forward":
        raise CheckpointError(
            f"{source}: is for {task} by its {SETTINGS}, and no embedder of texts"
        )
    if states != "last_hidden_state":
        raise CheckpointError(
            f"{source}: pools {states} by its {SETTINGS}: served is the last layer"
        )


def _pooling(source: str, config: Mapping[str, Any]) -> Pooling:
    given = config.get("pooling_mode")
    if given is None:
        modes = [new for old, new in OLD_NAMES.items() if config.get(f"{OLD}{old}")] or ["mean"]
    else:
        modes = [given] if isinstance(given, str) else list(given)
    if len(modes) != 1 or modes[0] not in POOLINGS:
        raise CheckpointError(
            f"{source}: pools by {' and '.join(modes)}: served here is one of {', '.join(POOLINGS)}"
        )
    return POOLINGS[modes[0]]


def _dense(source: str, path: str) -> nn.Module:
    """A projection with its activation."""
    config = _json(source, f"{path}/config.json") or {}
    name = str(config.get("activation_function", "torch.nn.modules.activation.Tanh"))
    kind = ACTIVATIONS.get(name.rsplit(".", 1)[-1]) if name.startswith("torch.nn.") else None
    tokens = config.get("module_input_name", "sentence_embedding") != "sentence_embedding"
    if kind is None or config.get("use_residual") or tokens:
        odd = "tokens" if tokens else "a residual" if config.get("use_residual") else name
        raise CheckpointError(
            f"{source}: its {path} is a Dense with {odd}: exported is a linear layer of the "
            f"pooled vector with one of {', '.join(ACTIVATIONS)}"
        )
    linear = nn.Linear(config["in_features"], config["out_features"], config.get("bias", True))
    weights = _file(source, f"{path}/model.safetensors")
    if weights is not None:
        state = load_file(weights)
    else:
        older = _file(source, f"{path}/pytorch_model.bin")
        if older is None:
            raise CheckpointError(f"{source}: its {path} has no weights")
        state = torch.load(older, map_location="cpu", weights_only=True)
    linear.load_state_dict({key.removeprefix("linear."): value for key, value in state.items()})
    return nn.Sequential(linear.float(), kind()).eval()


def _dimensions(*configs: Mapping[str, Any]) -> tuple[int, ...]:
    for config in configs:
        for name in MATRYOSHKA:
            if found := config.get(name):
                return tuple(sorted({int(one) for one in found}, reverse=True))
    return ()


def _file(source: str, name: str) -> Path | None:
    directory = Path(source)
    if directory.is_dir():
        return directory / name if (directory / name).is_file() else None
    found = cached_file(
        source,
        name,
        _raise_exceptions_for_missing_entries=False,
        _raise_exceptions_for_gated_repo=False,
    )
    return None if found is None else Path(found)


def _json(source: str, name: str) -> Any:
    """What a file holds; None where it is not there."""
    path = _file(source, name)
    if path is None:
        return None
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise CheckpointError(f"{source}: its {name} cannot be read: {error}") from error


def _write(path: Path, value: Any) -> None:
    path.write_text(json.dumps(value, indent=2) + "\n", encoding="utf-8")
