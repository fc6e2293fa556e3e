"""The schedule as it runs: each part of it changes what a training does."""

import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import (
    BertConfig,
    BertModel,
    PreTrainedModel,
    TrainerCallback,
    TrainerControl,
    TrainerState,
    TrainingArguments,
)

import training
import training.loop.schedule
from tests.tiny import tiny_hub_tokenizer
from tests.training.builders import STUDENT, changed, teacher_recipe
from training.errors import RecipeError
from training.loop.passing import DECIDED, check_trackers
from training.loop.schedule import check_trainer_table, resolved, trainer_arguments
from training.recipe.recipe import load_recipe, parse_recipe, with_values
from training.tasks.classification import prepare
from training.tasks.run import run_recipe

RECIPES = Path(training.__file__).parent / "recipes"
STEPS = 17  # of an epoch of 340 texts in batches of 20


def trained(
    toy: Path, folder: Path, **changes: Any
) -> tuple[PreTrainedModel, dict[str, torch.Tensor], list[dict[str, float]]]:
    """The model after an epoch, its weights before it, and the log of every step."""
    options = {"epochs": 1, "batch_size": 20, "evaluations_per_epoch": 1, **changes}
    recipe = teacher_recipe(
        toy,
        trainer={"logging_steps": 1},
        **{f"training__{name}": value for name, value in options.items()},
    )
    job = prepare(recipe, folder / "run", keep=False)
    before = {name: tensor.clone() for name, tensor in job.model.state_dict().items()}
    job.trainer.train()
    return job.model, before, [row for row in job.trainer.state.log_history if "loss" in row]


def rates(log: list[dict[str, float]]) -> list[float]:
    """The learning rate of each step."""
    return [row["learning_rate"] for row in log]


@pytest.mark.parametrize("scheduler", ["linear", "cosine", "constant"])
def test_the_rate_rises_and_falls(toy: Path, tmp_path: Path, scheduler: str) -> None:
    """From nothing to its height in the warm-up's share of steps, and then as the schedule says."""
    log = trained(toy, tmp_path, scheduler=scheduler, warmup_ratio=0.29, learning_rate=1e-3)[2]
    found = rates(log)
    assert len(found) == STEPS
    assert found[:6] == pytest.approx([step / 5 * 1e-3 for step in range(6)])
    if scheduler == "constant":
        assert found[5:] == [1e-3] * (STEPS - 5)
        return
    assert found[11] == pytest.approx(0.5e-3)
    early = {"linear": 10 / 12, "cosine": 0.933}[scheduler]
    assert found[7] == pytest.approx(early * 1e-3, rel=1e-3)
    assert found[-1] < 0.1e-3


def test_weights_decay(toy: Path, tmp_path: Path) -> None:
    """What no text touches shrinks by the rate times the decay at each step, biases excepted."""
    model, before, log = trained(toy, tmp_path, weight_decay=0.5, learning_rate=1e-2)
    shrunk = 1.0
    for rate in rates(log):
        shrunk *= 1 - rate * 0.5
    table = "bert.embeddings.word_embeddings.weight"
    unread = tiny_hub_tokenizer().mask_token_id
    found = model.state_dict()[table][unread]
    assert torch.allclose(found, before[table][unread] * shrunk, rtol=1e-4)
    assert shrunk < 0.97
    kept = trained(toy, tmp_path, weight_decay=0.0, learning_rate=1e-2)[0].state_dict()[table]
    assert torch.equal(kept[unread], before[table][unread])


def test_gradients_are_cut(toy: Path, tmp_path: Path) -> None:
    """Cut to nearly nothing they move nearly nothing, however high the rate."""

    def moved(most: float) -> float:
        model, before, log = trained(toy, tmp_path, max_grad_norm=most, weight_decay=0.0)
        assert max(row["grad_norm"] for row in log) > 0.05  # logged as it was before the cut
        after = model.state_dict()
        return max(float((after[name] - before[name]).abs().max()) for name in after)

    # Adam divides by the gradient's size, and by its epsilon of 1e-8.
    assert moved(1e-12) < 1e-4 < 1e-2 < moved(1.0)


class Dtypes(TrainerCallback):
    """Notes in what a model's last layer multiplies while it trains."""

    def __init__(self) -> None:
        self.found: set[torch.dtype] = set()

    def on_train_begin(
        self,
        args: TrainingArguments,  # noqa: ARG002  the Trainer passes it
        state: TrainerState,  # noqa: ARG002
        control: TrainerControl,  # noqa: ARG002
        **known: Any,
    ) -> None:
        """Called by the Trainer."""

        def note(module: torch.nn.Module, _: Any, output: torch.Tensor) -> None:
            if module.training:
                self.found.add(output.dtype)

        known["model"].classifier.register_forward_hook(note)


@pytest.mark.parametrize(
    ("precision", "dtype"), [("fp32", torch.float32), ("bf16", torch.bfloat16)]
)
def test_precision_is_that_of_the_matrices(
    toy: Path, tmp_path: Path, precision: str, dtype: torch.dtype
) -> None:
    """Products are in what the recipe says; weights stay what they are."""
    recipe = teacher_recipe(toy, training__precision=precision, training__epochs=0.1)
    job = prepare(recipe, tmp_path / "run", keep=False)
    dtypes = Dtypes()
    job.trainer.add_callback(dtypes)
    job.trainer.train()
    assert dtypes.found == {dtype}
    assert next(job.model.parameters()).dtype == torch.float32


@pytest.mark.parametrize(("fast", "expected"), [(True, "bf16"), (False, "fp32")])
def test_precision_by_the_machine(
    toy: Path, monkeypatch: pytest.MonkeyPatch, fast: bool, expected: str
) -> None:
    """`auto` is bfloat16 where the machine is fast at it, and of encoders alone."""
    monkeypatch.setattr(training.loop.schedule, "fast_bf16", lambda: fast)
    recipe = teacher_recipe(toy, training__precision="auto")
    assert resolved(recipe, 100, None).training.precision == expected
    spec = {"teacher": "unread"}
    nano = parse_recipe(changed(STUDENT, training__precision="auto", distillation=spec), "test")
    assert nano.model.architecture != "encoder"
    assert resolved(nano, 100, None).training.precision == "fp32"


@pytest.mark.parametrize(
    ("width", "rate"), [(64, 3e-4), (384, 1.4e-4), (768, 5e-5), (1024, 3.2e-5), (4096, 2e-5)]
)
def test_rate_follows_the_width(toy: Path, width: int, rate: float) -> None:
    """A narrow encoder learns by larger steps, within bounds; a rate that is given is kept."""
    model = BertModel(
        BertConfig(
            vocab_size=8,
            hidden_size=width,
            num_hidden_layers=1,
            num_attention_heads=1,
            intermediate_size=8,
        )
    )
    recipe = teacher_recipe(toy, training__learning_rate=None)
    assert resolved(recipe, 100, model).training.learning_rate == rate
    assert resolved(teacher_recipe(toy), 100, model) == teacher_recipe(toy)


@pytest.mark.parametrize(
    ("rows", "steps", "epochs", "evaluations"),
    [
        (400, None, 60.0, 0.1667),
        (5_400, None, 24.0, 0.4167),
        (67_000, None, 3.0, 3.3333),
        (200_000, None, 2.0, 5.0),
        (1_600_000, None, 1.0, 10.0),
        (6_400, 300, 3.0, 3.3333),
    ],
)
def test_epochs_follow_the_size(
    toy: Path, rows: int, steps: int | None, epochs: float, evaluations: float
) -> None:
    """Few texts are read often and very many once, and a run has ten evaluations either way."""
    recipe = teacher_recipe(
        toy, training__epochs=None, training__steps=steps, training__batch_size=64
    )
    found = resolved(recipe, rows, None).training
    assert (found.epochs, found.steps) == (epochs, None)
    assert found.evaluations_per_epoch == evaluations
    arguments = trainer_arguments(resolved(recipe, rows, None), Path("run"), rows, keep=True)
    total = epochs * -(-rows // 64)
    assert total == pytest.approx(10 * (arguments.eval_steps or 0), rel=0.1)


def test_an_altered_copy_is_no_other_text() -> None:
    """Three readings are of texts: where each has three copies, they take fewer epochs of all."""
    recipe = load_recipe(RECIPES / "student-layers.toml")
    altered = with_values(recipe, {"distillation.augmentation.copies": 3})
    assert resolved(recipe, 60_000, None).training.epochs == 3
    assert resolved(altered, 60_000, None).training.epochs == 1


@pytest.mark.parametrize(
    ("rows", "evaluations", "steps", "logging"),
    [(1080, 1, 54, 5), (1080, 2, 27, 2), (100, 1, 5, 1), (20, 1, 1, 1), (20, 4, 1, 1)],
)
def test_evaluations_checkpoints_and_logs_follow_the_steps(
    toy: Path, tmp_path: Path, rows: int, evaluations: int, steps: int, logging: int
) -> None:
    """Every so many steps of the epoch's, and ten logs between two evaluations; no less than 1."""
    recipe = teacher_recipe(
        toy, training__batch_size=20, training__evaluations_per_epoch=evaluations
    )
    found = trainer_arguments(recipe, tmp_path, rows, keep=True)
    assert (found.eval_steps, found.save_steps, found.logging_steps) == (steps, steps, logging)
    assert (found.save_strategy, found.save_total_limit, found.disable_tqdm) == ("steps", 2, False)
    assert not found.remove_unused_columns  # the teacher's logits are one
    quiet = trainer_arguments(recipe, tmp_path, rows, keep=False)
    assert (quiet.save_strategy, quiet.disable_tqdm) == ("no", True)


def test_what_is_given_is_kept(toy: Path, tmp_path: Path) -> None:
    """Epochs, or evaluations, that a recipe gives are not counted; the copy says what ran."""
    assert resolved(teacher_recipe(toy), 10**6, None) == teacher_recipe(toy)
    recipe = teacher_recipe(
        toy, training__epochs=None, training__steps=20, training__evaluations_per_epoch=3
    )
    assert resolved(recipe, 10**6, None).training.evaluations_per_epoch == 3
    metrics = run_recipe(recipe, tmp_path / "teacher")
    copied = load_recipe(tmp_path / "teacher" / "recipe.toml")
    assert (copied.training.epochs, copied.training.steps) == (1.0, None)
    assert (metrics["steps"], metrics["recipe_sha256"]) == (22, copied.sha256)
    with pytest.raises(RecipeError, match="give epochs or steps, not both"):
        teacher_recipe(toy, training__steps=5)


@pytest.mark.parametrize(
    ("table", "message"),
    [
        ({"adam_beta3": 0.9}, "trainer.adam_beta3: .*has none; near it are adam_beta"),
        ({"qqq": 1}, r"trainer\.qqq: transformers\.TrainingArguments has none$"),
        ({"learning_rate": 1}, r"learning_rate: the recipe decides it by training\.learning_rate"),
        ({"dataloader_drop_last": True}, r"trainer\.dataloader_drop_last: the recipe decides it"),
        ({"prediction_loss_only": True}, r"decides it by training\.choose_by"),
        ({"eval_do_concat_batches": False}, r"decides it by training\.choose_by"),
        ({"batch_eval_metrics": True}, r"decides it by training\.choose_by"),
        ({"optim": "adamw_bnb_8bit"}, r"trainer\.optim: .*bitsandbytes"),
        ({"max_steps": 9}, r"trainer\.max_steps: the recipe decides it"),
        ({"optim": "nonsense"}, r"\[trainer\] cannot be passed on: .*nonsense"),
        ({"gradient_accumulation_steps": 0}, r"gradient_accumulation_steps: .* from 1 on, not 0"),
        (
            {"gradient_accumulation_steps": "x"},
            r"gradient_accumulation_steps: .* from 1 on, not 'x",
        ),
        ({"report_to": "nothing"}, r"trainer\.report_to: nothing is not supported"),
        ({"report_to": ["none", "nothing"]}, r"trainer\.report_to: nothing is not supported"),
    ],
)
def test_what_cannot_be_passed_is_told_first(
    toy: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    table: dict[str, Any],
    message: str,
) -> None:
    """Before the data is looked for."""
    monkeypatch.setitem(sys.modules, "bitsandbytes", None)
    recipe = teacher_recipe(toy, trainer=table, data__train="absent.tsv")
    with pytest.raises(RecipeError, match=message):
        run_recipe(recipe, tmp_path / "teacher")


def test_the_trainers_own_arguments_are_reached(toy: Path, tmp_path: Path) -> None:
    """They are passed as they are; a batch added up from several counts as one step."""
    table = {"adam_beta2": 0.9, "logging_steps": 3, "gradient_accumulation_steps": 2}
    recipe = parse_recipe(tomllib.loads(teacher_recipe(toy, trainer=table).to_toml()), "read back")
    arguments = trainer_arguments(recipe, tmp_path, 320, keep=False)
    assert {name: getattr(arguments, name) for name in table} == table
    assert arguments.eval_steps == 5
    assert arguments.report_to == []
    check_trackers("none")
    assert not set(DECIDED) - set(vars(arguments)) - {"warmup_ratio"}


@pytest.mark.parametrize("path", sorted(RECIPES.glob("*.toml")), ids=lambda path: path.stem)
def test_shipped_recipes_may_be_run(path: Path) -> None:
    """Whatever their task is: by which metric the best is chosen is not the table's business."""
    check_trainer_table(load_recipe(path, [], {}))
