"""Texts whose characters, words and tokens are of different number."""

LONG = " ".join(f"the Film{number} is good, and Ünser cast was 電影 great" for number in range(9))
TEXTS = (
    "the film is good and the cast is great",
    "This SUPERB moving picture was warm, funny & clever!",
    "cafe\u0301 na\u00efve Z\u0335a\u0308lgo \u00dcberraschung e\u0301lan",
    "👨\u200d👩\u200d👧 film🔥good 👍🏽 the 🇩🇪 plot",
    "電影很好看 日本語の映画 한국어 film",
    "שלום the film عربي\u064e\u0651 good",
    "\ufb01lm \u2460 \u00bd \u338f dull\u2026 \u2122",
    "  leading, and trailing \t\n ",
    "one\ntwo\r\nthree\u00a0four\u2028five",
    "don't re-do co-operate/anti-climax (the cast's) 3.14 a.b.c",
    "\u200b\u200d",
    "x",
    " ".join(["good"] * 62),  # at the limit of whole words
    " ".join(["good"] * 63),
    LONG,
    "🎬" * 40,
)
