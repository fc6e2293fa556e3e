"""Scores of whole words, in one pass and by a shared prefix, are those of the words alone."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from transformers import MambaConfig, MambaForCausalLM

from service.runtime.model import Pair
from tests.causal import CONTEXT, LABELS, TEMPLATE, WORDS, causal_checkpoint, causal_tokenizer
from tests.tiny import tiny_encoder_checkpoint, toy_texts
from training.errors import CheckpointError, DataError
from training.label.causal import CausalLm, load_causal
from training.label.prompt import Prompt, Shot
from training.label.scorer import Scorer
from training.label.words import prompt_ids, rendered

TEXTS = [text for text, _ in toy_texts(12, 5)] + ["", "a", "warm " * 30]
MANY = ("bad", "bad film", "quite good", "a moving plot", "quite bad of the cast")


def expected(lm: CausalLm, prompt: Prompt, text: str, end: str) -> list[float]:
    """The log-probability of each word and its end behind the prompt, read as one text."""
    found = []
    before = rendered(lm, prompt, text)
    joint = "" if prompt.chat else " "
    whole = [prompt_ids(lm, prompt, [f"{before}{joint}{word}{end}"])[0] for word in prompt.words]
    begin = len(prompt_ids(lm, prompt, [before])[0])
    for ids in whole:
        with torch.inference_mode():
            logits = lm.model(input_ids=torch.tensor([ids])).logits[0]
        log = torch.log_softmax(logits, dim=-1)
        found.append(sum(float(log[at - 1, ids[at]]) for at in range(begin, len(ids))))
    return found


@pytest.mark.parametrize("chat", [False, True])
@pytest.mark.parametrize("shots", [0, 3])
def test_one_pass_says_what_each_word_alone_says(lm: CausalLm, shots: int, chat: bool) -> None:
    """Words of several tokens, one of which begins another; texts of every length."""
    examples = tuple(Shot(text, MANY[n]) for n, (text, _) in enumerate(toy_texts(shots, 6)))
    prompt = Prompt(TEMPLATE, tuple("abcde"), MANY, examples, chat)
    scorer = Scorer(lm, prompt, TEXTS[:3])
    assert scorer.in_one_pass
    assert scorer.answers.closed
    scores = scorer.scores(TEXTS)
    wanted = [expected(lm, prompt, text, "</s>" if chat else "\n\n") for text in TEXTS]
    assert np.abs(scores - wanted).max() < 1e-3
    alone = np.concatenate([scorer.scores([text]) for text in TEXTS])
    assert np.abs(scores - alone).max() < 1e-4


def test_what_prompts_share_is_read_once(lm: CausalLm) -> None:
    """No text goes through the model with its instructions and examples again."""
    examples = tuple(Shot(text, WORDS[0]) for text, _ in toy_texts(4, 6))
    prompt = Prompt(TEMPLATE, LABELS, WORDS, examples)
    scorer = Scorer(lm, prompt, TEXTS[:2])
    widths: list[int] = []

    def keep(_: Any, __: Any, named: dict[str, Any]) -> None:
        widths.append(named["input_ids"].shape[1])

    handle = lm.model.register_forward_pre_hook(keep, with_kwargs=True)
    try:
        for text in ("a film", "the plot is cold", "a warm scene"):
            scorer.scores([text])
    finally:
        handle.remove()
    (whole,) = prompt_ids(lm, prompt, [rendered(lm, prompt, "")])
    assert len(widths) == 3
    assert max(widths) < len(whole) / 4


def test_pairs_are_asked_of(lm: CausalLm) -> None:
    """Both texts are in the prompt."""
    prompt = Prompt("One: {text}\nTwo: {text_pair}\nLabel:", LABELS, WORDS)
    scorer = Scorer(lm, prompt, [Pair("a film", "a plot")])
    one, two, three = scorer.scores([Pair("a", "b c"), Pair("a", "d"), Pair("a", "b c")])
    assert not np.allclose(one, two)
    assert np.allclose(one, three, atol=1e-5)


def test_a_long_text_is_cut_to_what_the_model_reads(lm: CausalLm) -> None:
    """To --max-length, or to what the prompt leaves of the context."""
    prompt = Prompt(TEMPLATE, LABELS, WORDS)
    long = "the warm film " * 400
    one, other = Scorer(lm, prompt, ["a"], max_length=9).scores([long, "the warm film " * 3])
    assert np.allclose(one, other, atol=1e-4)
    assert np.isfinite(Scorer(lm, prompt, ["a"]).scores([long])).all()


def test_a_prompt_that_leaves_no_room_is_refused(lm: CausalLm) -> None:
    """Before any text is read."""
    prompt = Prompt("film " * CONTEXT + TEMPLATE, LABELS, WORDS)
    with pytest.raises(DataError, match="fewer --shots"):
        Scorer(lm, prompt, ["a"])


def test_a_model_without_attention_is_asked_word_by_word(tmp_path: Path) -> None:
    """One pass over all words would let each see those before it."""
    tokenizer = causal_tokenizer()
    config = MambaConfig(
        vocab_size=len(tokenizer), hidden_size=16, num_hidden_layers=1, state_size=4
    )
    MambaForCausalLM(config).save_pretrained(tmp_path)
    tokenizer.save_pretrained(tmp_path)
    lm = load_causal(str(tmp_path))
    prompt = Prompt(TEMPLATE, LABELS, WORDS)
    scorer = Scorer(lm, prompt, TEXTS[:2])
    assert not scorer.in_one_pass
    assert np.abs(scorer.scores(TEXTS[:2])[0] - scorer.scores(TEXTS[:1])[0]).max() < 1e-4


def test_an_encoder_is_refused(tmp_path: Path) -> None:
    """Transformers would read it as a language model, and it sees what it shall foretell."""
    tiny_encoder_checkpoint(tmp_path / "encoder")
    with pytest.raises(CheckpointError, match="no causal language model"):
        load_causal(str(tmp_path / "encoder"))


def test_the_tokenizer_of_another_model_is_refused(tmp_path: Path) -> None:
    """Its ids are beyond the model's."""
    causal_checkpoint(tmp_path)
    causal_tokenizer().save_pretrained(tmp_path)
    more = causal_tokenizer()
    more.add_tokens(["<more>"])
    more.save_pretrained(tmp_path)
    with pytest.raises(CheckpointError, match="do not belong together"):
        load_causal(str(tmp_path))


def test_what_is_not_there_is_said(tmp_path: Path) -> None:
    """By its name, whatever it would have been."""
    for name in ("none", "none.gguf"):
        with pytest.raises(CheckpointError, match=name):
            load_causal(str(tmp_path / name))
