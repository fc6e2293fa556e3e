"""Small tokenisers of the kinds that are known, and what the library alone says of a text."""

from typing import Any

from hypothesis import strategies as st
from tokenizers import AddedToken, models, normalizers, pre_tokenizers, processors
from tokenizers import Tokenizer as Backend

from service.repository.manifest import SpecialTokens
from service.runtime.special import read_as_text

LETTERS = "abcdefghijklmnopqrstuvwxyz"
SPECIAL = ("[PAD]", "[UNK]", "[CLS]", "[SEP]")
PIECES = [f"##{letter}" for letter in LETTERS]
VOCABULARY = (*SPECIAL, *LETTERS, *PIECES, "good", "film", ".", "!", "'", "[", "電", "##電")

WORDS = ("good", "Films", "it's", "naïve", "e\u0301", "電影", "İ", "ß", "Σ", "x" * 101, "ﷺ")
SPACES = (" ", "  ", "\t", "\n", "\r\n", "\u00a0", "\u2003", "\u3000", "\x1c", "\x85")
MARKS = (
    "!",
    ".",
    "-",
    "。",
    "\uff0c",
    "\u0301",
    "\u0338",
    "\ufffd",
    "\u200d",
    "<",
    "=",
    "≮",
    "\u0345",
)
CONTROLS = ("\x00", "\x01", "\x0b", "\u200b", "\u180e")
ADDED = ("[SEP]", "[sep]", "[", "<mask>", "<MASK>", "mask>", "new york", "New  York")
PARTS = st.sampled_from(WORDS + SPACES + MARKS + CONTROLS + ADDED)
# Of one kind of character alone too: no white space at all, or nothing but marks.
RUNS = st.builds(lambda part, times: part * times, PARTS, st.integers(1, 60))
TEXTS = st.lists(PARTS | RUNS | st.text(max_size=4), max_size=30).map("".join)


def framed(backend: Backend, added: tuple[Any, ...] = ("<mask>",)) -> Backend:
    """With [CLS] and [SEP] around a text, and tokens that are found before it is split."""
    backend.add_special_tokens(list(SPECIAL))
    backend.add_tokens(list(added))
    backend.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]",
        special_tokens=[(name, backend.token_to_id(name)) for name in ("[CLS]", "[SEP]")],
    )
    return backend


def word_pieces() -> Backend:
    """WordPiece, with nothing around it."""
    vocabulary = {token: number for number, token in enumerate(VOCABULARY)}
    return Backend(models.WordPiece(vocabulary, unk_token="[UNK]"))


def bert(*added: Any, **normalizer: bool) -> Backend:
    """Of BERT's kind; with `normalizer=False`, none."""
    backend = word_pieces()
    if normalizer.pop("normalizer", True):
        backend.normalizer = normalizers.BertNormalizer(**normalizer)
    backend.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    return framed(backend, added or ("<mask>",))


def byte_level(
    *added: Any, normalizer: Any = None, dropout: float | None = None, **splits: bool
) -> Backend:
    """Of RoBERTa's kind, or with NFC of ModernBERT's."""
    symbols = sorted(pre_tokenizers.ByteLevel.alphabet())
    # Runs of spaces and of x become fewer tokens the longer they are.
    merges = [(part * times, part * times) for part in "Ġx" for times in (1, 2, 4, 8, 16)]
    merges += [("o", "o"), ("g", "oo"), ("f", "i"), ("l", "m"), ("Ġ", "goo")]
    names = dict.fromkeys((*SPECIAL, *symbols, *("".join(pair) for pair in merges)))
    vocabulary = {token: number for number, token in enumerate(names)}
    backend = Backend(models.BPE(vocabulary, merges, dropout=dropout))
    backend.normalizer = normalizer
    backend.pre_tokenizer = pre_tokenizers.ByteLevel(**splits)
    return framed(backend, added or (AddedToken("<mask>", lstrip=True),))


def by_space(splits: Any, normalizer: Any = None, added: str = "<mask>") -> Backend:
    """WordPiece on what is between spaces, or wherever else it is split."""
    backend = word_pieces()
    backend.normalizer = normalizer
    backend.pre_tokenizer = splits
    return framed(backend, (added,))


class Recorded:
    """A tokeniser of the library that notes what it is given."""

    def __init__(self, backend: Backend) -> None:
        self.texts: list[str] = []
        self._backend = backend

    def __getattr__(self, name: str) -> Any:
        return getattr(self._backend, name)

    @property
    def encode_special_tokens(self) -> bool:
        """As the library has it."""
        return self._backend.encode_special_tokens

    @encode_special_tokens.setter
    def encode_special_tokens(self, value: bool) -> None:
        self._backend.encode_special_tokens = value

    @property
    def model(self) -> Any:
        """As the library has it."""
        return self._backend.model

    @model.setter
    def model(self, model: Any) -> None:
        self._backend.model = model

    def encode(self, text: str, *pair: Any, **options: Any) -> Any:
        """As the library does."""
        self.texts.append(text)
        return self._backend.encode(text, *pair, **options)

    def encode_batch_fast(self, texts: list[str], **options: Any) -> Any:
        """As the library does."""
        self.texts += texts
        return self._backend.encode_batch_fast(texts, **options)


def copy_of(backend: Backend) -> Backend:
    """A tokeniser like it, since a `Tokenizer` changes the one that it is given."""
    return Backend.from_str(backend.to_str())


def library(
    backend: Backend, text: str, max_length: int, special_tokens: SpecialTokens = "text"
) -> tuple[list[int], bool]:
    """What the library alone says of a whole text: its ids, and whether it was cut."""
    fresh = copy_of(backend)
    if special_tokens == "text":
        read_as_text(fresh)
    fresh.enable_truncation(max_length)
    found = fresh.encode(text)
    return found.ids, bool(found.overflowing)
