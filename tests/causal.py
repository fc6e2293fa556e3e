"""A tiny causal language model of the tests' own making, taught to answer of toy texts."""

from collections.abc import Sequence
from pathlib import Path

import torch
from tokenizers import Tokenizer, models, pre_tokenizers, processors, trainers
from tokenizers.decoders import ByteLevel
from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

from tests.tiny import toy_texts
from training.label.prompt import BETWEEN, Prompt

TEMPLATE = "Tell whether it is good.\n\nText: {text}\nLabel:"
LABELS = ("negative", "positive")
WORDS = ("quite bad", "quite good")  # which begin with the same token
CONTEXT = 256
CHAT = (
    "{% for m in messages %}<{{ m.role }}>{{ m.content }}</s>{% endfor %}"
    "{% if add_generation_prompt %}<assistant>{% endif %}"
)


def causal_tokenizer(extra: Sequence[str] = ()) -> PreTrainedTokenizerFast:
    """Bytes and the toy texts' words, each with its leading space, behind a token that begins."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=600,
        special_tokens=["<s>", "</s>"],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    lines = [f"Text: {text}\nLabel: {word}\n\n" for text, _ in toy_texts(300, 3) for word in WORDS]
    tokenizer.train_from_iterator([*lines, *extra], trainer)
    tokenizer.post_processor = processors.TemplateProcessing(
        single="<s> $A", special_tokens=[("<s>", 0)]
    )
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, bos_token="<s>", eos_token="</s>", chat_template=CHAT
    )


def causal_checkpoint(
    directory: Path, steps: int = 0, *, words: Sequence[str] = WORDS, seed: int = 0
) -> Path:
    """Saves a model that was taught for some steps to answer by `words`; returns `directory`."""
    torch.manual_seed(seed)
    tokenizer = causal_tokenizer()
    config = LlamaConfig(
        vocab_size=len(tokenizer),
        hidden_size=32,
        intermediate_size=64,
        num_hidden_layers=2,
        num_attention_heads=2,
        num_key_value_heads=1,
        max_position_embeddings=CONTEXT,
        bos_token_id=0,
        eos_token_id=1,
        initializer_range=0.1,
    )
    model = LlamaForCausalLM(config)
    if steps:
        _teach(model, tokenizer, words, steps)
    model.save_pretrained(directory)
    tokenizer.save_pretrained(directory)
    return directory


def _teach(
    model: LlamaForCausalLM, tokenizer: PreTrainedTokenizerFast, words: Sequence[str], steps: int
) -> None:
    prompt = Prompt(TEMPLATE, LABELS, tuple(words))
    rows = toy_texts(steps * 16, 4)
    optimizer = torch.optim.AdamW(model.parameters(), lr=5e-3)
    for step in range(steps):
        part = rows[step * 16 : (step + 1) * 16]
        asked = [tokenizer(prompt.plain(text))["input_ids"] for text, _ in part]
        ends = [f" {words[LABELS.index(label)]}{BETWEEN}" for _, label in part]
        answers = [tokenizer(end, add_special_tokens=False)["input_ids"] for end in ends]
        width = max(len(one) + len(two) for one, two in zip(asked, answers, strict=True))
        ids = torch.zeros((len(part), width), dtype=torch.long)
        labels = torch.full((len(part), width), -100)
        for row, (one, two) in enumerate(zip(asked, answers, strict=True)):
            ids[row, : len(one) + len(two)] = torch.tensor([*one, *two])
            labels[row, len(one) : len(one) + len(two)] = torch.tensor(two)
        loss = model(input_ids=ids, labels=labels).loss
        loss.backward()
        optimizer.step()
        optimizer.zero_grad()
