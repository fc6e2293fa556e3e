"""Whether a model reads one text or a pair of two, and what of a pair it is told.

A config does not say it: an NLI model and one of topics are the same class. A recipe of ours says
it, or sentence-transformers' own files, or a user; labels and heads only raise the question.
"""

import inspect
import json
from pathlib import Path

from transformers import PreTrainedModel, PreTrainedTokenizerFast

from training.models.checkpoints.labels import label_names
from training.problem import problem_of

TYPE_IDS = "token_type_ids"
# Labels of a relation between two texts, as the sets of NLI and of paraphrase call them.
RELATIONS = {
    *("entailment", "contradiction", "not entailment", "non entailment"),
    *("duplicate", "not duplicate", "is duplicate", "paraphrase", "not paraphrase"),
    *("equivalent", "not equivalent"),
}
CROSS_ENCODER = "config_sentence_transformers.json"


def is_cross_encoder(source: str, model: PreTrainedModel) -> bool:
    """Whether sentence-transformers saved it as a `CrossEncoder`, which reads pairs."""
    config = model.config
    said = getattr(config, "sentence_transformers", None)
    if isinstance(said, dict) and "activation_fn" in said:
        return True
    if getattr(config, "sbert_ce_default_activation_function", None) is not None:
        return True
    path = Path(source) / CROSS_ENCODER
    if not path.is_file():
        return False
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except ValueError:
        return False
    return isinstance(found, dict) and found.get("model_type") == "CrossEncoder"


def why_pairs(model: PreTrainedModel) -> str | None:
    """What of a classifier asks whether it reads pairs; None: nothing does."""
    config = model.config
    labels = label_names(config)
    plain = {" ".join(name.casefold().replace("_", " ").replace("-", " ").split()): name
             for name in labels}  # fmt: skip
    if found := sorted(RELATIONS & plain.keys()):
        return f"has a label {plain[found[0]]!r}, which is of two texts"
    if len(labels) == 1 and problem_of(config) != "regression":
        return "has one logit, as rerankers have, which read a query and a passage"
    return None


def takes_types(model: PreTrainedModel, hub_tokenizer: PreTrainedTokenizerFast) -> bool:
    """Whether a model is told which text of a pair each token is of.

    Its tokenizer has to give `token_type_ids` and its table of them more than one row: RoBERTa's
    has one, and DeBERTa-v3's none, whatever their tokenizers give.
    """
    if TYPE_IDS not in hub_tokenizer.model_input_names:
        return False
    if TYPE_IDS not in inspect.signature(model.forward).parameters:
        return False
    return int(getattr(model.config, "type_vocab_size", 0) or 0) > 1
