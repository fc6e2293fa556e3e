"""What is asked: texts of every kind, and questions that mix them, the models and the dialects."""

import json
import random
import tomllib
from collections.abc import Sequence
from pathlib import Path

from benchmarks.peers.servers.repository import find_version
from benchmarks.reliability.questions.dialects import DIALECTS
from benchmarks.reliability.questions.reference import Question, Reference, Served
from loadtest.traffic.texts import SENTENCES, join_words, read_texts

SEED = 20
# Shares of the requests. The teacher costs four times the student, as does an `auto` that
# comes to it.
MODELS = {"student": 0.35, "nano": 0.25, "auto": 0.3, "teacher": 0.1}
KINDS = {"short": 0.6, "unicode": 0.15, "long": 0.1, "batch": 0.15}
LARGEST_BATCH = 16
LONG_WORDS = 173  # the median of IMDB's reviews
HUGE_CHARACTERS = 90_000  # below what a service takes by default
UNICODE = (
    "Ein großartiger Film, überraschend und schön.",
    "映画は素晴らしかった。もう一度見たいです。",
    "这部电影太无聊了，我看到一半就走了。",  # noqa: RUF001  as it is written
    "فيلم رائع ومؤثر جداً",
    "סרט משעמם עד מאוד",
    "फ़िल्म बहुत अच्छी थी",
    "Прекрасный фильм, но слишком длинный.",
    "영화가 정말 재미있었어요",
    "ภาพยนตร์เรื่องนี้ดีมาก",
    "🎬🍿 loved it 😍😍😍 👩‍👩‍👧‍👦 ten out of ten 🏴󠁧󠁢󠁳󠁣󠁴󠁿",
    "e\u0301galement na\u0308i\u0308ve, Z\u0351\u036b\u0343\u036aalgo\u0301 wept",
    "zero\u200bwidth\u200d joiners \u2066and\u2069 \u202eright to left\u202c",
    "non\u00a0breaking\u2003spaces\u3000of every width",
    "control \u0007 and \u0000 and \ufffd and \ufeff in it",
    "\U0001d4ef\U0001d4ea\U0001d4f7\U0001d4ec\U0001d4ee letters, \ufb01ne ligatures, Ⅻ ½ ㎏",
    "<script>alert('good')</script> '; DROP TABLE films; -- %00 ${jndi:ldap://x}",
)


def make_texts(count: int) -> dict[str, list[str]]:
    """Texts by kind: at most so many short ones, and of the others in proportion."""
    chance = random.Random(SEED)  # noqa: S311  # no secret
    short = read_texts(SENTENCES)[:count]
    long = [join_words(short, LONG_WORDS, chance) for _ in range(max(1, count // 4))]
    huge = " ".join(chance.choices(short, k=HUGE_CHARACTERS // 20))[:HUGE_CHARACTERS]
    return {"short": short, "unicode": list(UNICODE), "long": [*long, huge]}


def served(models: Path) -> list[Served]:
    """Those of the repository that are asked, and whether their answers depend on no batch.

    Raises:
        PeersError: one of them is not there.
    """
    found = {}
    for name in ("student", "nano", "teacher"):
        manifest = json.loads((find_version(models, name) / "manifest.json").read_text("utf-8"))
        static = (manifest["quantization"] or {}).get("activations") == "static"
        found[name] = manifest["precision"] == "fp32" or static
    routes = tomllib.loads((models / "routes.toml").read_text("utf-8"))
    found["auto"] = all(found[name] for name in routes["cascade"]["auto"]["chain"])
    return [Served(name, exact) for name, exact in found.items()]


def make_questions(
    reference: Reference,
    models: Sequence[Served],
    texts: dict[str, list[str]],
    count: int,
    kinds: dict[str, float] = KINDS,
) -> tuple[Question, ...]:
    """So many questions, each of a kind, a model and a dialect by chance."""
    chance = random.Random(SEED)  # noqa: S311  # no secret
    exact = {one.name: one.exact for one in models}
    names = list(exact)
    known = {
        (model, kind): [text for text in some if (model, text) in reference]
        for model in names
        for kind, some in texts.items()
    }
    found = []
    for _ in range(count):
        (model,) = chance.choices(names, [MODELS.get(name, 1.0) for name in names])
        (kind,) = chance.choices(list(kinds), list(kinds.values()))
        if kind == "batch":
            size = chance.randint(2, LARGEST_BATCH)
            asked = chance.choices(known[model, "short"] + known[model, "unicode"], k=size)
        else:
            asked = [chance.choice(known[model, kind])]
        found.append(
            Question(
                kind,
                chance.choice(list(DIALECTS)),
                model,
                tuple(asked),
                tuple(reference[model, text] for text in asked),
                exact[model],
            )
        )
    return tuple(found)
