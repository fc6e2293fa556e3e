"""The zoo: a tiny random classifier of every family, made with transformers, as owners save them.

Nothing is downloaded. Each builder writes a checkpoint directory and no more.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import transformers

from tests.zoo.saving import LABELS, NLI, Builder, as_saved_by_4, save, slow_only
from tests.zoo.tokenizers import (
    POSITIONS,
    bert_tokenizer,
    byte_bpe,
    gpt2_tokenizer,
    roberta_tokenizer,
    unigram,
    wordpiece,
    xlmr_tokenizer,
)

hf: Any = transformers  # its types want each option by name
SHAPE = {
    "hidden_size": 32,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "intermediate_size": 64,
    "initializer_range": 0.2,
}


def _limit(name: str = "max_position_embeddings", size: int = POSITIONS) -> dict[str, int]:
    return {name: size}


def bert(directory: Path, stated: dict[str, Any] | None = None, **options: Any) -> None:
    """BERT itself."""
    tokenizer = bert_tokenizer()
    config = hf.BertConfig(vocab_size=len(tokenizer), **_limit(), **SHAPE, **(stated or {}))
    save(directory, config, tokenizer, **options)


def _bert_nli(directory: Path) -> None:
    bert(directory, labels=NLI)


def _cross_encoder(directory: Path) -> None:
    """One logit, as sentence-transformers' `CrossEncoder` saves it: its config says so."""
    said = {"activation_fn": "torch.nn.modules.activation.Sigmoid", "version": "5.1.0"}
    bert(directory, {"sentence_transformers": said}, labels=("LABEL_0",))


def _bert_bin(directory: Path) -> None:
    bert(directory, bins=True)


def _bert_as_by_4(directory: Path) -> None:
    bert(directory)
    as_saved_by_4(directory, "BertTokenizer")


def _bert_left(directory: Path) -> None:
    """Cuts the front of a long text off, and pads in front."""
    tokenizer = bert_tokenizer(truncation_side="left", padding_side="left")
    config = hf.BertConfig(vocab_size=len(tokenizer), **_limit(), **SHAPE)
    save(directory, config, tokenizer)


def _bert_xlmr(directory: Path) -> None:
    tokenizer = xlmr_tokenizer()
    config = hf.BertConfig(vocab_size=len(tokenizer), **_limit(), **SHAPE)
    save(directory, config, tokenizer)


def _distilbert(directory: Path) -> None:
    tokenizer = bert_tokenizer()
    config = hf.DistilBertConfig(
        vocab_size=len(tokenizer), dim=32, n_layers=2, n_heads=2, hidden_dim=64, **_limit()
    )
    save(directory, config, tokenizer, spread=0.2)


def _roberta(directory: Path, **options: Any) -> None:
    tokenizer = roberta_tokenizer()
    config = hf.RobertaConfig(
        vocab_size=len(tokenizer), pad_token_id=1, bos_token_id=0, eos_token_id=2,
        **_limit(size=POSITIONS + 2), **SHAPE,
    )  # fmt: skip
    save(directory, config, tokenizer, **options)


def _roberta_nli(directory: Path) -> None:
    _roberta(directory, labels=NLI)


def _roberta_as_by_4(directory: Path) -> None:
    _roberta(directory)
    as_saved_by_4(directory, "RobertaTokenizer")


def xlmr(directory: Path) -> None:
    """XLM-RoBERTa."""
    tokenizer = xlmr_tokenizer()
    config = hf.XLMRobertaConfig(
        vocab_size=len(tokenizer), pad_token_id=1, bos_token_id=0, eos_token_id=2,
        **_limit(size=POSITIONS + 2), **SHAPE,
    )  # fmt: skip
    save(directory, config, tokenizer)


def _albert(directory: Path) -> None:
    pieces = unigram(["<pad>", "<unk>", "[CLS]", "[SEP]"])
    tokenizer = hf.AlbertTokenizerFast(vocab=pieces, model_max_length=POSITIONS)
    config = hf.AlbertConfig(
        vocab_size=len(tokenizer), embedding_size=16, pad_token_id=0, bos_token_id=2,
        eos_token_id=3, **_limit(), **SHAPE,
    )  # fmt: skip
    save(directory, config, tokenizer)


def _electra(directory: Path) -> None:
    tokenizer = bert_tokenizer()
    config = hf.ElectraConfig(vocab_size=len(tokenizer), embedding_size=16, **_limit(), **SHAPE)
    save(directory, config, tokenizer)


def mpnet(directory: Path) -> None:
    """MPNet."""
    words = [piece for piece in wordpiece() if piece[0] != "["]
    pieces = ["<s>", "<pad>", "</s>", "[UNK]", *words, "<mask>"]
    tokenizer = hf.MPNetTokenizerFast(
        vocab={piece: index for index, piece in enumerate(pieces)}, model_max_length=POSITIONS
    )
    config = hf.MPNetConfig(
        vocab_size=len(tokenizer), pad_token_id=1, bos_token_id=0, eos_token_id=2,
        **_limit(size=POSITIONS + 2), **SHAPE,
    )  # fmt: skip
    save(directory, config, tokenizer)


def _deberta(directory: Path, labels: Sequence[str] = LABELS, **options: Any) -> None:
    pieces = unigram(["[PAD]", "[CLS]", "[SEP]", "[UNK]", "<unk>"])
    tokenizer = hf.DebertaV2TokenizerFast(vocab=pieces, unk_id=3, model_max_length=POSITIONS)
    config = hf.DebertaV2Config(
        vocab_size=len(tokenizer), relative_attention=True, pad_token_id=0,
        pos_att_type=["p2c", "c2p"], **{**_limit(), **SHAPE, **options},
    )  # fmt: skip
    save(directory, config, tokenizer, labels=labels)


def _deberta_v3(directory: Path, labels: Sequence[str] = LABELS) -> None:
    _deberta(
        directory,
        labels,
        position_biased_input=False,
        share_att_key=True,
        norm_rel_ebd="layer_norm",
        position_buckets=16,
        max_relative_positions=-1,
        type_vocab_size=0,
    )


def _deberta_v2(directory: Path, labels: Sequence[str] = LABELS) -> None:
    _deberta(directory, labels, position_biased_input=True, type_vocab_size=2)


def _deberta_v3_nli(directory: Path) -> None:
    _deberta_v3(directory, NLI)


def _deberta_v2_nli(directory: Path) -> None:
    _deberta_v2(directory, NLI)


def _modernbert(directory: Path) -> None:
    tokenizer = roberta_tokenizer()
    config = hf.ModernBertConfig(
        vocab_size=len(tokenizer), pad_token_id=1, bos_token_id=0, eos_token_id=2,
        cls_token_id=0, sep_token_id=2, local_attention=16, global_attn_every_n_layers=2,
        **{**_limit(size=256), **SHAPE, "num_hidden_layers": 3},
    )  # fmt: skip
    tokenizer.model_max_length = 256
    save(directory, config, tokenizer, spread=0.2)


def _longformer(directory: Path) -> None:
    tokenizer = roberta_tokenizer()
    config = hf.LongformerConfig(
        vocab_size=len(tokenizer), pad_token_id=1, bos_token_id=0, eos_token_id=2,
        sep_token_id=2, attention_window=[16, 16], **_limit(size=POSITIONS + 2), **SHAPE,
    )  # fmt: skip
    save(directory, config, tokenizer)


def _bigbird(directory: Path, kind: str = "original_full") -> None:
    pieces = unigram(["<pad>", "</s>", "<s>", "<unk>", "[CLS]", "[SEP]"])
    tokenizer = hf.BigBirdTokenizerFast(vocab=pieces, model_max_length=POSITIONS)
    config = hf.BigBirdConfig(
        vocab_size=len(tokenizer), attention_type=kind, block_size=4, pad_token_id=0,
        bos_token_id=2, eos_token_id=1, **_limit(), **SHAPE,
    )  # fmt: skip
    save(directory, config, tokenizer)


def _bigbird_sparse(directory: Path) -> None:
    _bigbird(directory, "block_sparse")


def _bart(directory: Path) -> None:
    tokenizer = roberta_tokenizer()
    config = hf.BartConfig(
        vocab_size=len(tokenizer), d_model=32, encoder_layers=2, decoder_layers=2,
        encoder_attention_heads=2, decoder_attention_heads=2, encoder_ffn_dim=64,
        decoder_ffn_dim=64, pad_token_id=1, bos_token_id=0, eos_token_id=2,
        decoder_start_token_id=2, forced_eos_token_id=2, **_limit(),
    )  # fmt: skip
    save(directory, config, tokenizer, spread=0.2)


def _gpt2(directory: Path) -> None:
    tokenizer = gpt2_tokenizer()
    config = hf.GPT2Config(
        vocab_size=len(tokenizer), n_positions=POSITIONS, n_embd=32, n_layer=2, n_head=2,
        initializer_range=0.2, bos_token_id=5, eos_token_id=5,
    )  # fmt: skip
    save(directory, config, tokenizer)


def qwen2(directory: Path) -> None:
    """A decoder that was padded in front."""
    vocabulary, merges = byte_bpe()
    tokenizer = hf.Qwen2TokenizerFast(
        vocab=vocabulary, merges=merges, model_max_length=128, padding_side="left"
    )
    config = hf.Qwen2Config(
        vocab_size=len(tokenizer),
        num_key_value_heads=1,
        eos_token_id=5,
        **_limit(size=128),
        **SHAPE,
    )
    save(directory, config, tokenizer)


def _xlnet(directory: Path) -> None:
    pieces = unigram(["<unk>", "<s>", "</s>", "<cls>", "<sep>", "<pad>", "<mask>"])
    tokenizer = hf.XLNetTokenizerFast(vocab=pieces, model_max_length=POSITIONS)
    config = hf.XLNetConfig(
        vocab_size=len(tokenizer), d_model=32, n_layer=2, n_head=2, d_inner=64,
        initializer_range=0.2, pad_token_id=5, bos_token_id=1, eos_token_id=2,
    )  # fmt: skip
    save(directory, config, tokenizer)


def _deberta_v3_spm(directory: Path) -> None:
    special = ["[PAD]", "[CLS]", "[SEP]", "[UNK]"]
    slow_only(directory, _deberta_v3, special, "spm.model", "[UNK]")


def _albert_spm(directory: Path) -> None:
    special = ["<pad>", "<unk>", "[CLS]", "[SEP]"]
    slow_only(directory, _albert, special, "spiece.model", "<unk>")


def _bert_vocab_txt(directory: Path) -> None:
    bert(directory)
    (directory / "tokenizer.json").unlink()
    (directory / "vocab.txt").write_text("\n".join(wordpiece()) + "\n", encoding="utf-8")


SUPPORTED: dict[str, Builder] = {
    "BERT": bert,
    "BERT, .bin": _bert_bin,
    "BERT, as by transformers 4": _bert_as_by_4,
    "BERT, vocab.txt alone": _bert_vocab_txt,
    "BERT, left sides": _bert_left,
    "BERT, XLM-R's tokenizer": _bert_xlmr,
    "DistilBERT": _distilbert,
    "RoBERTa": _roberta,
    "RoBERTa, as by transformers 4": _roberta_as_by_4,
    "XLM-R": xlmr,
    "ALBERT": _albert,
    "ELECTRA": _electra,
    "MPNet": mpnet,
    "DeBERTa-v2": _deberta_v2,
    "DeBERTa-v3": _deberta_v3,
    "DeBERTa-v3, spm.model alone": _deberta_v3_spm,
    "ALBERT, spiece.model alone": _albert_spm,
    "ModernBERT": _modernbert,
    "BigBird, full attention": _bigbird,
    "BART": _bart,
    "GPT-2": _gpt2,
    "Qwen2": qwen2,
}
# Of pairs: labels say nothing for sure, so that their user does; a cross-encoder's files do.
PAIRS: dict[str, Builder] = {
    "BERT, NLI": _bert_nli,
    "DeBERTa-v2, NLI": _deberta_v2_nli,
    "DeBERTa-v3, NLI": _deberta_v3_nli,
    "RoBERTa, NLI": _roberta_nli,
}
CROSS_ENCODERS: dict[str, Builder] = {"BERT, cross-encoder of one logit": _cross_encoder}
REFUSED: dict[str, Builder] = {
    "Longformer": _longformer,
    "BigBird, sparse attention": _bigbird_sparse,
    "XLNet": _xlnet,
}
