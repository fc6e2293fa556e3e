"""How a text classifier's answers are told; a regression has one label, the name of its number."""

from collections.abc import Sequence
from typing import Literal, cast

from service.api.dialects.hf_schemas import HfParameters
from service.api.dialects.oip.described import TensorMetadata
from service.api.dialects.oip.schemas import InferParameters
from service.api.dialects.oip.tensors import Tensor
from service.api.schemas import PredictRequest
from service.errors import Unavailable
from service.repository.manifest import Manifest, ProblemType
from service.runtime.model import Input
from service.runtime.tasks.outputs import Function, Regression, Said, ranked, scores_of
from service.serving.shapes import Answer

_OUTPUTS: dict[ProblemType, tuple[str, ...]] = {
    "single_label": ("label", "score", "scores"),
    "multi_label": ("label", "score", "scores", "given"),
    "regression": ("score",),
}


class ClassificationRenderer:
    """See `Renderer`."""

    parameters = frozenset({"top_k", "raw_scores"})

    def prediction(self, asked: PredictRequest, one: Input, answer: Answer) -> dict[str, object]:  # noqa: ARG002  as of others
        """A label with scores, or a number."""
        said, names = cast(Said, answer.output), answer.manifest.labels
        if isinstance(said, Regression):
            return {"score": round(said.number, 6)}
        best = said.best
        values = said.logits if asked.raw_scores else said.probabilities
        found: dict[str, object] = {
            "label": names[best],
            "score": round(values[best], 6),
            "scores": {names[row]: round(values[row], 6) for row in ranked(values, asked.top_k)},
            "confidence": round(said.confidence, 6),
        }
        if said.given is not None:
            found["labels"] = [names[row] for row in said.given]
        return found

    def hugging_face(
        self,
        parameters: HfParameters,
        inputs: Sequence[Input],  # noqa: ARG002  as of others
        answers: Sequence[Answer],
        alone: bool,  # noqa: ARG002  as of others
    ) -> object:
        """A list of labels for each input, the best first, also where there is one input."""
        function, top_k = parameters.function_to_apply, parameters.top_k
        return [
            [{"label": label, "score": score} for label, score in labelled(one, function, top_k)]
            for one in answers
        ]

    def outputs(self, manifest: Manifest) -> list[TensorMetadata]:
        """`label` and `score` of the best, `scores` of all; of several labels `given`."""
        return [_output(name, manifest) for name in _OUTPUTS[manifest.problem_type]]

    def tensors(
        self,
        parameters: InferParameters,
        manifest: Manifest,
        inputs: Sequence[Input],  # noqa: ARG002  as of others
        answers: Sequence[Answer],
    ) -> dict[str, Tensor]:
        """With `top_k`, `label` and `score` have so many columns."""
        labels = manifest.labels
        function: Function | None = "none" if parameters.raw_scores else None
        rows = [by_label(answer, labels, function) for answer in answers]
        top_k = min(parameters.top_k or 1, len(labels))
        shape = (len(rows),) if parameters.top_k is None else (len(rows), top_k)
        best = [(row, place) for row in rows for place in ranked(row, top_k)]
        score = Tensor("FP32", shape, [row[place] for row, place in best])
        if manifest.problem_type == "regression":
            return {"score": score}
        table = (len(rows), len(labels))
        found = {
            "label": Tensor("BYTES", shape, [labels[place] for _, place in best]),
            "score": score,
            "scores": Tensor("FP32", table, [score for row in rows for score in row]),
        }
        if manifest.problem_type == "multi_label":
            said = [set(answer.said) for answer in answers]
            given = [label in one for one in said for label in labels]
            found["given"] = Tensor("BOOL", table, given)
        return found


def said_of(answer: Answer) -> Said:
    """What a classifier said."""
    return cast(Said, answer.output)


def labelled(
    answer: Answer, function: Function | None = None, top_k: int | None = None
) -> list[tuple[str, float]]:
    """Labels and their scores, the best first.

    Args:
        function: that makes scores of logits; None: the model's own, which leaves a regression's
            number as it is.
        top_k: how many at most; None: all.
    """
    names = answer.manifest.labels
    scores = scores_of(said_of(answer), function)
    return [(names[row], scores[row]) for row in ranked(scores, top_k)]


def by_label(
    answer: Answer, labels: Sequence[str], function: Function | None = None
) -> list[float]:
    """Scores in the order of `labels`, which may be that of another model of a cascade.

    Raises:
        Unavailable: the model that answered has other labels.
    """
    scores = scores_of(said_of(answer), function)
    own = answer.manifest.labels
    if own == labels:
        return scores
    if set(own) != set(labels):
        raise Unavailable("the models of the cascade have different labels")
    found = dict(zip(own, scores, strict=True))
    return [found[label] for label in labels]


def _output(name: str, manifest: Manifest) -> TensorMetadata:
    if name == "label":
        return TensorMetadata(name=name, datatype="BYTES", shape=[-1])
    if name == "score":
        return TensorMetadata(name=name, datatype="FP32", shape=[-1])
    datatype: Literal["BOOL", "FP32"] = "BOOL" if name == "given" else "FP32"
    return TensorMetadata(name=name, datatype=datatype, shape=[-1, len(manifest.labels)])
