"""Which checkpoints are supported, told by their config alone, before anything is run.

What is refused here has no way to be served as it was trained; the message says what to do.
"""

from typing import Any

from training.errors import CheckpointError
from training.problem import task_of

# The heads that transformers writes into `architectures`, by what follows "For".
OTHER_HEADS = {
    "QuestionAnswering": "answers questions out of a text",
    "MultipleChoice": "chooses among texts",
    "NextSentencePrediction": "tells whether one text follows another",
    "ImageClassification": "labels images",
    "AudioClassification": "labels sound",
}


def refuse_unsupported(source: str, config: Any) -> None:
    """Refuses what no task here is of, or what cannot be served as it was trained.

    Raises:
        CheckpointError: what it is, and what to do.
    """
    for name in config.architectures or ():
        head = name.partition("For")[2]
        does = OTHER_HEADS.get(head)
        if does is not None:
            raise CheckpointError(
                f"{source} is no model of a task here: a {name} {does}. Only "
                "...ForSequenceClassification, ...ForTokenClassification and encoders without a "
                "head are supported; as [model] base it gives its body"
            )
    names = [] if task_of(config) == "feature-extraction" else [*(config.id2label or {}).values()]
    if twice := sorted({str(name) for name in names if names.count(name) > 1}):
        raise CheckpointError(
            f"{source} gives several outputs the label {twice[0]!r}: give each a name of its own "
            "in id2label of its config.json"
        )
    if getattr(config, "attention_type", None) == "block_sparse":
        raise CheckpointError(
            f"{source}: with sparse attention a text's answer depends on what was read before it "
            "(transformers leaves it at the first short text): set attention_type to "
            "original_full in its config.json"
        )


def predicts_words(config: Any) -> bool:
    """Whether a config names a head for masked words."""
    return head_of(config) in ("MaskedLM", "PreTraining")


def head_of(config: Any) -> str | None:
    """The head that a config names, such as MaskedLM; None: none."""
    names = config.architectures or ()
    return next((name.partition("For")[2] for name in names if "For" in name), None)
