"""The token ids of words that were seen before, for tokenisers that read each word by itself.

BERT's pre-tokeniser splits a text at spaces and at each mark of punctuation, and WordPiece, or a
list of whole words, then looks at one word at a time. So a text's ids are those of its words one
after the other, and a word has to be tokenised once. Knows nothing of texts' limits or special
tokens.
"""

import re
import sys

from tokenizers import Tokenizer as Backend
from tokenizers.models import WordLevel, WordPiece
from tokenizers.normalizers import BertNormalizer
from tokenizers.pre_tokenizers import BertPreTokenizer

_PUNCTUATION = r"!-/:-@\[-`{-~"
_WORDS = re.compile(rf"[{_PUNCTUATION}]|[^ \t\n\r{_PUNCTUATION}]+")
LONGEST_WORD = 64  # characters of a word that is kept
_SLOT_BYTES = 110  # of a dictionary, for each word
_ID_BYTES = 32


class WordCache:
    """Reads texts word by word, and remembers the words; safe to use from several threads.

    Args:
        backend: of a kind that `reads_word_by_word`, without padding or truncation.
        capacity: bytes that are held at most, by an estimate. Words are in two generations: when
            the newer has half of it, the older is forgotten.
        lessons: most words that are learnt from one text, so that none takes much
            longer than by the library.
        characters: most characters of a text that is read here, which holds the GIL.
    """

    def __init__(
        self,
        backend: Backend,
        capacity: int = 6 * 2**20,
        lessons: int = 8,
        characters: int = 4096,
    ) -> None:
        self._backend = backend
        self._half = capacity // 2
        self._lessons = lessons
        self._characters = characters
        self._recent: dict[str, tuple[int, ...]] = {}
        self._recent_bytes = 0
        self._before: dict[str, tuple[int, ...]] = {}
        # An added token is found before the text is split; a special one may be text.
        added = [
            token.content
            for token in backend.get_added_tokens_decoder().values()
            if not (token.special and backend.encode_special_tokens)
        ]
        starts = "".join({token[0] for token in added if token})
        starts += starts.lower() + starts.upper()
        self._may_be_added = re.compile(f"[{re.escape(starts)}]" if starts else "(?!)")

    @staticmethod
    def reads_word_by_word(backend: Backend) -> bool:
        """Whether a tokeniser splits as BERT's does."""
        return (
            isinstance(backend.pre_tokenizer, BertPreTokenizer)
            and isinstance(backend.model, WordPiece | WordLevel)
            and (backend.normalizer is None or isinstance(backend.normalizer, BertNormalizer))
        )

    def encode(self, text: str) -> list[int] | None:
        """The ids of a text, without special tokens; None: the library has to be asked."""
        if len(text) > self._characters or self._may_be_added.search(text):
            return None
        words = _WORDS.findall(text)
        lessons = self._lessons
        ids: list[int] = []
        for word in words:
            found = self._recent.get(word)
            if found is None:
                found = self._before.get(word)
                if found is None:
                    if not lessons:
                        return None
                    lessons -= 1
                    found = self._read(word)
                    if found is None:
                        return None
                self._remember(word, found)
            ids += found
        return ids

    def _read(self, word: str) -> tuple[int, ...] | None:
        """A word's ids by the library; None: it is long, or what is beside it matters."""
        if len(word) > LONGEST_WORD:
            return None
        found = self._backend.encode(word, add_special_tokens=False)
        if self._hides_added(word):
            return None
        return tuple(found.ids)

    def _remember(self, word: str, ids: tuple[int, ...]) -> None:
        size = sys.getsizeof(word) + sys.getsizeof(ids) + _ID_BYTES * len(ids) + _SLOT_BYTES
        if self._recent_bytes + size > self._half:
            self._recent, self._before, self._recent_bytes = {}, self._recent, 0
        self._recent[word] = ids
        self._recent_bytes += size

    def _hides_added(self, word: str) -> bool:
        """Whether the library would make a word the start of an added token: ≮ loses its stroke."""
        normalizer = self._backend.normalizer
        if normalizer is None or word.isascii():
            return False
        return self._may_be_added.search(normalizer.normalize_str(word)) is not None
