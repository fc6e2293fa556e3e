"""Quantisation-aware training, from before a run until after it."""

from dataclasses import dataclass, field

from transformers import (
    PreTrainedModel,
    TrainerCallback,
    TrainerControl,
    TrainerState,
    TrainingArguments,
)

from training.errors import RecipeError
from training.quantize.imitating import Imitation, logits_layer
from training.recipe.recipe import Recipe


@dataclass
class Awareness:
    """What a run knows of its INT8 file.

    Attributes:
        callbacks: that the Trainer calls.
        imitation: of its arithmetic; None: the recipe asks for none.
    """

    callbacks: list[TrainerCallback] = field(default_factory=list)
    imitation: Imitation | None = None

    def finish(self) -> None:
        """Has the model compute in FP32 again."""
        if self.imitation is not None:
            self.imitation.remove()
            self.imitation = None


class Switch(TrainerCallback):
    """Switches an imitation on when a share of the steps is done.

    The checkpoint that is kept is one from after it, by its scores in the arithmetic of INT8.
    """

    def __init__(self, imitation: Imitation, start: float) -> None:
        self._imitation = imitation
        self._start = start

    def on_step_begin(
        self,
        args: TrainingArguments,  # noqa: ARG002  the Trainer passes it
        state: TrainerState,
        control: TrainerControl,  # noqa: ARG002
        **_: object,
    ) -> None:
        """Switches it on at its step, and in a run that is resumed after it."""
        due = min(int(self._start * state.max_steps), state.max_steps - 1)
        if state.global_step == due:
            # What was best before was so in another arithmetic.
            state.best_metric = state.best_global_step = None
            state.best_model_checkpoint = None
        self._imitation.on = state.global_step >= due


def be_aware(recipe: Recipe, model: PreTrainedModel) -> Awareness:
    """Makes a model ready to learn in the arithmetic of INT8, where its recipe asks for it.

    It is called when the model has the layers that it will be saved with.
    """
    spec = recipe.quantization
    if spec is None or not spec.aware:
        return Awareness()
    imitation = Imitation(model, logits_layer(model))
    return Awareness([Switch(imitation, spec.start)], imitation)


def refuse_aware(recipe: Recipe, what: str) -> None:
    """Raises RecipeError where a recipe asks for what is not there for its task.

    Args:
        what: is trained, in the plural.
    """
    if recipe.quantization is not None and recipe.quantization.aware:
        raise RecipeError(
            f"quantization.aware is of classifiers of texts, and not yet of {what}: leave it out"
        )
