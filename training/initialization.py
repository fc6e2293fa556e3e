"""New models: a pretrained encoder with a fresh head, or a student started from its teacher."""

from typing import cast

import torch
from transformers import PreTrainedModel, PreTrainedTokenizerFast

from training.checkpoint import Checkpoint, load_hub_tokenizer
from training.models.bilstm import (
    BiLstmConfig,
    BiLstmForSequenceClassification,
    project_embeddings,
)
from training.models.encoder import keep_layers, new_encoder
from training.recipe import BiLstmModel, EncoderModel, Recipe, RecipeError


def new_model(
    recipe: Recipe, labels: tuple[str, ...], teacher: Checkpoint | None
) -> tuple[PreTrainedModel, PreTrainedTokenizerFast]:
    """The untrained model of a recipe, and the tokeniser that it reads with.

    Args:
        labels: in the order of the logits.
        teacher: what a student starts from; None where there is none.

    Raises:
        RecipeError: the student needs a teacher, or its shape does not fit the teacher's.
    """
    spec = recipe.model
    if isinstance(spec, EncoderModel):
        return _new_encoder(spec, labels, teacher)
    if teacher is None:
        raise RecipeError("a bilstm has no tokenizer of its own: give it a [distillation] teacher")
    return _new_bilstm(spec, labels, teacher), teacher.hub_tokenizer


def _new_encoder(
    spec: EncoderModel, labels: tuple[str, ...], teacher: Checkpoint | None
) -> tuple[PreTrainedModel, PreTrainedTokenizerFast]:
    base = spec.base
    if base is None:
        if teacher is None or not hasattr(teacher.model.config, "num_attention_heads"):
            raise RecipeError("model.base is missing, and the teacher is no encoder to start from")
        base = teacher.source
    tokenizer = load_hub_tokenizer(base)
    model = new_encoder(base, labels, spec.dropout)
    if spec.layers is None:
        return model, tokenizer
    try:
        return keep_layers(model, spec.layers), tokenizer
    except ValueError as error:
        raise RecipeError(f"model.layers: {error}") from error


def _new_bilstm(
    spec: BiLstmModel, labels: tuple[str, ...], teacher: Checkpoint
) -> BiLstmForSequenceClassification:
    config = BiLstmConfig(
        vocab_size=len(teacher.hub_tokenizer),
        embedding_size=spec.embedding_size,
        hidden_size=spec.hidden_size,
        num_hidden_layers=spec.layers,
        dropout=spec.dropout,
        pooling=spec.pooling,
        pad_token_id=teacher.hub_tokenizer.pad_token_id,
        id2label=dict(enumerate(labels)),
        label2id={label: index for index, label in enumerate(labels)},
    )
    model = BiLstmForSequenceClassification(config)
    if spec.initial_embeddings == "teacher":
        # An encoder's table may have more rows than its tokeniser has tokens.
        table = cast(torch.Tensor, teacher.model.get_input_embeddings().weight).detach()
        table = table[: config.vocab_size]
        try:
            projected = project_embeddings(table, spec.embedding_size)
        except ValueError as error:
            raise RecipeError(f"model.embedding_size: {error}") from error
        with torch.no_grad():
            model.embedding.weight[: len(table)] = projected
            model.embedding.weight[config.pad_token_id] = 0
    return model
