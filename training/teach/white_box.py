"""What a student learns from inside its teacher: embeddings, hidden states, attention.

The teacher runs beside the student at every step. Knows nothing of logits or labels.
"""

from collections.abc import Sequence
from typing import Any

import torch
from torch import nn
from transformers import PreTrainedModel
from transformers.modeling_outputs import SequenceClassifierOutput

from training.errors import RecipeError
from training.models.checkpoints.checkpoint import Checkpoint
from training.recipe.teaching import Losses
from training.teach.attention import Projections, Seen, common_parts, last_projections, watched
from training.teach.losses import cosine_loss, hidden_loss, relation_loss
from training.teach.teachers.teacher import CheckpointTeacher, Teacher

PROJECTIONS = "white_box_projections"


class WhiteBox:
    """The losses on a teacher's inside, with what they need of both models.

    Where widths differ, the student's states are projected to the teacher's by a learned
    matrix. The matrices are part of the student while it trains, so that the Trainer updates,
    saves and resumes them; `remove_projections` takes them out.

    Args:
        teacher: in evaluation mode; it is moved to the student's device when it runs.
        student: gets the projections.
        weights: of the losses.
        ids: a text's token ids for the student, to try both models on.
        teacher_ids: the same text's for the teacher.

    Raises:
        RecipeError: a loss asks for something that one of the models has not.
    """

    def __init__(
        self,
        teacher: Checkpoint,
        student: PreTrainedModel,
        weights: Losses,
        ids: Sequence[int],
        teacher_ids: Sequence[int],
    ) -> None:
        self._teacher = teacher.model
        self._student = student
        self._weights = weights
        self._attention_of: tuple[Projections, Projections] | None = None
        if weights.attention:
            mine = last_projections(student, "student")
            theirs = last_projections(self._teacher, "teacher")
            self._attention_of = mine, theirs
        self._projections = nn.ModuleDict()
        if weights.hidden or weights.cosine:
            shallow, deep = (
                widths(*pair)
                for pair in ((student, ids, "student"), (self._teacher, teacher_ids, "teacher"))
            )
            if weights.hidden:
                for low, high in layer_pairs(len(shallow), len(deep)):
                    self._project(f"hidden_{low}", shallow[low], deep[high])
            if weights.cosine:
                self._project("cosine", shallow[-1], deep[-1])
        self._attach()

    def run(
        self, model: nn.Module, inputs: dict[str, Any]
    ) -> tuple[SequenceClassifierOutput, torch.Tensor]:
        """As `compared`, without what the teacher gave."""
        outputs, _, loss = self.compared(model, inputs)
        return outputs, loss

    def compared(
        self, model: nn.Module, inputs: dict[str, Any]
    ) -> tuple[SequenceClassifierOutput, Any, torch.Tensor]:
        """Runs student and teacher on a batch.

        Args:
            model: the student, perhaps wrapped for several devices.
            inputs: `input_ids`, `attention_mask` and, where the student is told them,
                `token_type_ids`; where what the teacher reads is something else, also the same
                with `teacher_` before, which are taken out.

        Returns:
            The student's output, the teacher's, and the weighted sum of the losses.
        """
        mask = inputs["attention_mask"]
        names = ("input_ids", "attention_mask", "token_type_ids")
        before = "teacher_" if "teacher_input_ids" in inputs else ""
        read = {name: inputs[before + name] for name in names if before + name in inputs}
        if before:
            for name in read:
                del inputs[before + name]
        shape = tuple(mask.shape)
        of_student, of_teacher = self._attention_of or (None, None)
        with watched(of_student, shape) as mine:
            outputs = model(**inputs, output_hidden_states=True)
        self._teacher.to(mask.device)
        with torch.no_grad(), watched(of_teacher, shape) as theirs:
            taught = self._teacher(**read, output_hidden_states=True)

        weights, loss = self._weights, torch.zeros((), device=mask.device)
        if weights.cosine:
            student = self._projected("cosine", _embedding(outputs, mask))
            teacher = _embedding(taught, read["attention_mask"])
            loss = loss + weights.cosine * cosine_loss(student, teacher)
        if weights.hidden:
            inner = self._hidden(outputs.hidden_states, taught.hidden_states, mask)
            loss = loss + weights.hidden * inner
        if of_student and of_teacher:
            inner = _attention(of_student.split(mine), of_teacher.split(theirs), mask)
            loss = loss + weights.attention * inner
        return outputs, taught, loss

    def _hidden(
        self, student: Sequence[torch.Tensor], teacher: Sequence[torch.Tensor], mask: torch.Tensor
    ) -> torch.Tensor:
        """The mean over the pairs of layers."""
        parts = [
            hidden_loss(self._projected(f"hidden_{low}", student[low]), teacher[high], mask)
            for low, high in layer_pairs(len(student), len(teacher))
        ]
        return torch.stack(parts).mean()

    def _attach(self) -> None:
        together = torch.distributed.is_initialized() and torch.distributed.get_world_size() > 1
        if self._projections and together:
            raise RecipeError(
                "distillation.losses: masked losses, and hidden and cosine where student and "
                "teacher are of different widths, are learnt by one process alone: train without "
                "a launcher, or leave them out"
            )
        if self._projections and not hasattr(self._student, PROJECTIONS):
            self._student.add_module(PROJECTIONS, self._projections)

    def remove_projections(self) -> None:
        """Leaves the student as it was built: what only training needed is no part of it."""
        if self._projections:
            delattr(self._student, PROJECTIONS)

    def _project(self, name: str, width: int, wanted: int) -> None:
        if width != wanted:
            self._projections[name] = nn.Linear(width, wanted, bias=False)

    def _projected(self, name: str, states: torch.Tensor) -> torch.Tensor:
        states = states.float()
        if name not in self._projections:
            return states
        projected: torch.Tensor = self._projections[name](states)
        return projected.float()


def layer_pairs(student: int, teacher: int) -> list[tuple[int, int]]:
    """Which hidden state of the student learns from which of the teacher's, spread evenly.

    Args:
        student: how many hidden states it gives, that of the embeddings included.
        teacher: the same of the teacher.

    Returns:
        Indices into both; the embeddings are left out, and the last learns from the last.
    """
    steps = student - 1
    return [(i, -(-i * (teacher - 1) // steps)) for i in range(1, student)]


def looked_into(teacher: Teacher, weights: Losses) -> Checkpoint:
    """The checkpoint whose inside teaches.

    Raises:
        RecipeError: the teacher has none.
    """
    if isinstance(teacher, CheckpointTeacher):
        return teacher.checkpoint
    asked = [name for name in ("cosine", "hidden", "attention") if getattr(weights, name)]
    raise RecipeError(
        f"distillation.losses.{asked[0]} looks into the teacher, and {teacher.name} gives logits "
        "alone: take a checkpoint as the first teacher, or leave that loss out"
    )


def refuse_other_tokens(weights: Losses, ids: Sequence[int], teacher_ids: Sequence[int]) -> None:
    """Refuses losses that compare token with token, for models whose tokens differ.

    Args:
        ids: of a text that the models read otherwise.
        teacher_ids: the same text's for the teacher.

    Raises:
        RecipeError: which loss, and what to do.
    """
    length = len(teacher_ids)
    cut = len(ids) > length and list(ids[: length - 1]) == list(teacher_ids[: length - 1])
    for name in ("hidden", "attention"):
        if not getattr(weights, name):
            continue
        if cut:
            raise RecipeError(
                f"distillation.losses.{name} compares token with token, and the teacher reads no "
                f"more than {length} tokens of a text: set data.max_length = {length}, or leave "
                "that loss out"
            )
        raise RecipeError(
            f"distillation.losses.{name} compares token with token, and the teacher reads "
            "these texts as other tokens: take a student with the first teacher's tokenizer, or "
            "leave that loss out (cosine, kl and mse work with any tokenizer)"
        )


def widths(model: PreTrainedModel, ids: Sequence[int], who: str) -> list[int]:
    """The width of each hidden state that a model gives."""
    input_ids = torch.tensor([list(ids)], device=next(model.parameters()).device)
    model.eval()
    with torch.no_grad():
        output = model(
            input_ids=input_ids,
            attention_mask=torch.ones_like(input_ids),
            output_hidden_states=True,
        )
    states = getattr(output, "hidden_states", None)
    if states is None or len(states) < 2:
        raise RecipeError(
            f"distillation.losses.hidden and cosine need hidden states, and the {who}, a "
            f"{type(model).__name__}, gives none"
        )
    return [state.shape[-1] for state in states]


def _attention(student: Seen, teacher: Seen, mask: torch.Tensor) -> torch.Tensor:
    """MiniLM's loss: the attention distributions, and the relations between values.

    Where the numbers of heads differ it is that of MiniLMv2 (Wang et al. 2021, arXiv:2012.15828):
    what all heads gave is cut into as many parts of both, and queries, keys and values are each
    related with themselves.
    """
    if student.heads != teacher.heads:
        parts = common_parts(student, teacher)
        losses = [
            relation_loss((mine, mine), (theirs, theirs), mask)
            for mine, theirs in zip(student.cut(parts), teacher.cut(parts), strict=True)
        ]
        return torch.stack(losses).sum()
    attention = relation_loss((student.query, student.key), (teacher.query, teacher.key), mask)
    values = (student.value, student.value), (teacher.value, teacher.value)
    return attention + relation_loss(*values, mask)


def _embedding(output: SequenceClassifierOutput, attention_mask: torch.Tensor) -> torch.Tensor:
    """A text's embedding: the mean of its last hidden states, (batch, width)."""
    assert output.hidden_states is not None
    real = attention_mask.unsqueeze(-1)
    states = output.hidden_states[-1].float()
    return (states * real).sum(dim=1) / real.sum(dim=1)
