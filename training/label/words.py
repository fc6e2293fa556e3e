"""The words of labels as a model's own tokens, and whether these tell the labels apart.

A word is read where it will stand, behind the prompt: alone, many tokenizers give it other tokens,
or one that begins every word, by which no label is told from another. Whole sequences count, so
words may begin alike; a word that begins another is told from it by how it ends.
"""

import itertools
from collections.abc import Sequence
from dataclasses import dataclass

from service.runtime.model import Input
from training.errors import DataError
from training.label.causal import CausalLm
from training.label.prompt import BETWEEN, Prompt

Ids = tuple[int, ...]


@dataclass(frozen=True)
class Answers:
    """What the model may answer, in tokens.

    Attributes:
        sequences: of each label, behind the prompt's own tokens.
        dropped: tokens at the prompt's end that became other ones once a word followed.
        shared: tokens with which every answer begins; they tell nothing.
        closed: whether an end belongs to each, since one word begins another.
    """

    sequences: tuple[Ids, ...]
    dropped: int
    shared: Ids
    closed: bool

    @property
    def lengths(self) -> list[int]:
        """Tokens of each."""
        return [len(one) for one in self.sequences]


def rendered(lm: CausalLm, prompt: Prompt, text: Input) -> str:
    """The prompt of a text, in the model's chat template where `prompt` asks for a chat."""
    if not prompt.chat:
        return prompt.plain(text)
    turns = [{"role": turn["role"], "content": turn["content"]} for turn in prompt.turns(text)]
    found = lm.tokenizer.apply_chat_template(turns, tokenize=False, add_generation_prompt=True)
    return str(found)


def prompt_ids(lm: CausalLm, prompt: Prompt, texts: Sequence[str]) -> list[list[int]]:
    """Token ids of rendered prompts; a chat template writes its own beginning."""
    return lm.ids(texts, begins=not prompt.chat)


def answers_of(lm: CausalLm, prompt: Prompt, probes: Sequence[Input]) -> Answers:
    """The tokens of each label's word behind the prompt.

    Args:
        probes: texts to look at them with; behind each they have to be the same.

    Raises:
        DataError: the tokenizer does not tell the labels apart, or not behind every text.
    """
    prompts = [rendered(lm, prompt, probe) for probe in probes]
    found = _answers(lm, prompt, prompts, "")
    if _begins_another(found.sequences):
        found = _answers(lm, prompt, prompts, _end(lm, prompt), closed=True)
    _refuse_alike(lm, prompt, found.sequences)
    return found


def _answers(
    lm: CausalLm, prompt: Prompt, prompts: Sequence[str], end: str, *, closed: bool = False
) -> Answers:
    joint = "" if prompt.chat else prompt.joint
    found = set()
    for before in prompts:
        (asked,) = prompt_ids(lm, prompt, [before])
        whole = prompt_ids(lm, prompt, [f"{before}{joint}{word}{end}" for word in prompt.words])
        common = shared_length([*whole, asked] if len(whole) == 1 else whole)
        kept = min(common, shared_length([asked, whole[0]]))
        shared = tuple(whole[0][kept:common])
        sequences = tuple(tuple(ids[common:]) for ids in whole)
        found.add(Answers(sequences, len(asked) - kept, shared, closed))
    if len(found) > 1:
        raise DataError(
            "the words of labels have other tokens behind other texts, for the prompt ends in the "
            'text or right behind it: end it in a line of its own, such as "Label:"'
        )
    return found.pop()


def _end(lm: CausalLm, prompt: Prompt) -> str:
    """What ends an answer: the next example's distance, or the end of the assistant's turn."""
    if not prompt.chat:
        return BETWEEN
    turns = [{"role": "user", "content": "a"}, {"role": "assistant", "content": "\x00"}]
    said = str(lm.tokenizer.apply_chat_template(turns, tokenize=False))
    return said.rsplit("\x00", 1)[-1] or str(lm.tokenizer.eos_token or BETWEEN)


def _begins_another(sequences: Sequence[Ids]) -> bool:
    distinct = sorted(set(sequences))
    return any(two[: len(one)] == one for one, two in itertools.pairwise(distinct))


def _refuse_alike(lm: CausalLm, prompt: Prompt, sequences: Sequence[Ids]) -> None:
    """Refuses words that the model's tokenizer does not tell apart, or does not know."""
    unknown = lm.tokenizer.unk_token_id
    by_tokens: dict[Ids, int] = {}
    for place, ids in enumerate(sequences):
        label, word = prompt.labels[place], prompt.words[place]
        hint = f"give it another by --word {label}=WORD"
        if unknown is not None and unknown in ids:
            raise DataError(
                f"the word {word!r} of the label {label!r} is unknown to the tokenizer of "
                f"{lm.source}: {hint}"
            )
        other = by_tokens.setdefault(ids, place)
        if other != place:
            raise DataError(
                f"the words {prompt.words[other]!r} of the label {prompt.labels[other]!r} and "
                f"{word!r} of {label!r} are the same tokens to the model at {lm.source}, which "
                f"cannot tell these labels apart: {hint}"
            )


def shared_length(rows: Sequence[Sequence[int]]) -> int:
    """With how many equal items all rows begin."""
    low, high = min(map(tuple, rows)), max(map(tuple, rows))
    return next(
        (place for place, (one, two) in enumerate(zip(low, high, strict=False)) if one != two),
        min(len(low), len(high)),
    )
