"""Tokenisers of families of models, as transformers holds them and as the service reads them."""

from typing import Any

from hypothesis import strategies as st
from tokenizers import Tokenizer as Backend

from service.runtime.tokenizer import Side, Tokenizer
from tests.zoo.tokenizers import (
    bert_tokenizer,
    gpt2_tokenizer,
    hf,
    roberta_tokenizer,
    unigram,
    xlmr_tokenizer,
)

FAMILIES = {
    "bert": bert_tokenizer(),
    "roberta": roberta_tokenizer(),
    "deberta": hf.DebertaV2TokenizerFast(
        vocab=unigram(["[PAD]", "[CLS]", "[SEP]", "[UNK]", "<unk>"]), unk_id=3
    ),
    "xlmr": xlmr_tokenizer(),
    "gpt2": gpt2_tokenizer(),
}
_WORDS = st.sampled_from(["good", "film", "a", "weak!", "naïve", "電影", "zzz", "\x01", " "])
SENTENCES = st.lists(_WORDS, max_size=12).map(" ".join).filter(lambda text: bool(text.strip()))


def own(
    hub: Any, max_length: int, strategy: str = "longest_first", side: Side = "right"
) -> Tokenizer:
    """As the service reads the tokenizer.json of a version."""
    backend = Backend.from_str(hub.backend_tokenizer.to_str())
    backend.enable_truncation(max_length, strategy=strategy, direction=side)
    return Tokenizer(backend, max_length)
