"""The sentences that are sent."""

from loadtest.traffic.texts import SENTENCES


def test_sentences_are_clean() -> None:
    """No line is empty, comes twice, or has space around it, and the last one is ended."""
    text = SENTENCES.read_text(encoding="utf-8")
    lines = text.splitlines()
    assert text.endswith("\n")
    assert all(line and line == line.strip() for line in lines)
    assert len({line.casefold() for line in lines}) == len(lines)


def test_sentences_are_many_and_of_all_lengths() -> None:
    """A batch of them is uneven, as real traffic is."""
    lengths = sorted(
        len(line.split()) for line in SENTENCES.read_text(encoding="utf-8").splitlines()
    )
    assert len(lengths) >= 190
    assert lengths[0] <= 2
    assert 40 <= lengths[-1] <= 60
