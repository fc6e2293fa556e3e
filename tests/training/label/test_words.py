"""The words of labels, as a model's tokens: told apart, or refused."""

import numpy as np
import pytest
import torch
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers
from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

from tests.causal import LABELS, TEMPLATE, WORDS
from tests.tiny import toy_texts
from training.errors import DataError
from training.label.causal import CausalLm
from training.label.prompt import Prompt
from training.label.scorer import Scorer
from training.label.words import answers_of

PROBES = ["a film", "the plot is cold", ""]


def word_lm(*words: str) -> CausalLm:
    """A model over whole words in lower case; any other is unknown."""
    vocabulary = {word: place for place, word in enumerate(("<unk>", "Text", ":", *words))}
    tokenizer = Tokenizer(models.WordLevel(vocabulary, unk_token="<unk>"))
    tokenizer.normalizer = normalizers.Lowercase()
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    config = LlamaConfig(
        vocab_size=len(vocabulary),
        hidden_size=8,
        intermediate_size=8,
        num_hidden_layers=1,
        num_attention_heads=1,
    )
    fast = PreTrainedTokenizerFast(tokenizer_object=tokenizer, unk_token="<unk>")
    return CausalLm("words", LlamaForCausalLM(config).eval(), fast)


def test_the_first_tokens_of_words_are_chance_and_whole_words_are_not(lm: CausalLm) -> None:
    """What befell this product's origin: its student learnt from labels that were all one token.

    A word tokenised alone begins with the token that begins every text; without it, without its
    space, or with the words' common beginning, the first token is no better.
    """
    rows = toy_texts(200, 9)
    targets = np.array([LABELS.index(label) for _, label in rows])
    prompt = Prompt(TEMPLATE, LABELS, WORDS)
    ids = lm.ids([prompt.plain(text) for text, _ in rows])
    with torch.inference_mode():
        last = torch.stack([lm.model(input_ids=torch.tensor([row])).logits[0, -1] for row in ids])
    for special, space in ((True, ""), (True, " "), (False, ""), (False, " ")):
        firsts = [
            lm.tokenizer(f"{space}{word}", add_special_tokens=special)["input_ids"][0]
            for word in WORDS
        ]
        assert firsts[0] == firsts[1]
        right = (last[:, firsts].argmax(dim=1).numpy() == targets).mean()
        assert 0.4 < right < 0.6

    scorer = Scorer(lm, prompt, [text for text, _ in rows[:4]])
    scores = scorer.scores([text for text, _ in rows])
    assert (scores.argmax(axis=1) == targets).mean() > 0.75
    assert len(scorer.answers.shared) == 1  # "quite", which tells nothing


def test_a_word_is_read_with_the_space_before_it(lm: CausalLm) -> None:
    """The tokens are those that stand behind the prompt, not those of the word alone."""
    found = answers_of(lm, Prompt(TEMPLATE, LABELS, ("bad", "good")), PROBES)
    spaced = [
        lm.tokenizer(f" {word}", add_special_tokens=False)["input_ids"] for word in ("bad", "good")
    ]
    assert [list(one) for one in found.sequences] == spaced
    quoted = answers_of(lm, Prompt(TEMPLATE + ' "', LABELS, ("bad", "good")), PROBES)
    assert quoted.sequences != found.sequences  # behind an open quote there is none


def test_a_word_that_begins_another_is_told_by_its_end(lm: CausalLm) -> None:
    """Else the shorter one would be the likelier of any text."""
    found = answers_of(lm, Prompt(TEMPLATE, LABELS, ("good film", "good")), PROBES)
    assert found.closed
    one, two = found.sequences
    assert one[: len(two)] != two


def test_words_of_the_same_tokens_are_refused() -> None:
    """A tokenizer without case cannot tell words apart that differ by it."""
    with pytest.raises(DataError, match=r"same tokens.*--word positive=WORD"):
        answers_of(word_lm("good"), Prompt("{text}:", LABELS, ("Good", "good")), ["a"])


def test_an_unknown_word_is_refused() -> None:
    """Its probability would be that of all unknown words."""
    with pytest.raises(DataError, match="'terrible' of the label 'negative' is unknown"):
        answers_of(word_lm("good"), Prompt("{text}:", LABELS, ("terrible", "good")), ["a"])


def test_a_prompt_that_runs_into_the_word_is_refused() -> None:
    """A word that melts into the text before it has other tokens behind other texts."""
    pieces = ("<unk>", *"abcd(", "b(", "(a")
    vocabulary = {piece: place for place, piece in enumerate(pieces)}
    letters = Tokenizer(models.BPE(vocabulary, [("b", "("), ("(", "a")], unk_token="<unk>"))
    fast = PreTrainedTokenizerFast(tokenizer_object=letters, unk_token="<unk>")
    lm = CausalLm("letters", word_lm("good").model, fast)
    with pytest.raises(DataError, match="line of its own"):
        answers_of(lm, Prompt("{text}(", LABELS, ("a", "c")), ["b", "d"])
    found = answers_of(lm, Prompt("{text}(", LABELS, ("a", "c")), ["d", "dd"])
    assert found.dropped == 1  # "(" is another token once "a" follows
    assert found.sequences == ((vocabulary["(a"],), (vocabulary["("], vocabulary["c"]))


def test_a_prompt_that_ends_in_the_text_may_be_told_apart(lm: CausalLm) -> None:
    """A space before the word keeps it from melting into the text."""
    found = answers_of(lm, Prompt("{text}", LABELS, ("bad", "good")), [*PROBES[:2], "a good"])
    assert found.dropped == 0
