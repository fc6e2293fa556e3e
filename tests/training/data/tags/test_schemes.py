"""Tests of tags as entities, in every scheme."""

import pytest

from training.data.tags.schemes import Scheme


@pytest.mark.parametrize(
    ("tags", "found"),
    [
        ("O B-x I-x B-x O", [(1, 3, "x"), (3, 4, "x")]),  # IOB2
        ("I-x I-x B-x O I-y", [(0, 2, "x"), (2, 3, "x"), (4, 5, "y")]),  # IOB1
        ("U-x B-y I-y L-y U-x", [(0, 1, "x"), (1, 4, "y"), (4, 5, "x")]),  # BILOU
        ("S-x B-y E-y O", [(0, 1, "x"), (1, 3, "y")]),  # IOBES
        ("creative-work creative-work O person", [(0, 2, "creative-work"), (3, 4, "person")]),
        ("I-x I-y O I-y", [(0, 1, "x"), (1, 2, "y"), (3, 4, "y")]),  # nothing begins, all the same
    ],
)
def test_each_scheme(tags: str, found: list[tuple[int, int, str]]) -> None:
    """What conlleval takes for entities."""
    said = tags.split()
    assert [tuple(one) for one in Scheme.of(said).chunks(said)] == found


@pytest.mark.parametrize(
    ("tags", "says"),
    [
        ("O B-x,B-y", "several annotators"),
        ("B-x person O", "others none: 'person'"),
        ("M-x O", "marked M- are of no scheme"),
        ("PER-B PER-I O", "mark behind the type"),
    ],
)
def test_what_is_no_scheme(tags: str, says: str) -> None:
    """It is named."""
    with pytest.raises(ValueError, match=says):
        Scheme.of(tags.split())
