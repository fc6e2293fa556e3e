"""Tiny random taggers of several families, in torch for transformers and for ours alike."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import torch
import transformers

from service.repository.manifest import TOKENIZER_FILE, SpecialTokens
from service.repository.sections import File
from service.runtime.engine import Node
from service.runtime.tasks.tokens import Tagger
from service.runtime.tokenizer import Tokenizer
from tests.service.builders import manifest_of
from tests.zoo.tokenizers import POSITIONS, bert_tokenizer, roberta_tokenizer, xlmr_tokenizer

hf: Any = transformers  # its types want each option by name
SHAPE = {
    "hidden_size": 32,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "intermediate_size": 64,
    "initializer_range": 0.4,
}
PREFIXED = ("O", "B-PER", "I-PER", "B-LOC", "I-LOC")
BARE = ("O", "name", "place-of-birth")


class Family(NamedTuple):
    """A model and its tokenizer, as transformers has them."""

    model: Any
    tokenizer: Any

    def pipeline(self, **options: Any) -> Any:
        """Transformers' own pipeline."""
        return hf.TokenClassificationPipeline(model=self.model, tokenizer=self.tokenizer, **options)

    def tagger(self, special_tokens: SpecialTokens = "text") -> Tagger:
        """Ours, over the same model."""
        backend = self.tokenizer.backend_tokenizer
        tokenizer = Tokenizer(
            type(backend).from_str(backend.to_str()),
            POSITIONS,
            self.tokenizer.pad_token_id,
            self.tokenizer.truncation_side,
            special_tokens,
        )
        manifest = manifest_of(
            task="token-classification",
            labels=tuple(self.model.config.id2label.values()),
            max_length=POSITIONS,
            special_tokens=special_tokens,
            files={name: File(sha256="0" * 64, bytes=1) for name in ("model.onnx", TOKENIZER_FILE)},
        )
        return Tagger(manifest, tokenizer, TorchSession(self.model))


class TorchSession:
    """A torch model in the place of its graph."""

    def __init__(self, model: Any) -> None:
        self._model = model

    def get_inputs(self) -> Sequence[Node]:
        """None is looked at."""
        return ()

    def run(
        self,
        outputs: Sequence[str] | None,  # noqa: ARG002  as a session has it
        feed: Mapping[str, npt.NDArray[Any]],
    ) -> list[npt.NDArray[np.float32]]:
        """The logits."""
        with torch.inference_mode():
            found = self._model(**{name: torch.from_numpy(value) for name, value in feed.items()})
        return [found.logits.numpy()]


def bert(labels: Sequence[str] = PREFIXED, side: str = "right") -> Family:
    """BERT: lower case without accents, and pieces that say that they continue a word."""
    tokenizer = bert_tokenizer(truncation_side=side)
    config = hf.BertConfig(
        vocab_size=len(tokenizer), max_position_embeddings=POSITIONS, **SHAPE, **_told(labels)
    )
    return _family(hf.BertForTokenClassification, config, tokenizer)


def distilbert() -> Family:
    """DistilBERT, with labels that have no B- and I-."""
    tokenizer = bert_tokenizer()
    config = hf.DistilBertConfig(
        vocab_size=len(tokenizer), dim=32, n_layers=2, n_heads=2, hidden_dim=64,
        max_position_embeddings=POSITIONS, initializer_range=0.4, **_told(BARE),
    )  # fmt: skip
    return _family(hf.DistilBertForTokenClassification, config, tokenizer)


def roberta() -> Family:
    """RoBERTa: tokens are bytes, of which an emoji has several."""
    tokenizer = roberta_tokenizer(add_prefix_space=True)
    config = hf.RobertaConfig(
        vocab_size=len(tokenizer), pad_token_id=1, bos_token_id=0, eos_token_id=2,
        max_position_embeddings=POSITIONS + 2, **SHAPE, **_told(PREFIXED),
    )  # fmt: skip
    return _family(hf.RobertaForTokenClassification, config, tokenizer)


def xlmr() -> Family:
    """XLM-RoBERTa: a unigram model over NFKC."""
    tokenizer = xlmr_tokenizer()
    tokenizer.backend_tokenizer.normalizer = _nfkc()
    config = hf.XLMRobertaConfig(
        vocab_size=len(tokenizer), pad_token_id=1, bos_token_id=0, eos_token_id=2,
        max_position_embeddings=POSITIONS + 2, **SHAPE, **_told(PREFIXED),
    )  # fmt: skip
    return _family(hf.XLMRobertaForTokenClassification, config, tokenizer, seed=1)


def _nfkc() -> Any:
    from tokenizers import Regex, normalizers

    return normalizers.Sequence([normalizers.NFKC(), normalizers.Replace(Regex(" {2,}"), " ")])


def _told(labels: Sequence[str]) -> dict[str, Any]:
    return {
        "id2label": dict(enumerate(labels)),
        "label2id": {label: index for index, label in enumerate(labels)},
    }


def _family(kind: Any, config: Any, tokenizer: Any, seed: int = 0) -> Family:
    torch.manual_seed(seed)  # one by which every label is given to some token
    return Family(kind(config).eval(), tokenizer)
