"""New models: a pretrained encoder with a fresh head, or a student started from its teacher."""

import hashlib
from typing import Any, cast

import torch
from tqdm.auto import tqdm
from transformers import PreTrainedModel, PreTrainedTokenizerFast

from training import cache
from training.errors import RecipeError
from training.models.bilstm import (
    BiLstmConfig,
    BiLstmForSequenceClassification,
    project_embeddings,
)
from training.models.checkpoint import Checkpoint
from training.models.devices import on_fastest_device
from training.models.encoder import keep_layers, new_encoder
from training.models.nano import NanoConfig, NanoForSequenceClassification
from training.models.pooling import pool_by_mask
from training.models.reading import load_hub_tokenizer, reading_of
from training.problem import TRANSFORMERS_NAMES, ProblemType
from training.recipe.models import BiLstmModel, EncoderModel, NanoModel
from training.recipe.recipe import Recipe

TOKENS_AT_ONCE = 512


def new_model(
    recipe: Recipe,
    labels: tuple[str, ...],
    teacher: Checkpoint | None,
    problem: ProblemType = "single_label",
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
        return _new_encoder(spec, labels, teacher, problem)
    if teacher is None:
        raise RecipeError(
            f"a {spec.architecture} has no tokenizer of its own: give it a [distillation] teacher"
        )
    model = (
        _new_bilstm(spec, labels, teacher)
        if isinstance(spec, BiLstmModel)
        else _new_nano(spec, labels, teacher)
    )
    model.config.problem_type = TRANSFORMERS_NAMES[problem]
    _start_embeddings(model, spec, teacher)
    return model, teacher.hub_tokenizer


def _new_encoder(
    spec: EncoderModel, labels: tuple[str, ...], teacher: Checkpoint | None, problem: ProblemType
) -> tuple[PreTrainedModel, PreTrainedTokenizerFast]:
    base = spec.base
    if base is None:
        if teacher is None or not hasattr(teacher.model.config, "num_attention_heads"):
            raise RecipeError("model.base is missing, and the teacher is no encoder to start from")
        base = teacher.source
    tokenizer = load_hub_tokenizer(base)
    model = new_encoder(base, labels, spec.dropout, problem)
    config = model.config.get_text_config()
    if config.pad_token_id is None:  # ours to name: a decoder without one takes no batches
        config.pad_token_id = reading_of(tokenizer, model).pad_id
    if spec.layers is not None:
        try:
            model = keep_layers(model, spec.layers)
        except ValueError as error:
            raise RecipeError(f"model.layers: {error}") from error
    pool_by_mask(model)
    return model, tokenizer


def _new_bilstm(
    spec: BiLstmModel, labels: tuple[str, ...], teacher: Checkpoint
) -> BiLstmForSequenceClassification:
    config = BiLstmConfig(
        embedding_size=spec.embedding_size,
        hidden_size=spec.hidden_size,
        num_hidden_layers=spec.layers,
        dropout=spec.dropout,
        pooling=spec.pooling,
        **_vocabulary_and_labels(labels, teacher),
    )
    return BiLstmForSequenceClassification(config)


def _new_nano(
    spec: NanoModel, labels: tuple[str, ...], teacher: Checkpoint
) -> NanoForSequenceClassification:
    config = NanoConfig(
        embedding_size=spec.embedding_size,
        filters=spec.filters,
        width=spec.width,
        dropout=spec.dropout,
        **_vocabulary_and_labels(labels, teacher),
    )
    return NanoForSequenceClassification(config)


def _vocabulary_and_labels(labels: tuple[str, ...], teacher: Checkpoint) -> dict[str, Any]:
    return {
        "vocab_size": teacher.tokenizer.highest_id + 1,
        "pad_token_id": teacher.reading.pad_id,
        "id2label": dict(enumerate(labels)),
        "label2id": {label: index for index, label in enumerate(labels)},
    }


def _start_embeddings(
    model: BiLstmForSequenceClassification | NanoForSequenceClassification,
    spec: BiLstmModel | NanoModel,
    teacher: Checkpoint,
) -> None:
    if spec.initial_embeddings == "random":
        return
    if spec.initial_embeddings == "contextual":
        table = contextual_embeddings(teacher)
    else:
        # An encoder's table may have more rows than its tokeniser has tokens.
        table = cast(torch.Tensor, teacher.model.get_input_embeddings().weight).detach()
        table = table[: model.config.vocab_size]
    try:
        projected = project_embeddings(table, spec.embedding_size)
    except ValueError as error:
        raise RecipeError(f"model.embedding_size: {error}") from error
    with torch.no_grad():
        model.embedding.weight[: len(table)] = projected
        model.embedding.weight[model.config.pad_token_id] = 0


def contextual_embeddings(teacher: Checkpoint) -> torch.Tensor:
    """What a teacher's last layer says of each token when it is read alone.

    As in Model2Vec (Tulkens and van Dongen 2024, github.com/MinishLab/model2vec). Of a
    fine-tuned teacher these states know the task, which its word embeddings hardly do. They are
    computed once and cached, by the teacher's weights and the ids that it reads.

    Returns:
        (vocabulary, dimensions).

    Raises:
        RecipeError: the teacher has no hidden states.
    """
    tokenizer = teacher.hub_tokenizer
    alone = tokenizer("a", return_special_tokens_mask=True)
    place = alone["special_tokens_mask"].index(0)
    end = len(alone["input_ids"]) - alone["special_tokens_mask"][::-1].index(0)
    before, after = alone["input_ids"][:place], alone["input_ids"][end:]
    tokens = range(len(tokenizer))
    key = hashlib.sha256(f"{teacher.sha256} {before} {after} {len(tokens)}".encode()).hexdigest()
    known = cache.recall("states", key)
    if known is not None:
        return torch.from_numpy(known)
    found = []
    starts = tqdm(range(0, len(tokens), TOKENS_AT_ONCE), desc="teacher embeddings")
    with on_fastest_device(teacher.model), torch.inference_mode():
        device = next(teacher.model.parameters()).device
        for start in starts:
            rows = [[*before, t, *after] for t in tokens[start : start + TOKENS_AT_ONCE]]
            ids = torch.tensor(rows, device=device)
            output = teacher.model(
                input_ids=ids, attention_mask=torch.ones_like(ids), output_hidden_states=True
            )
            if getattr(output, "hidden_states", None) is None:
                raise RecipeError(
                    f"model.initial_embeddings: {teacher.source} has no hidden states for "
                    "'contextual'; 'teacher' takes its word embeddings"
                )
            found.append(output.hidden_states[-1][:, place].float().cpu())
    states = torch.cat(found)
    cache.keep("states", key, states.numpy())
    return states
