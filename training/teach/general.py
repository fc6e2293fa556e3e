"""What a general student learns from inside its teacher, of text without labels and of no task.

Hidden states and attention relations, and masked words: those that were there, and how likely the
teacher finds each (the triple loss of DistilBERT, Sanh et al. 2019, arXiv:1910.01108). Knows
nothing of how texts are made vectors.
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import torch
from torch import nn
from torch.nn import functional
from transformers import AutoModelForMaskedLM, PreTrainedModel, PreTrainedTokenizerFast
from transformers.modeling_outputs import SequenceClassifierOutput

from training.errors import RecipeError
from training.models.checkpoints.checkpoint import Checkpoint
from training.models.checkpoints.reading import Reading, reading_of
from training.problem import UNLABELLED
from training.recipe.teaching import Distillation, Losses
from training.teach.embeddings import CheckpointEmbedder, EmbeddingTeacher
from training.teach.rows import Tokens, tokens_of
from training.teach.white_box import WhiteBox, refuse_other_tokens, widths

SHARE = 0.15  # of a text's tokens are asked for; of these BERT masks and replaces:
MASKED, REPLACED = 0.8, 0.1
WORDS = "words"


def looking(
    spec: Distillation,
    teacher: EmbeddingTeacher,
    body: PreTrainedModel,
    reading: Reading,
    texts: Sequence[str],
    tokens: Tokens,
) -> WhiteBox | None:
    """The losses on the teacher's inside and on masked words; None where there are none.

    Args:
        body: the student, which is given what only its training needs.
        reading: the student's.
        tokens: that it reads of the texts.

    Raises:
        RecipeError: the teacher has no inside or no head for words, or reads other tokens.
    """
    losses = spec.weights
    # The cosine of an embedder is of its vectors, which are known beforehand.
    inner = losses.model_copy(update={"cosine": 0.0})
    masks = bool(losses.masked or losses.masked_kl)
    if not (inner.white_box or masks):
        return None
    if not isinstance(teacher, CheckpointEmbedder):
        raise RecipeError(
            f"distillation.losses: hidden, attention and masked words take a checkpoint, and "
            f"{teacher.name} is a published version"
        )
    owner = teacher.checkpoint
    length = min(reading.max_length, owner.max_length)
    theirs = tokens_of(texts, reading_of(owner.hub_tokenizer, owner.model, length))
    if not theirs.ids.equals(tokens.ids):
        pairs = zip(tokens.ids, theirs.ids, strict=True)
        differing = next((a.as_py(), b.as_py()) for a, b in pairs if a != b)
        refuse_other_tokens(inner, *differing)
        raise RecipeError(
            f"distillation.losses.masked: {owner.source} reads these texts as other tokens than "
            "the student, and beside it: leave masked and masked_kl out"
        )
    ids = tokens.ids[0].as_py()
    if not masks:
        return WhiteBox(owner, body, inner, ids, ids)
    return MaskedWords(owner, body, inner, ids, reading.hub_tokenizer, spec.temperature)


class MaskedWords(WhiteBox):
    """The losses on masked words, with those of the white box on the same masked texts.

    The student's head is its own, over its table of embeddings, and is taken out with the
    projections. The teacher's is the one that its checkpoint has.

    Args:
        weights: of the losses; `cosine` is none of them.
        tokenizer: of both.
        temperature: softens both sides of the KL.

    Raises:
        RecipeError: there is no mask token, or the teacher has no head for words.
    """

    def __init__(
        self,
        teacher: Checkpoint,
        student: PreTrainedModel,
        weights: Losses,
        ids: Sequence[int],
        tokenizer: PreTrainedTokenizerFast,
        temperature: float,
    ) -> None:
        if tokenizer.mask_token_id is None:
            raise RecipeError(
                f"distillation.losses.masked: the tokenizer of {teacher.source} has no mask token"
            )
        self._soft = weights.masked_kl > 0
        if self._soft:
            teacher = replace(teacher, model=_with_head(teacher))
        super().__init__(teacher, student, weights, ids, ids)
        self._tokenizer = tokenizer
        self._temperature = temperature
        table = student.get_input_embeddings()
        assert isinstance(table, nn.Embedding)
        self._table = table
        self._projections[WORDS] = _Head(widths(student, ids, "student")[-1], table)
        self._attach()

    def run(
        self, model: nn.Module, inputs: dict[str, Any]
    ) -> tuple[SequenceClassifierOutput, torch.Tensor]:
        """Masks a batch and runs student and teacher on it; see `WhiteBox.run`.

        What is masked is drawn anew each time in training, and always alike where it is judged.
        """
        masked, targets = self.mask(inputs["input_ids"], always_alike=not model.training)
        outputs, taught, loss = self.compared(model, {**inputs, "input_ids": masked})
        asked = targets != UNLABELLED
        if not asked.any():
            return outputs, loss
        assert outputs.hidden_states is not None
        states = outputs.hidden_states[-1][asked].float()
        found = self._projections[WORDS](states, self._table.weight)
        loss = loss + self._weights.masked * functional.cross_entropy(found, targets[asked])
        if self._soft:
            heat = self._temperature
            wanted = taught.logits[asked][:, : found.shape[1]].float()
            soft = functional.kl_div(
                functional.log_softmax(found[:, : wanted.shape[1]] / heat, dim=-1),
                functional.log_softmax(wanted / heat, dim=-1),
                reduction="batchmean",
                log_target=True,
            )
            loss = loss + self._weights.masked_kl * heat**2 * soft
        return outputs, loss

    def mask(
        self, input_ids: torch.Tensor, *, always_alike: bool = False
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Tokens with some masked, some replaced and some left, as BERT has it.

        Returns:
            The tokens, and those that are asked for, UNLABELLED everywhere else; a special token
            is never asked for.
        """
        chance = None
        if always_alike:
            chance = torch.Generator(device=input_ids.device).manual_seed(0)
        special = torch.tensor(self._tokenizer.all_special_ids, device=input_ids.device)
        drawn = torch.rand(input_ids.shape, generator=chance, device=input_ids.device)
        asked = (drawn < SHARE) & ~torch.isin(input_ids, special)
        others = torch.randint(
            len(self._tokenizer), input_ids.shape, generator=chance, device=input_ids.device
        )
        share = drawn / SHARE  # again even between 0 and 1, of those that are asked for
        mask_id = torch.full_like(input_ids, int(self._tokenizer.mask_token_id or 0))
        changed = torch.where(share < MASKED, mask_id, others)
        changed = torch.where(share < MASKED + REPLACED, changed, input_ids)
        return (
            torch.where(asked, changed, input_ids),
            torch.where(asked, input_ids, torch.full_like(input_ids, UNLABELLED)),
        )


class _Head(nn.Module):
    """From states to words, as BERT has it, over a table of embeddings that is not its own."""

    def __init__(self, width: int, table: nn.Embedding) -> None:
        super().__init__()
        self.dense = nn.Linear(width, table.embedding_dim)
        self.norm = nn.LayerNorm(table.embedding_dim)
        self.bias = nn.Parameter(torch.zeros(table.num_embeddings))

    def forward(self, states: torch.Tensor, table: torch.Tensor) -> torch.Tensor:
        """States (n, width) to logits (n, vocabulary)."""
        states = self.norm(functional.gelu(self.dense(states)))
        return functional.linear(states, table, self.bias)


def _with_head(teacher: Checkpoint) -> PreTrainedModel:
    """The teacher with its own head for masked words."""
    try:
        model, report = AutoModelForMaskedLM.from_pretrained(
            teacher.source, output_loading_info=True, dtype=torch.float32
        )
    except (OSError, ValueError):
        report = {"missing_keys": ["its head"]}
    if report["missing_keys"]:
        raise RecipeError(
            f"distillation.losses.masked_kl: {teacher.source} has no head for masked words: leave "
            "it out; masked, hidden, attention and cosine need none"
        )
    found: PreTrainedModel = model.eval()
    return found
