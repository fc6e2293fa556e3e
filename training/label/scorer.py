"""The log-probability of each label's word behind the prompt of a text, by a causal model.

Whole words count, all their tokens. The part of the prompt that all texts share is computed once;
a text and all answers go through the model in one pass. Where a model does not say the same in one
pass as in many, as some architectures do not, every answer is computed by itself.
"""

import copy
import hashlib
import inspect
from collections.abc import Sequence
from functools import cached_property

import numpy as np
import torch
from tqdm.auto import tqdm
from transformers import DynamicCache

from service.runtime.model import Input
from training.data.inputs import changed
from training.errors import DataError
from training.label.causal import CausalLm
from training.label.layout import Tree, lay_out, tree_of
from training.label.prompt import Prompt, as_input
from training.label.words import Answers, answers_of, prompt_ids, rendered, shared_length
from training.teach.logits import batches_by_length
from training.teach.teachers.store import Logits
from training.telling import tell

CONTENT_FREE = ("N/A", "", "[MASK]")  # Zhao et al. 2021, arXiv:2102.09690, section 5
MOST_ROWS = 64
MOST_TOKENS = 4_096  # of a batch, answers and padding counted
MOST_CACHED = 65_536  # tokens that rows hold of the shared prefix
CHECKED = 3  # texts that are scored both ways before the others
CLOSE = {"fp32": 0.002, "bf16": 0.1}  # part of a log-probability and 1, by precision
LEAST_TEXT = 16  # tokens that have to be left for a text


class Scorer:
    """Scores the labels of texts.

    Args:
        lm: the model, where it shall compute.
        prompt: what it is asked.
        probes: some of the texts, by which words and passes are checked.
        max_length: the most tokens of a text that are read.

    Raises:
        DataError: the model's tokenizer does not tell the labels apart, or the prompt is too long.
    """

    def __init__(
        self, lm: CausalLm, prompt: Prompt, probes: Sequence[Input], max_length: int = 512
    ) -> None:
        self._lm, self._prompt = lm, prompt
        free = [as_input(text, prompt) for text in CONTENT_FREE]
        self.answers: Answers = answers_of(lm, prompt, [*free, *probes])
        self._tree: Tree = tree_of(self.answers.sequences)
        self._most = self._room(max_length)
        self._prefix: tuple[tuple[int, ...], DynamicCache | None] = ((), None)
        self.in_one_pass = self._agrees([*probes[:CHECKED], *free])

    @property
    def name(self) -> str:
        """As a user named the model."""
        return self._lm.source

    @property
    def lengths(self) -> list[int]:
        """Tokens of each label's word."""
        return self.answers.lengths

    @cached_property
    def fingerprint(self) -> str:
        """Hash of all that the log-probabilities depend on."""
        parts = f"{self._lm.fingerprint} {self._prompt.fingerprinted} {self._most} 1"
        return hashlib.sha256(parts.encode()).hexdigest()

    def content_free(self) -> Logits:
        """The scores of inputs that say nothing, (inputs, labels)."""
        return self.scores([as_input(text, self._prompt) for text in CONTENT_FREE])

    def scores(self, texts: Sequence[Input], bar: "tqdm[None] | None" = None) -> Logits:
        """The log-probability of each label's whole word, (texts, labels), in their order.

        Args:
            bar: a progress bar to move on by the texts done.
        """
        rows = self.prompts(texts)
        found = np.empty((len(rows), len(self._prompt.labels)), dtype=np.float32)
        prefix = self._shared(rows) if self.in_one_pass else 0
        cache = self._held(rows[0][:prefix])
        lengths = [len(row) - prefix + len(self._tree.tokens) for row in rows]
        most = min(MOST_ROWS, max(1, MOST_CACHED // max(prefix, 1)))
        for places in batches_by_length(lengths, most, MOST_TOKENS):
            part = [rows[place] for place in places]
            if self.in_one_pass:
                found[places] = self._one_pass([row[prefix:] for row in part], prefix, cache)
            else:
                found[places] = [self._alone(row) for row in part]
            if bar is not None:
                bar.update(len(places))
        return found

    def prompts(self, texts: Sequence[Input]) -> list[list[int]]:
        """Token ids of the prompts, up to where answers begin to differ."""
        short = [changed(text, lambda half: self._lm.cut(half, self._most)) for text in texts]
        whole = [rendered(self._lm, self._prompt, text) for text in short]
        dropped, shared = self.answers.dropped, self.answers.shared
        return [
            [*ids[: len(ids) - dropped], *shared]
            for ids in prompt_ids(self._lm, self._prompt, whole)
        ]

    def _room(self, max_length: int) -> int:
        """The most tokens of a text that fit beside the prompt."""
        free = rendered(self._lm, self._prompt, as_input("", self._prompt))
        (asked,) = prompt_ids(self._lm, self._prompt, [free])
        taken = len(asked) + len(self.answers.shared) + max(self.answers.lengths) + 8
        room = (self._lm.context - taken) // (2 if self._prompt.pairs else 1)
        if room < LEAST_TEXT:
            raise DataError(
                f"the prompt takes {taken} of the {self._lm.context} tokens that {self._lm.source} "
                "reads, and leaves none for the text: give fewer --shots, or a shorter prompt"
            )
        return min(max_length, room)

    def _agrees(self, probes: Sequence[Input]) -> bool:
        """Whether one pass over everything says what a pass over each answer says."""
        self.in_one_pass = True
        window = getattr(self._lm.model.config.get_text_config(), "sliding_window", None)
        rows = self.prompts(probes)
        try:
            together = self.scores(probes)
        except (RuntimeError, TypeError, ValueError, AttributeError, IndexError):
            together = np.full((len(rows), len(self._prompt.labels)), np.nan, np.float32)
        alone = np.array([self._alone(row) for row in rows])
        close = np.allclose(together, alone, *(CLOSE[self._lm.precision],) * 2)
        fits = not isinstance(window, int) or self._lm.context <= window
        if close and fits:
            return True
        tell(
            f"{self._lm.source}, a {type(self._lm.model).__name__}, is asked for each answer by "
            "itself, which takes longer: with its kind of attention, one pass would say other than "
            "it does"
        )
        return False

    def _shared(self, rows: Sequence[Sequence[int]]) -> int:
        """With how many tokens all rows begin: those that are held, where they do."""
        known, _ = self._prefix
        shortest = min(map(len, rows))
        if 0 < len(known) < shortest and all(tuple(row[: len(known)]) == known for row in rows):
            return len(known)
        return min(shared_length(rows), shortest - 1)

    @torch.inference_mode()
    def _held(self, prefix: Sequence[int]) -> DynamicCache | None:
        """What the model keeps of the shared part of prompts, computed once."""
        known, cache = self._prefix
        if known != tuple(prefix):
            cache = None
            if prefix:
                cache = DynamicCache(config=self._lm.model.config)
                ids = torch.tensor([list(prefix)], device=self._lm.device)
                self._lm.model(input_ids=ids, cache=cache, use_cache=True, **self._last(1))
            self._prefix = tuple(prefix), cache
        return cache

    @torch.inference_mode()
    def _one_pass(
        self, rows: Sequence[Sequence[int]], prefix: int, cache: DynamicCache | None
    ) -> Logits:
        lm, device = self._lm, self._lm.device
        batch = lay_out(rows, prefix, self._tree, lm.model.dtype)
        mine = None
        if cache is not None:
            mine = copy.deepcopy(cache)
            mine.batch_repeat_interleave(len(rows))
        asked = 1 + len(self._tree.tokens)
        logits = lm.model(
            input_ids=batch.input_ids.to(device),
            attention_mask=batch.mask.to(device),
            position_ids=batch.position_ids.to(device),
            cache=mine,
            use_cache=mine is not None,
            **self._last(asked),
        ).logits[:, -asked:]
        log = torch.log_softmax(logits.float(), dim=-1).cpu()
        steps = self._tree.steps
        sums = [sum(log[:, step.place, step.token] for step in answer) for answer in steps]
        found: Logits = torch.stack([torch.as_tensor(one) for one in sums], dim=1).numpy()
        return found

    @torch.inference_mode()
    def _alone(self, row: Sequence[int]) -> list[float]:
        """The scores of one text, each answer read as an ordinary text."""
        found = []
        for answer in self.answers.sequences:
            ids = torch.tensor([[*row, *answer]], device=self._lm.device)
            logits = self._lm.model(input_ids=ids, use_cache=False).logits[0, len(row) - 1 : -1]
            log = torch.log_softmax(logits.float(), dim=-1).cpu()
            found.append(float(log[range(len(answer)), list(answer)].sum()))
        return found

    def _last(self, positions: int) -> dict[str, int]:
        """Has a model that can do so compute the logits of its last positions alone."""
        known = inspect.signature(self._lm.model.forward).parameters
        return {"logits_to_keep": positions} if "logits_to_keep" in known else {}
