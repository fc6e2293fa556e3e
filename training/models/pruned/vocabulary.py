"""A smaller vocabulary: fewer tokens, with their rows of the table, that still spell any text.

Which tokens are seldom needed is for others to say; what it takes to spell what they spelt is
known here. Ids change, their order does not.
"""

import json
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from transformers import AutoTokenizer, PreTrainedModel, PreTrainedTokenizerFast

from training.errors import RecipeError
from training.models.pruned.spelling import speller

COUNTED = ("roberta", "xlm-roberta", "mpnet")  # their positions are counted from the pad's id
HIGH = 100  # all ids up to a pad's are kept there: a few
IDS = ("pad", "bos", "eos", "cls", "sep", "unk", "mask")


def tokens_to_keep(
    hub_tokenizer: PreTrainedTokenizerFast,
    model: PreTrainedModel,
    counts: Mapping[int, int],
    *,
    least: int,
    general: int,
) -> list[int]:
    """The ids that are kept, in ascending order.

    Args:
        counts: how often each id stands in the texts that are learnt from.
        least: how often a token has to.
        general: how many of the vocabulary's first tokens are kept in any case.

    Raises:
        RecipeError: the tokeniser is of a kind that cannot be made smaller.
    """
    stated = _stated(hub_tokenizer)
    spells = speller(stated["model"])
    special = {one["id"] for one in stated["added_tokens"]} | set(hub_tokenizer.all_special_ids)
    common = [token for token in spells.ordered if token not in special][:general]
    used = [token for token, count in counts.items() if count >= least]
    kept = special | spells.closed({*used, *common} - special)
    pad = model.config.pad_token_id
    if pad is not None and model.config.model_type.removeprefix("pruned-") in COUNTED:
        if pad > HIGH:
            raise RecipeError(
                f"pruning.vocabulary: positions are counted from the pad token's id, {pad}, which "
                'would change: take vocabulary = "all"'
            )
        kept |= set(range(pad + 1))
    return sorted(kept)


def smaller_tokenizer(
    hub_tokenizer: PreTrainedTokenizerFast, kept: Sequence[int]
) -> PreTrainedTokenizerFast:
    """The tokeniser with fewer tokens; the place in `kept` is a token's new id.

    Raises:
        RecipeError: the result is not what it should be.
    """
    new = {old: place for place, old in enumerate(kept)}
    stated = _stated(hub_tokenizer)
    speller(stated["model"]).keep(new)
    stated["added_tokens"] = [
        {**one, "id": new[one["id"]]} for one in stated["added_tokens"] if one["id"] in new
    ]
    stated["post_processor"] = _renumbered(stated["post_processor"], new)
    if stated.get("padding"):
        stated["padding"]["pad_id"] = new.get(stated["padding"]["pad_id"], 0)
    with tempfile.TemporaryDirectory() as folder:
        hub_tokenizer.save_pretrained(folder)
        written = Path(folder)
        for path in written.iterdir():
            if path.name != "tokenizer_config.json":
                path.unlink()
        (written / "tokenizer.json").write_text(json.dumps(stated), encoding="utf-8")
        found: Any = AutoTokenizer.from_pretrained(folder)
    found.name_or_path = hub_tokenizer.name_or_path
    names = hub_tokenizer.convert_ids_to_tokens(list(kept))
    if found.convert_ids_to_tokens(list(range(len(kept)))) != names or len(found) != len(kept):
        raise RecipeError(
            f"pruning.vocabulary: the tokenizer of {hub_tokenizer.name_or_path} changes otherwise "
            'when it is made smaller: take vocabulary = "all"'
        )
    smaller: PreTrainedTokenizerFast = found
    return smaller


def shrink_table(model: PreTrainedModel, kept: Sequence[int]) -> None:
    """Leaves of a model's table of tokens the rows of those that are kept."""
    new = {old: place for place, old in enumerate(kept)}
    table: Any = model.get_input_embeddings()
    rows = torch.tensor(list(kept), device=table.weight.device)
    table.weight = torch.nn.Parameter(table.weight.detach().index_select(0, rows).contiguous())
    table.num_embeddings = len(kept)
    if table.padding_idx is not None:
        table.padding_idx = new.get(table.padding_idx)
    model.config.vocab_size = len(kept)
    for name in IDS:
        old = getattr(model.config, f"{name}_token_id", None)
        if isinstance(old, int):
            setattr(model.config, f"{name}_token_id", new.get(old))


def _stated(hub_tokenizer: PreTrainedTokenizerFast) -> dict[str, Any]:
    stated: dict[str, Any] = json.loads(hub_tokenizer.backend_tokenizer.to_str())
    return stated


def _renumbered(part: Any, new: Mapping[int, int]) -> Any:
    """A post-processor with the new ids of the tokens that it adds."""
    if isinstance(part, list):
        return [_renumbered(one, new) for one in part]
    if not isinstance(part, dict):
        return part
    found = {}
    for name, value in part.items():
        if name == "ids":  # of a template
            found[name] = _mapped(value, new)
        elif name in ("sep", "cls") and isinstance(value, list):  # BERT's own and RoBERTa's
            found[name] = [value[0], *_mapped(value[1:], new)]
        else:
            found[name] = _renumbered(value, new)
    return found


def _mapped(ids: Iterable[int], new: Mapping[int, int]) -> list[int]:
    return [new[one] for one in ids]
