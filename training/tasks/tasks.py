"""Which task a recipe is of, and what makes its training ready."""

from pathlib import Path

from training.errors import RecipeError
from training.problem import Task
from training.recipe.models import CausalLmModel, LinearModel
from training.recipe.recipe import Recipe
from training.tasks.answering import prepare as prepare_answering
from training.tasks.classification import prepare as prepare_classification
from training.tasks.embedding import prepare as prepare_embedding
from training.tasks.job import Job, Prepare
from training.tasks.linear import prepare as prepare_linear
from training.tasks.tagging import prepare as prepare_tagging
from training.teach.teachers.opening import task_of_teacher

TASKS: dict[Task, Prepare] = {
    "text-classification": prepare_classification,
    "feature-extraction": prepare_embedding,
    "token-classification": prepare_tagging,
}


def prepare(recipe: Recipe, run: Path, *, keep: bool = True) -> Job:
    """Makes a recipe ready, by its task; see `Prepare`.

    Raises:
        RecipeError: there is no training of such a task.
    """
    task = task_of_recipe(recipe)
    if isinstance(recipe.model, LinearModel):
        if task != "text-classification":
            raise RecipeError(
                f"a linear model labels whole texts, and the recipe is for {task}: take another "
                "model.architecture"
            )
        return prepare_linear(recipe, run, keep=keep)
    if isinstance(recipe.model, CausalLmModel):
        if task != "text-classification":
            raise RecipeError(f"a causal-lm is trained for text-classification, not for {task}")
        return prepare_answering(recipe, run, keep=keep)
    if task not in TASKS:
        raise RecipeError(f"there is no training for {task}: there is for {', '.join(TASKS)}")
    return TASKS[task](recipe, run, keep=keep)


def refuse_resume(recipe: Recipe) -> None:
    """Raises RecipeError where nothing of an unfinished run is kept."""
    if isinstance(recipe.model, LinearModel):
        raise RecipeError(
            "a linear model is fitted in one go, and leaves nothing to go on from: run it again "
            "without --resume"
        )


def task_of_recipe(recipe: Recipe) -> Task:
    """What the recipe says, else what its first teacher is for, else text classification.

    Raises:
        CheckpointError: the teacher is not there.
    """
    if recipe.task is not None:
        return recipe.task
    if recipe.distillation is None:
        return "text-classification"
    return task_of_teacher(recipe.distillation.teachers[0])
