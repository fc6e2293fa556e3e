"""How a checkpoint reads a text, from its own files: what its owner saved, and nothing assumed.

One tokeniser for training and serving: `Reading.tokenizer` is the service's own, over the rules
that transformers' pipeline would read with. Batches are always padded on the right; positions and
pooling are made to count from the text's own start, so that a text reads as it does alone.
"""

import hashlib
import importlib.util
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from tokenizers import Tokenizer as Backend
from torch import nn
from transformers import AutoTokenizer, PreTrainedModel, PreTrainedTokenizerFast

from service.repository.manifest import SpecialTokens
from service.runtime.model import Input
from service.runtime.spans import Strategy
from service.runtime.special import read_as_text
from service.runtime.tokenizer import Tokenizer
from training.data.marks import masked
from training.errors import CheckpointError
from training.models.checkpoints.marked import MarkedTokenizer
from training.models.checkpoints.pairs import TYPE_IDS, takes_types

UNLIMITED = 10**6  # transformers writes 1e30 where a tokenizer's owner named no length
LONGEST_FIRST: Strategy = "longest_first"
USUAL_LENGTH = 512  # where neither tokenizer nor config says how much is read
# What holds a tokenizer's vocabulary, by any version of transformers; one has to be there.
TOKENIZER_FILES = (
    *("tokenizer.json", "vocab.txt", "vocab.json", "spm.model", "spiece.model", "tokenizer.model"),
    *("sentencepiece.bpe.model", "spm_char.model", "vocab.model"),
)
POSITION_TABLES = ("position_embeddings", "embed_positions", "wpe", "position_embedding")


@dataclass(frozen=True)
class Reading:
    """How a checkpoint reads.

    Attributes:
        hub_tokenizer: as transformers holds it.
        max_length: the most tokens of a text that are read, special tokens included.
        pad_id: what fills a batch.
        padding_side: what the owner saved; batches here are padded on the right all the same.
        truncation_side: which end of a text that is too long is cut off.
        truncation_strategy: which text of a pair that is too long.
        pairs: whether pairs are read, and not single texts.
        types: whether the model is told which text of a pair each token is of.
        special_tokens: what one is that stands in a text: text, or the special token.
    """

    hub_tokenizer: PreTrainedTokenizerFast
    max_length: int
    pad_id: int
    padding_side: str = "right"
    truncation_side: str = "right"
    truncation_strategy: Strategy = LONGEST_FIRST
    pairs: bool = False
    types: bool = False
    special_tokens: SpecialTokens = "text"

    @cached_property
    def tokenizer(self) -> Tokenizer:
        """The service's own, over a copy of the rules."""
        return Tokenizer(
            self._backend(), self.max_length, self.pad_id, special_tokens=self.special_tokens
        )

    @cached_property
    def marked(self) -> Tokenizer:
        """The same for altered texts, in which `MASK` is the mask token."""
        mask_id = self.hub_tokenizer.mask_token_id
        if mask_id is None:
            raise CheckpointError(f"{self.hub_tokenizer.name_or_path} has no mask token")
        return MarkedTokenizer(
            self._backend(),
            mask_id,
            max_length=self.max_length,
            pad_id=self.pad_id,
            special_tokens=self.special_tokens,
        )

    def tokenizer_of(self, texts: Sequence[Input]) -> Tokenizer:
        """What reads these texts, altered or not."""
        return self.marked if masked(texts) else self.tokenizer

    @cached_property
    def sha256(self) -> str:
        """Hash of all that decides which ids a text becomes."""
        read = self.special_tokens
        stated = f"{self.max_length} {self.pad_id} {read} {self._backend().to_str()}"
        if self.pairs:
            stated += f" pairs {self.types}"
        return hashlib.sha256(stated.encode()).hexdigest()

    def save(self, path: Path) -> None:
        """Writes the `tokenizer.json` that a version is served with, its truncation in it."""
        self._backend().save(str(path))

    def _backend(self) -> Backend:
        backend = self.hub_tokenizer.backend_tokenizer
        copy = type(backend).from_str(backend.to_str())
        copy.no_padding()
        copy.enable_truncation(
            self.max_length, strategy=self.truncation_strategy, direction=self.truncation_side
        )
        return copy


def reading_of(
    hub_tokenizer: PreTrainedTokenizerFast,
    model: PreTrainedModel,
    max_length: int | None = None,
    *,
    pairs: bool = False,
    special_tokens: SpecialTokens = "text",
) -> Reading:
    """How `model` reads with `hub_tokenizer`, which is made able to pad, on the right.

    Args:
        max_length: a recipe's: it lowers the owner's, and is never over it.
        pairs: whether it reads pairs.
        special_tokens: what one is that stands in a text.

    Raises:
        CheckpointError: the two do not fit each other, or the model reads what is not given it.
    """
    if not pairs:
        _refuse_token_types(hub_tokenizer)
    rows = _rows(model)
    vocabulary = hub_tokenizer.get_vocab()
    highest = max(vocabulary.values(), default=0)
    if rows is not None and highest >= rows:
        raise CheckpointError(
            f"its tokenizer has ids up to {highest}, and its model knows {rows}: "
            "save it again after model.resize_token_embeddings(len(tokenizer))"
        )
    owner_side = hub_tokenizer.init_kwargs.get("padding_side", hub_tokenizer.padding_side)
    # As all our batches are padded; a student that is saved with it is read so elsewhere too.
    hub_tokenizer.padding_side = hub_tokenizer.init_kwargs["padding_side"] = "right"
    pad_id = _pad_id(hub_tokenizer, model, rows)
    if hub_tokenizer.pad_token is None:
        token = hub_tokenizer.convert_ids_to_tokens(pad_id)
        if token in hub_tokenizer.all_special_tokens:  # a word that became special reads otherwise
            hub_tokenizer.pad_token = token
    bounds = (owner_length(hub_tokenizer, model), max_length)
    stated = hub_tokenizer.model_max_length
    return Reading(
        hub_tokenizer,
        min(
            (bound for bound in bounds if bound),
            default=stated if stated < UNLIMITED else USUAL_LENGTH,
        ),
        pad_id,
        owner_side,
        hub_tokenizer.truncation_side,
        _strategy(hub_tokenizer) if pairs else LONGEST_FIRST,
        pairs,
        pairs and takes_types(model, hub_tokenizer),
        special_tokens,
    )


def _strategy(hub_tokenizer: PreTrainedTokenizerFast) -> Strategy:
    """What the owner's `tokenizer.json` says of pairs, before anything else was cut with it."""
    said: Strategy = hub_tokenizer.init_kwargs.get("truncation_strategy", LONGEST_FIRST)
    return said


def split_special_tokens(hub_tokenizer: PreTrainedTokenizerFast) -> None:
    """Has a tokeniser of transformers read special tokens that stand in a text as text.

    It has an option for that; what a vocabulary makes of them all the same is taken out of it.
    """
    hub_tokenizer.split_special_tokens = True
    read_as_text(hub_tokenizer.backend_tokenizer)


def owner_length(hub_tokenizer: PreTrainedTokenizerFast, model: PreTrainedModel) -> int | None:
    """The most tokens that tokenizer and model together read; None: neither says."""
    if model.config.model_type.startswith("stillhouse-"):  # ours have no positions: the recipe's
        return None
    known = [hub_tokenizer.model_max_length, positions(model)]
    return min((int(one) for one in known if one and 0 < one < UNLIMITED), default=None)


def positions(model: PreTrainedModel) -> int | None:
    """The tokens that a model has positions for; None: it has no bound of its own.

    RoBERTa and its kin count from behind the pad token's id, and have so many fewer.
    """
    for name, module in model.named_modules():
        if not isinstance(module, nn.Embedding) or name.rsplit(".", 1)[-1] not in POSITION_TABLES:
            continue
        skipped = 0 if module.padding_idx is None else module.padding_idx + 1
        return module.num_embeddings - max(skipped, getattr(module, "offset", 0))
    stated = getattr(model.config.get_text_config(), "max_position_embeddings", None)
    return stated if isinstance(stated, int) and stated > 0 else None


def _pad_id(
    hub_tokenizer: PreTrainedTokenizerFast, model: PreTrainedModel, rows: int | None
) -> int:
    """The model's own pad id, else the tokenizer's, else any that there is: it is masked."""
    config = model.config.get_text_config()
    tables = [
        module.padding_idx
        for name, module in model.named_modules()
        if isinstance(module, nn.Embedding) and name.rsplit(".", 1)[-1] in POSITION_TABLES
    ]
    candidates = [
        *tables,  # positions are counted by this id
        config.pad_token_id,
        hub_tokenizer.pad_token_id,
        hub_tokenizer.eos_token_id,
        hub_tokenizer.unk_token_id,
    ]
    for found in candidates:
        if found is not None and found >= 0 and (rows is None or found < rows):
            return int(found)
    return 0


def _rows(model: PreTrainedModel) -> int | None:
    try:
        table: Any = model.get_input_embeddings()
    except NotImplementedError:
        return None
    return getattr(table, "num_embeddings", None)


def _refuse_token_types(hub_tokenizer: PreTrainedTokenizerFast) -> None:
    if TYPE_IDS not in hub_tokenizer.model_input_names:
        return
    types = hub_tokenizer("a", return_token_type_ids=True)[TYPE_IDS]
    if any(types):
        raise CheckpointError(
            f"its tokenizer gives a single text token types other than 0 ({types}), which models "
            "served here do not take: choose a checkpoint of another family"
        )


def load_hub_tokenizer(source: str) -> PreTrainedTokenizerFast:
    """The fast tokeniser of a hub id or local directory, able to pad.

    Raises:
        CheckpointError: there is none, or it has no `tokenizer.json` form to serve with.
    """
    refuse_missing(source)
    directory = Path(source)
    if directory.is_dir() and not any((directory / name).is_file() for name in TOKENIZER_FILES):
        raise CheckpointError(
            f"{source} has no tokenizer files: save the tokenizer that the model was trained with "
            "beside it (tokenizer.save_pretrained)"
        )
    try:
        found = AutoTokenizer.from_pretrained(source)
    except Exception as error:  # transformers raises many kinds for files that it cannot read
        if importlib.util.find_spec("sentencepiece") is None and list(directory.glob("*.model")):
            raise CheckpointError(
                f"{source} has a tokenizer of SentencePiece's file alone: "
                "pip install sentencepiece protobuf, and try again"
            ) from error
        said = str(error).strip().splitlines() or [type(error).__name__]
        raise CheckpointError(f"no tokenizer to be read at {source!r}: {said[0]}") from error
    if not isinstance(found, PreTrainedTokenizerFast):
        raise CheckpointError(
            f"{source} has a slow tokenizer ({type(found).__name__}), for which there is no "
            "tokenizer.json: take a checkpoint with a fast one"
        )
    if not found.get_vocab().keys() - set(found.all_special_tokens):  # made up where none was
        raise CheckpointError(
            f"{source} has no tokenizer but special tokens: save the one that the model was "
            "trained with beside it (tokenizer.save_pretrained)"
        )
    return found


def refuse_missing(source: str) -> None:
    """Raises CheckpointError for a path that is not there, or is a file: no hub has such a name."""
    if Path(source).is_file():
        raise CheckpointError(
            f"{source} is a file: a checkpoint is a directory of config, weights and tokenizer"
        )
    looks_like_path = source.startswith((".", "/", "~")) or source.count("/") != 1
    if not Path(source).exists() and looks_like_path and "/" in source:
        raise CheckpointError(f"there is no {source}: it is a path, and nothing lies there")
