"""The training of a language model's adapter: it learns to answer with the words of labels.

LoRA (Hu et al. 2021, arXiv:2106.09685), on 4-bit weights QLoRA (Dettmers et al. 2023,
arXiv:2305.14314). The loss is on the word's tokens alone, behind the prompt that `label` asks with.
"""

import hashlib
import importlib.util
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import datasets
import torch
from transformers import PreTrainedModel, Trainer, set_seed

from training.data.labelled import LabelledText
from training.data.loading import load_split
from training.data.splitting.splits import Split
from training.errors import CheckpointError, RecipeError
from training.label.causal import INSTALL, CausalLm, load_causal
from training.label.prompt import DEFAULT, DEFAULT_PAIRS, Prompt, named_words
from training.label.scorer import Scorer
from training.loop.key import run_parts
from training.loop.metrics import scores_of
from training.loop.sampling import BucketSampler
from training.loop.schedule import check_trainer_table, resolved, trainer_arguments
from training.loop.trainers import settle
from training.quiet import hush
from training.recipe.models import CausalLmModel
from training.recipe.recipe import Recipe, with_values
from training.tasks.job import Part, TrainerJob
from training.teach.rows import lengths_of

PROBES = 4
IGNORED = -100  # torch's mark of a token that is not learnt


@dataclass(frozen=True)
class AnsweringJob(TrainerJob):
    """An adapter's training, made ready.

    Attributes:
        lm: the model, its adapter in it.
        prompt: what it is asked.
        sets: what each text is used for.
    """

    lm: CausalLm
    prompt: Prompt
    sets: Split

    def score(self, part: Part) -> dict[str, Any]:
        """See `Job`."""
        data = self.sets.choose if part == "choose" else self.sets.measure
        self.lm.model.eval()
        texts = data.texts
        scorer = Scorer(self.lm, self.prompt, texts[:PROBES], self.recipe.data.max_length)
        return scores_of(scorer.scores(texts), data)


class AnswerTrainer(Trainer):
    """The Trainer, reading batches of like length in random order."""

    def _get_train_sampler(self, train_dataset: datasets.Dataset | None = None) -> BucketSampler:
        rows = cast(datasets.Dataset, train_dataset or self.train_dataset)
        return BucketSampler(lengths_of(rows), self.args.train_batch_size, self.args.seed)


def prepare(recipe: Recipe, run: Path, *, keep: bool = True) -> AnsweringJob:
    """Does all that comes before the training itself; see `training.tasks.job.Prepare`."""
    hush()
    spec = recipe.model
    assert isinstance(spec, CausalLmModel)
    recipe = _by_loss(recipe)
    check_trainer_table(recipe)
    if importlib.util.find_spec("peft") is None:
        raise CheckpointError(f"an adapter is trained by peft: {INSTALL}")
    sets = load_split(recipe.data)
    train = sets.train
    if train.problem != "single_label":
        raise RecipeError("a causal-lm answers with one label a text, and the data has others")
    labels, words = named_words(spec.words or {}, train.labels)
    template = spec.prompt or (DEFAULT_PAIRS if train.pairs else DEFAULT)
    prompt = Prompt(template, labels, words, chat=spec.chat)
    recipe = with_values(
        recipe, {"model.words": dict(zip(labels, words, strict=True)), "model.prompt": template}
    )
    set_seed(recipe.training.seed)
    lm = load_causal(spec.base, "fp32", spec.quantization)
    adapted = _adapted(lm, spec)
    # What scores is the model itself, which the adapter has been put into.
    inner = CausalLm(lm.source, adapted.get_base_model(), lm.tokenizer)
    scorer = Scorer(inner, prompt, train.texts[:PROBES], recipe.data.max_length)
    lesson, held_out = (_rows(scorer, one) for one in (train, sets.choose))
    whole = resolved(recipe, len(lesson), None)
    arguments = trainer_arguments(whole, run, len(lesson), keep=keep)
    arguments.prediction_loss_only = True
    arguments.label_names = ["labels"]
    trainer = AnswerTrainer(
        model=adapted,
        args=arguments,
        train_dataset=lesson,
        eval_dataset=held_out,
        data_collator=collate,
    )
    settle(trainer)
    named = {
        name: {"n": len(one), "sha256": one.sha256}
        for name, one in (("train", train), ("choose", sets.choose), ("fit", sets.fit))
    }
    base = hashlib.sha256(f"{lm.fingerprint} {prompt.fingerprinted}".encode()).hexdigest()
    return AnsweringJob(
        recipe=whole,
        trainer=trainer,
        model=adapted,
        hub_tokenizer=lm.tokenizer,
        lineage=named,
        parts=run_parts(recipe, (train, sets.choose), [], base),
        lm=inner,
        prompt=prompt,
        sets=sets,
    )


def collate(rows: Sequence[dict[str, list[int]]]) -> dict[str, torch.Tensor]:
    """A batch, padded on the right with what is neither read nor learnt."""
    width = max(len(row["input_ids"]) for row in rows)
    ids = torch.zeros((len(rows), width), dtype=torch.long)
    mask = torch.zeros_like(ids)
    labels = torch.full_like(ids, IGNORED)
    for place, row in enumerate(rows):
        length = len(row["input_ids"])
        ids[place, :length] = torch.tensor(row["input_ids"])
        labels[place, :length] = torch.tensor(row["labels"])
        mask[place, :length] = 1
    return {"input_ids": ids, "attention_mask": mask, "labels": labels}


def _by_loss(recipe: Recipe) -> Recipe:
    """The recipe, its checkpoints chosen by the loss.

    Raises:
        RecipeError: it asks for what this training has not.
    """
    schedule = recipe.training
    if schedule.choose_by not in (None, "loss"):
        raise RecipeError("training.choose_by: the checkpoints of a causal-lm are chosen by loss")
    if schedule.class_weights != "none" or schedule.sampler != "shuffled":
        raise RecipeError("a causal-lm is trained without class_weights and with sampler shuffled")
    return with_values(recipe, {"training.choose_by": "loss"})


def _adapted(lm: CausalLm, spec: CausalLmModel) -> Any:
    """The model with a fresh adapter, which alone is trained."""
    from peft import LoraConfig, get_peft_model, prepare_model_for_kbit_training

    model: PreTrainedModel = lm.model
    if spec.quantization != "none":
        model = prepare_model_for_kbit_training(model)  # type: ignore[no-untyped-call]
    config = LoraConfig(
        r=spec.rank,
        lora_alpha=spec.alpha,  # type: ignore[arg-type]  # a factor, and no whole number
        lora_dropout=spec.dropout,
        target_modules=list(spec.targets) if spec.targets else "all-linear",
        task_type="CAUSAL_LM",
    )
    try:
        adapted = get_peft_model(model, config)
    except ValueError as error:
        raise RecipeError(f"model.targets: {str(error).splitlines()[0]}") from error
    base = Path(spec.base)
    stated = str(base.resolve()) if base.exists() else spec.base
    adapted.peft_config["default"].base_model_name_or_path = stated
    return adapted


def _rows(scorer: Scorer, data: LabelledText) -> datasets.Dataset:
    """A row a text: its prompt and the word of its label, which alone is learnt."""
    asked = scorer.prompts(data.texts)
    answers = [scorer.answers.sequences[int(target)] for target in data.targets]
    return datasets.Dataset.from_dict(
        {
            "input_ids": [[*one, *two] for one, two in zip(asked, answers, strict=True)],
            "labels": [
                [*([IGNORED] * len(one)), *two] for one, two in zip(asked, answers, strict=True)
            ],
        }
    )
