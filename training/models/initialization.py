"""New models: a pretrained encoder with a fresh head, or a student started from its teacher."""

import hashlib
from typing import Any, cast

import torch
from tqdm.auto import tqdm
from transformers import PreTrainedModel, PreTrainedTokenizerFast

from training import cache
from training.errors import RecipeError
from training.models.checkpoints.checkpoint import Checkpoint
from training.models.checkpoints.reading import load_hub_tokenizer, reading_of
from training.models.devices import on_fastest_device
from training.models.encoder import new_encoder
from training.models.pooling import pool_by_mask
from training.models.pruned.modeling import prunable
from training.models.shrinking.shrinking import shaped
from training.models.students.base import load_base
from training.models.students.bilstm import (
    BiLstm,
    BiLstmConfig,
    BiLstmForSequenceClassification,
    BiLstmForTokenClassification,
    project_embeddings,
)
from training.models.students.linear import LinearForSequenceClassification
from training.models.students.nano import NanoConfig, NanoForSequenceClassification
from training.models.students.starting import begin_from
from training.models.students.towers import TOWERS
from training.problem import TRANSFORMERS_NAMES, ProblemType
from training.recipe.models import (
    BiLstmModel,
    CausalLmModel,
    EncoderModel,
    LinearModel,
    NanoModel,
)
from training.recipe.recipe import Recipe

TOKENS_AT_ONCE = 512
OURS = "stillhouse-"  # how the model types of students begin
DEFAULT_FORM = TOWERS  # see docs/experiments.md


def new_model(
    recipe: Recipe,
    labels: tuple[str, ...],
    teacher: Checkpoint | None,
    problem: ProblemType = "single_label",
    *,
    pairs: bool = False,
    of_tokens: bool = False,
) -> tuple[PreTrainedModel, PreTrainedTokenizerFast]:
    """The untrained model of a recipe, and the tokeniser that it reads with.

    Args:
        labels: in the order of the logits.
        teacher: what a student starts from; None where there is none.
        pairs: whether it reads pairs of texts.
        of_tokens: each token gets a label, and not the text.

    Raises:
        RecipeError: the student needs a teacher, or its shape does not fit the teacher's.
    """
    spec = recipe.model
    if isinstance(spec, EncoderModel):
        model, tokenizer = _new_encoder(spec, labels, teacher, problem, of_tokens=of_tokens)
        if recipe.pruning is not None and recipe.pruning.cuts_layers:
            try:
                model = prunable(model)
            except ValueError as error:
                raise RecipeError(f"[pruning]: {error}") from error
        return model, tokenizer
    if isinstance(spec, CausalLmModel):
        raise RecipeError("a causal-lm classifies texts by `stillhouse label`, and nothing else")
    if of_tokens and isinstance(spec, NanoModel):
        raise RecipeError(
            "a nano student answers of a whole text by what is strongest in it, and tags no "
            'tokens: take model.architecture = "bilstm"'
        )
    if isinstance(spec, LinearModel):  # a classifier's is fitted, see `training.linear`
        raise RecipeError("a linear model answers of a whole text: take another architecture")
    teacher = start_of(spec, teacher)
    known = {**_vocabulary_and_labels(labels, teacher), **_pairs(spec, teacher, pairs)}
    model = (
        _new_bilstm(spec, known, of_tokens=of_tokens)
        if isinstance(spec, BiLstmModel)
        else _new_nano(spec, known)
    )
    model.config.problem_type = None if of_tokens else TRANSFORMERS_NAMES[problem]
    start_student(model, spec, teacher)
    return model, teacher.hub_tokenizer


def start_of(spec: BiLstmModel | NanoModel, teacher: Checkpoint | None) -> Checkpoint:
    """Whose tokenizer and embeddings a student begins with: its base, or else its teacher.

    Raises:
        CheckpointError: there is no base of that name.
        RecipeError: there is neither.
    """
    if spec.base is not None:
        return load_base(spec.base)
    if teacher is None:
        raise RecipeError(
            f"a {spec.architecture} has no tokenizer of its own: set model.base (--base) to an "
            "encoder, whose tokenizer and embeddings it starts with, or give it a [distillation] "
            "teacher that is a checkpoint"
        )
    return teacher


def _new_encoder(
    spec: EncoderModel,
    labels: tuple[str, ...],
    teacher: Checkpoint | None,
    problem: ProblemType,
    *,
    of_tokens: bool,
) -> tuple[PreTrainedModel, PreTrainedTokenizerFast]:
    base = spec.base
    if base is None:
        if teacher is None or not hasattr(teacher.model.config, "num_attention_heads"):
            raise RecipeError("model.base is missing, and the teacher is no encoder to start from")
        base = teacher.source
    tokenizer = load_hub_tokenizer(base)
    model = new_encoder(base, labels, spec.dropout, problem, of_tokens=of_tokens)
    config = model.config.get_text_config()
    if config.pad_token_id is None:  # ours to name: a decoder without one takes no batches
        config.pad_token_id = reading_of(tokenizer, model).pad_id
    model = shaped(model, spec)
    if not of_tokens:
        pool_by_mask(model)
    return model, tokenizer


def _new_bilstm(spec: BiLstmModel, known: dict[str, Any], *, of_tokens: bool) -> BiLstm:
    config = BiLstmConfig(
        embedding_size=spec.embedding_size,
        hidden_size=spec.hidden_size,
        num_hidden_layers=spec.layers,
        dropout=spec.dropout,
        pooling=spec.pooling,
        **known,
    )
    return (BiLstmForTokenClassification if of_tokens else BiLstmForSequenceClassification)(config)


def _new_nano(spec: NanoModel, known: dict[str, Any]) -> NanoForSequenceClassification:
    config = NanoConfig(
        embedding_size=spec.embedding_size,
        filters=spec.filters,
        width=spec.width,
        dropout=spec.dropout,
        **known,
    )
    return NanoForSequenceClassification(config)


def _vocabulary_and_labels(labels: tuple[str, ...], teacher: Checkpoint) -> dict[str, Any]:
    return {
        "vocab_size": teacher.tokenizer.highest_id + 1,
        "pad_token_id": teacher.reading.pad_id,
        "id2label": dict(enumerate(labels)),
        "label2id": {label: index for index, label in enumerate(labels)},
    }


def _pairs(spec: BiLstmModel | NanoModel, teacher: Checkpoint, pairs: bool) -> dict[str, Any]:
    """What a student's config says of how it reads pairs; nothing where it reads single texts."""
    if not pairs:
        if spec.pairs is not None:
            raise RecipeError(f"model.pairs is {spec.pairs}, and the data has single texts")
        return {}
    form = spec.pairs or DEFAULT_FORM
    tokenizer = teacher.hub_tokenizer
    separator = tokenizer.sep_token_id
    if form == TOWERS and (separator is None or separator not in tokenizer("a", "b")["input_ids"]):
        raise RecipeError(
            f"the tokenizer of {teacher.source} puts no separator between the texts of a pair, by "
            'which two towers know them: set model.pairs = "joined"'
        )
    return {"pairs": form, "separator_id": separator}


def start_student(
    model: BiLstm | NanoForSequenceClassification,
    spec: BiLstmModel | NanoModel,
    teacher: Checkpoint,
) -> None:
    """Gives a student the weights, or the token embeddings, that its recipe has it begin with.

    Args:
        teacher: or the base that it begins with; see `start_of`.

    Raises:
        RecipeError: they do not fit the student.
    """
    if spec.base is not None and teacher.model.config.model_type.startswith(OURS):
        begin_from(model, teacher)
        return
    if spec.initial_embeddings == "random":
        return
    if isinstance(teacher.model, LinearForSequenceClassification):
        raise RecipeError(
            f"the teacher {teacher.source} is a linear model and has no word embeddings to start "
            'from: set model.initial_embeddings = "random"'
        )
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
