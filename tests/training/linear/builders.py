"""Recipes of linear models, and scikit-learn's own pipeline over the same words."""

from pathlib import Path
from typing import Any

from sklearn.feature_extraction.text import TfidfVectorizer

from tests.training.builders import changed
from training.recipe.recipe import Recipe, parse_recipe

LINEAR: dict[str, Any] = {
    "name": "tiny-linear",
    "data": {"choose_size": 60, "fit_size": 40, "measure_size": 1, "max_length": 64},
    "model": {"architecture": "linear"},
}


def linear_recipe(toy: Path, **changes: Any) -> Recipe:
    """Fits a linear model to `toy/train.tsv`."""
    paths = {"data__train": str(toy / "train.tsv"), "data__test": str(toy / "test.tsv")}
    return parse_recipe(changed(LINEAR, **{**paths, **changes}), "linear")


def vectorizer(longest: int, least: int = 2) -> TfidfVectorizer:
    """What a linear model should count: lower case, words between spaces, each n-gram once."""
    return TfidfVectorizer(
        tokenizer=str.split,
        token_pattern=None,
        ngram_range=(1, longest),
        min_df=least,
        binary=True,
    )
