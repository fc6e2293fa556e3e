"""Prompts: a template with a place for the text, the words that answer it, and examples.

A template is text with `{text}`, of pairs `{text_pair}` too, and if wanted `{labels}`, the words
as a list ("good, bad or so-so"). The word that answers follows its end. What stands before the
last blank line above `{text}` is said once; the rest is repeated for each example. Knows no model.
"""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypedDict

from service.runtime.model import Input, Pair
from training.data.inputs import even
from training.errors import DataError
from training.recipe.models import CausalLmModel
from training.recipe.recipe import load_recipe

DEFAULT = "Classify the text as {labels}.\n\nText: {text}\nLabel:"
DEFAULT_PAIRS = "Classify the two texts as {labels}.\n\nText 1: {text}\nText 2: {text_pair}\nLabel:"
PLACES = re.compile(r"\{(text|text_pair|labels)\}")
BLANK_LINE = re.compile(r"\n[^\S\n]*\n")
BETWEEN = "\n\n"  # examples
OPENING = ('"', "'", "(", "[", "{", "<", "`", "“", "«", "„")


class Message(TypedDict):
    """A turn of a chat, as chat templates and endpoints have it."""

    role: str
    content: str


@dataclass(frozen=True)
class Shot:
    """An example: a text and the word that answers it."""

    text: Input
    word: str


@dataclass(frozen=True)
class Prompt:
    """What a model is asked of each text.

    Attributes:
        template: see the module.
        labels: in the order of the probabilities.
        words: that answer, one a label; of one word or several.
        shots: examples that stand before the text.
        chat: ask in turns of a chat, and not as a text to go on with.
    """

    template: str
    labels: tuple[str, ...]
    words: tuple[str, ...]
    shots: tuple[Shot, ...] = ()
    chat: bool = False

    def __post_init__(self) -> None:
        if "{text}" not in self.template:
            raise DataError("the prompt has no {text}: put it where the text shall stand")
        if len(self.labels) < 2:
            raise DataError("two labels or more are needed: name them by --word, or give --few")
        for label, word in zip(self.labels, self.words, strict=True):
            if not word.strip():
                raise DataError(f"the word of {label!r} is empty: give one by --word {label}=WORD")

    @property
    def pairs(self) -> bool:
        """Whether it asks of pairs of texts."""
        return "{text_pair}" in self.template

    @property
    def joint(self) -> str:
        """What stands between the template and the word: a space, after an open quote nothing."""
        return "" if self.template.rstrip().endswith(OPENING) else " "

    @property
    def fingerprinted(self) -> str:
        """All that it says, as one string."""
        shots = [(list(_halves(shot.text)), shot.word) for shot in self.shots]
        return json.dumps([self.template, self.labels, self.words, shots, self.chat])

    def plain(self, text: Input) -> str:
        """The prompt of a text up to its word, for a model that goes on with what it reads."""
        head, block = self._parts()
        shots = [f"{self._filled(block, shot.text)}{self.joint}{shot.word}" for shot in self.shots]
        return BETWEEN.join([*([head] if head else []), *shots, self._filled(block, text)])

    def turns(self, text: Input) -> list[Message]:
        """The same as turns of a chat; the word is the next turn, the assistant's."""
        head, block = self._parts()
        turns: list[Message] = []
        for shot in self.shots:
            turns.append({"role": "user", "content": self._filled(block, shot.text)})
            turns.append({"role": "assistant", "content": shot.word})
        turns.append({"role": "user", "content": self._filled(block, text)})
        if head:
            turns[0]["content"] = f"{head}{BETWEEN}{turns[0]['content']}"
        return turns

    def _parts(self) -> tuple[str, str]:
        """What is said once, and what is repeated for each text."""
        whole = self.template.rstrip()
        blanks = list(BLANK_LINE.finditer(whole, 0, whole.index("{text}")))
        if not blanks:
            return "", self._with_labels(whole)
        last = blanks[-1]
        head = self._with_labels(whole[: last.start()]).strip("\n")
        return head, self._with_labels(whole[last.end() :])

    def _with_labels(self, part: str) -> str:
        *most, last = self.words
        return part.replace("{labels}", f"{', '.join(most)} or {last}")

    def _filled(self, block: str, text: Input) -> str:
        first, second = (*_halves(even(text)), "")[:2]
        values = {"text": first, "text_pair": second, "labels": "{labels}"}
        # In one pass: what looks like a place in a text is text.
        return PLACES.sub(lambda found: values[found[1]], block)


def as_input(text: str, prompt: Prompt) -> Input:
    """A text as the prompt asks of: a pair of it with itself, where it asks of pairs."""
    return Pair(text, text) if prompt.pairs else text


def read_template(path: Path) -> str:
    """A template's file.

    Raises:
        DataError: it is not there, or no UTF-8.
    """
    try:
        found = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(f"no prompt can be read at {path}: {error}") from error
    if "{label}" in found or "{word}" in found:
        raise DataError(
            f"{path}: the word that answers follows the end of the prompt and has no place in it; "
            "{labels} is the list of all"
        )
    return found


def named_words(
    given: Mapping[str, str], labels: Sequence[str] | None
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Labels and their words; a label without one is its own word.

    Args:
        given: label -> word, as a user said.
        labels: that labelled texts have; None: those of `given`.

    Raises:
        DataError: a word is of a label that there is not.
    """
    names = tuple(given) if labels is None else tuple(labels)
    if unknown := [label for label in given if label not in names]:
        raise DataError(f"--word names {unknown}, and the labels are {list(names)}")
    return names, tuple(given.get(name, name) for name in names)


def kept_prompt(folder: Path) -> Prompt | None:
    """The prompt that an adapter was trained to answer, by its recipe; None: there is none.

    Raises:
        RecipeError: the recipe cannot be used.
    """
    path = folder / "recipe.toml"
    if not path.is_file():
        return None
    spec = load_recipe(path).model
    if not isinstance(spec, CausalLmModel) or not spec.words:
        return None
    words = spec.words
    return Prompt(spec.prompt or DEFAULT, tuple(words), tuple(words.values()), chat=spec.chat)


def _halves(text: Input) -> tuple[str, ...]:
    return (text.text, text.text_pair) if isinstance(text, Pair) else (text,)
