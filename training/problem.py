"""What kind of answer a text-classification model gives, by our names and by transformers'."""

from typing import Literal

from transformers import PretrainedConfig

ProblemType = Literal["single_label", "multi_label", "regression"]

UNLABELLED = -100  # the class index of a text without one; torch's own mark

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
