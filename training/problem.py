"""What a model is for, and what kind of answer it gives, by our names and by transformers'."""

from collections.abc import Iterable
from typing import Literal

from transformers import PretrainedConfig

Task = Literal["text-classification", "token-classification", "feature-extraction"]
# The heads that transformers writes into `architectures`, by what follows "For".
TASKS_OF_HEADS: dict[str, Task] = {
    "SequenceClassification": "text-classification",
    "TokenClassification": "token-classification",
}
# What a model of each task is called in a message.
MODELS: dict[Task, str] = {
    "text-classification": "sequence classifier",
    "token-classification": "token classifier",
    "feature-extraction": "bare encoder",
}

ProblemType = Literal["single_label", "multi_label", "regression"]

UNLABELLED = -100  # the class index of a text without one; torch's own mark
HAS = 0.5  # a text whose target is over it has a label, where targets are scores

TransformersName = Literal[
    "single_label_classification", "multi_label_classification", "regression"
]
TRANSFORMERS_NAMES: dict[ProblemType, TransformersName] = {
    "single_label": "single_label_classification",
    "multi_label": "multi_label_classification",
    "regression": "regression",
}


def problem_of(config: PretrainedConfig) -> ProblemType:
    """What a config says of its model, as transformers' own pipeline reads it.

    Of a config that names no problem, one logit is a yes or no of its own, as rerankers have it
    (transformers' pipeline gives its sigmoid), and several are labels of which one holds.
    """
    for problem, name in TRANSFORMERS_NAMES.items():
        if config.problem_type == name:
            return problem
    return "multi_label" if config.num_labels == 1 else "single_label"


def task_of(config: PretrainedConfig) -> Task:
    """What a config says that its model is for."""
    return task_of_classes(config.architectures or ())


def task_of_classes(names: Iterable[str]) -> Task:
    """What models of these classes are for, by transformers' way to name them.

    A model without a head, such as a `BertModel`, gives vectors. One with another head, or of
    which nothing is named, is taken for a classifier: its weights tell whether it is.
    """
    for name in names:
        head = name.partition("For")[2]
        if head in TASKS_OF_HEADS:
            return TASKS_OF_HEADS[head]
        if name.endswith("Model") and "Head" not in name:
            return "feature-extraction"
    return "text-classification"
