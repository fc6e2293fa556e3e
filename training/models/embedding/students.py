"""New embedders: a student of ours, or a transformer with some of its teacher's layers.

A student has its teacher's prompts and is normalised as its teacher is.
"""

from dataclasses import replace
from typing import Any

import torch
from transformers import AutoConfig, AutoModel, PreTrainedModel, PreTrainedTokenizerFast

from training.errors import CheckpointError, RecipeError
from training.models.checkpoints.checkpoint import Checkpoint
from training.models.checkpoints.reading import load_hub_tokenizer, refuse_missing
from training.models.embedding.embedding import Embedding, embedding_of
from training.models.initialization import start_of, start_student
from training.models.shrinking.shrinking import shaped
from training.models.students.bilstm import BiLstmConfig, BiLstmEmbeddingModel
from training.models.students.nano import NanoConfig, NanoEmbeddingModel
from training.recipe.models import BiLstmModel, CausalLmModel, EncoderModel, LinearModel
from training.recipe.recipe import Recipe

DROPOUTS = ("hidden_dropout_prob", "attention_probs_dropout_prob", "dropout")


def new_embedder(
    recipe: Recipe, teacher: Checkpoint | None, owner: Embedding, size: int
) -> tuple[PreTrainedModel, PreTrainedTokenizerFast, Embedding]:
    """The untrained body of a student, the tokenizer that it reads with, and how it embeds.

    Args:
        teacher: what the student starts from; None: a published version teaches.
        owner: how the teacher embeds.
        size: of the teacher's vectors.

    Raises:
        RecipeError: the student needs a checkpoint as its teacher, or does not fit it.
    """
    spec = recipe.model
    if isinstance(spec, EncoderModel):
        body, hub_tokenizer = _new_encoder(spec, teacher)
        return body, hub_tokenizer, replace(owner, dense=(), dimensions=(), stated=True)
    if isinstance(spec, LinearModel | CausalLmModel):
        raise RecipeError(f"a {spec.architecture} gives no vectors: take another architecture")
    teacher = start_of(spec, teacher)
    facts: dict[str, Any] = {
        "vocab_size": teacher.tokenizer.highest_id + 1,
        "pad_token_id": teacher.reading.pad_id,
        "embedding_dimension": spec.sentence_size or size,
        "embedding_size": spec.embedding_size,
        "dropout": spec.dropout,
        "normalize": owner.normalize,
        "prompts": dict(owner.prompts),
        "default_prompt": owner.default_prompt,
    }
    student = (
        BiLstmEmbeddingModel(
            BiLstmConfig(
                hidden_size=spec.hidden_size,
                num_hidden_layers=spec.layers,
                pooling=spec.pooling,
                **facts,
            )
        )
        if isinstance(spec, BiLstmModel)
        else NanoEmbeddingModel(NanoConfig(filters=spec.filters, width=spec.width, **facts))
    )
    start_student(student, spec, teacher)
    return student, teacher.hub_tokenizer, embedding_of(student)


def _new_encoder(
    spec: EncoderModel, teacher: Checkpoint | None
) -> tuple[PreTrainedModel, PreTrainedTokenizerFast]:
    base = spec.base
    if base is None:
        if teacher is None or not hasattr(teacher.model.config, "num_attention_heads"):
            raise RecipeError("model.base is missing, and the teacher is no encoder to start from")
        base = teacher.source
    refuse_missing(base)
    try:
        config = AutoConfig.from_pretrained(base)
        for name in DROPOUTS:
            if hasattr(config, name):
                setattr(config, name, spec.dropout)
        body: PreTrainedModel = AutoModel.from_pretrained(base, config=config, dtype=torch.float32)
    except (OSError, ValueError) as error:
        said = str(error).strip().splitlines()[0]
        raise CheckpointError(f"no encoder to start from at {base!r}: {said}") from error
    body = shaped(body, spec)
    same = teacher is not None and base == teacher.source
    return body, teacher.hub_tokenizer if same and teacher else load_hub_tokenizer(base)
