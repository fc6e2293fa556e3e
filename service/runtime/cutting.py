"""How much of a long text has to be tokenised to know its first tokens.

A tokeniser that reads piece after piece gives the pieces before a boundary the same ids whatever
comes after it. So where a prefix that ends at a boundary has more tokens than are read, the rest
of the text cannot matter. Which boundaries there are is known of tokenisers like BERT's, RoBERTa's
and ModernBERT's; texts of all others stay whole. Knows no limits.
"""

import re

from tokenizers import Tokenizer as Backend
from tokenizers.normalizers import NFC, BertNormalizer
from tokenizers.pre_tokenizers import (
    BertPreTokenizer,
    ByteLevel,
    Whitespace,
    WhitespaceSplit,
)

_SPACES = " \t\n\r"
# Each is a word of its own to BERT, whatever stands beside it.
_PUNCTUATION = "!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~\u3001\u3002\uff01\uff0c\uff1a\uff1b\uff1f"
_IDEOGRAPHS = "\u3400-\u4dbf\u4e00-\u9fff"


class Cutter:
    """Cuts texts for one tokeniser; safe to use from several threads.

    Args:
        backend: the tokeniser.
    """

    def __init__(self, backend: Backend) -> None:
        boundary = _boundary(backend)
        self._next = re.compile(boundary) if boundary else None
        self._last = re.compile(f"(?s:.*)(?={boundary})") if boundary else None

    def prefix(self, text: str, characters: int) -> str:
        """The start of a text up to a boundary, of so many characters if there is one before.

        Where there is none it is longer, and where none is known at all it is the whole text.
        """
        if len(text) <= characters or self._next is None or self._last is None:
            return text
        found = self._last.match(text, 0, characters)
        if found is not None and found.end():
            return text[: found.end()]
        following = self._next.search(text, characters)
        return text[: following.start()] if following else text


def _boundary(backend: Backend) -> str | None:
    """A pattern of the character before which a text may be cut; None: there is none."""
    normalizer, splits = backend.normalizer, backend.pre_tokenizer
    if getattr(backend.model, "dropout", None):  # ids are drawn by chance
        return None
    if not isinstance(normalizer, BertNormalizer | NFC | None):
        return None
    added = backend.get_added_tokens_decoder().values()
    contents = [token.content for token in added]
    if normalizer is not None:  # some are looked for in the normalised text
        contents += [normalizer.normalize_str(one.content) for one in added if one.normalized]
    # A token over the boundary; and one whose place depends on what stands beside it.
    if any(re.search(r"\S\s", content) for content in contents):
        return None
    if any(token.single_word for token in added):
        return None
    if isinstance(splits, ByteLevel) and splits.use_regex:
        # White space goes with what follows it, unless more of it stands before.
        return rf"(?<=[!-~\w])[{_SPACES}]"
    if isinstance(splits, Whitespace | WhitespaceSplit):
        return f"[{_SPACES}]"
    if not isinstance(splits, BertPreTokenizer):
        return None
    if isinstance(normalizer, NFC):  # joins a mark of punctuation with what follows it
        return f"[{_SPACES}]"
    alone = re.escape(_PUNCTUATION)
    if normalizer is not None and normalizer.handle_chinese_chars:
        alone += _IDEOGRAPHS
    inside = re.escape("".join(contents))  # what may stand within a token over the boundary
    apart = f"(?![{inside}])" if inside else ""
    return f"{apart}[{_SPACES}{alone}]"
