"""The zoo's pruned encoders: of each family that can be, some heads, neurons and tokens left."""

from pathlib import Path

from tests.zoo.families import SUPPORTED
from tests.zoo.saving import Builder
from tests.zoo.tokenizers import CORPUS
from training.models.checkpoints.checkpoint import load_checkpoint
from training.models.pruned.modeling import Kept, cut, prunable
from training.models.pruned.vocabulary import shrink_table, smaller_tokenizer, tokens_to_keep

FAMILIES = ("BERT", "DistilBERT", "RoBERTa", "XLM-R", "ELECTRA", "MPNet")


def _pruned(family: str) -> Builder:
    def build(directory: Path) -> None:
        SUPPORTED[family](directory.with_name(f"{directory.name}-whole"))
        whole = load_checkpoint(str(directory.with_name(f"{directory.name}-whole")))
        model, tokenizer = prunable(whole.model), whole.hub_tokenizer
        cut(model, [Kept([1], range(0, 64, 2)), Kept([0], range(24))])
        counts = {i: 1 for ids in tokenizer(CORPUS[:2])["input_ids"] for i in ids}
        kept = tokens_to_keep(tokenizer, model, counts, least=1, general=5)
        shrink_table(model, kept)
        model.save_pretrained(directory)
        smaller_tokenizer(tokenizer, kept).save_pretrained(directory)

    return build


PRUNED: dict[str, Builder] = {f"{family}, pruned": _pruned(family) for family in FAMILIES}
