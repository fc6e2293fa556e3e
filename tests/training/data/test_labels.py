"""Labels as files have them, matched to those of a model."""

import numpy as np
import pytest

from training.data.labels import LabelMap, map_of_data, map_of_model, targets_of
from training.data.sources.raw import Raw, Value, coded
from training.data.sources.values import plain, problem_of_values
from training.data.texts import TextColumn
from training.errors import DataError


def raw(*values: Value, classes: tuple[str, ...] | None = None) -> Raw:
    """Rows with these labels."""
    codes, different = coded(
        iter([[list(value) if isinstance(value, tuple) else value for value in values]])
    )
    return Raw(TextColumn([]), codes, different, classes)


@pytest.mark.parametrize(
    ("names", "values", "expected"),
    [
        (("negative", "positive"), ("Positive ", "NEGATIVE"), [1, 0]),
        (("negative", "positive"), (1, 0), [1, 0]),
        (("negative", "positive"), ("1", "0"), [1, 0]),
        (("negative", "positive"), (1.0, 0.0), [1, 0]),
        (("negative", "positive"), ("1.0", "0.0"), [1, 0]),
        (("negative", "positive"), (True, False), [1, 0]),
        (("negative", "positive"), ("LABEL_1", "label_0"), [1, 0]),
        (("LABEL_0", "LABEL_1"), (1, 0), [1, 0]),
        (("no", "true"), (True,), [1]),
        (("1 star", "2 stars"), ("2  Stars", "1 star"), [1, 0]),
        (("1", "2", "3"), (3, 1), [2, 0]),
        (("a", "A"), ("A", "a"), [1, 0]),
    ],
)
def test_labels_are_matched(
    names: tuple[str, ...], values: tuple[Value, ...], expected: list[int]
) -> None:
    """By name, case and blanks aside; else an integer or LABEL_n is an index."""
    found = targets_of("file", raw(*values), map_of_model(names), "single_label")
    assert found.tolist() == expected


@pytest.mark.parametrize(
    ("names", "values", "missing"),
    [
        (("negative", "positive"), ("pos", "positive"), "'pos'"),
        (("negative", "positive"), (2, 0), "'2'"),
        (("negative", "positive"), (-1, 0), "'-1'"),
        # Their names have numbers of their own: 1 may be the first or the second.
        (("1 star", "2 stars", "3 stars"), (1, 2), "'1', '2'"),
        (("a", "A"), ("a ", "Ä"), "'Ä'"),
    ],
)
def test_what_cannot_be_matched_is_told_with_both_lists(
    names: tuple[str, ...], values: tuple[Value, ...], missing: str
) -> None:
    """The error lists the labels of the file and of the model, and says what to pass."""
    with pytest.raises(DataError) as caught:
        targets_of("file", raw(*values), map_of_model(names), "single_label")
    message = str(caught.value)
    assert message.startswith("file has labels [")
    assert f"the model {list(names)}" in message
    assert f"say what [{missing}] are by --labels IN_FILE=SERVED" in message


def test_pairs_say_what_nothing_else_does() -> None:
    """A pair goes before all else, and may merge labels; of names that the model has not none."""
    pairs = {"pos": "positive", "1": "Negative", "bad": "negative"}
    labels = map_of_model(("negative", "positive"), pairs)
    assert [labels.place(value) for value in ("POS", 1, "bad", "positive", 0)] == [1, 0, 0, 1, 0]
    with pytest.raises(DataError, match=r"calls labels \['good'\]; the model's are \['negative'"):
        map_of_model(("negative", "positive"), {"pos": "good"})


def test_classes_of_the_hub_are_matched_by_name() -> None:
    """Their order counts only where the model's own names say nothing."""
    rows = raw("World", "Sports", classes=("World", "Sports"))
    turned = LabelMap(("sports", "world"), classes=rows.classes)
    generic = LabelMap(("LABEL_0", "LABEL_1"), classes=rows.classes)
    others = LabelMap(("a", "b"), classes=rows.classes)
    assert targets_of("file", rows, turned, "single_label").tolist() == [1, 0]
    assert targets_of("file", rows, generic, "single_label").tolist() == [0, 1]
    with pytest.raises(DataError, match=r"\['Sports', 'World'\], the model \['a', 'b'\]"):
        targets_of("file", rows, others, "single_label")


@pytest.mark.parametrize(
    ("values", "names"),
    [
        ((10, 9, 2), ("2", "9", "10")),
        (("b", "a"), ("a", "b")),
        ((True, False), ("false", "true")),
        ((("x", "y"), ("z",)), ("x", "y", "z")),
    ],
)
def test_data_names_its_own_labels(values: tuple[Value, ...], names: tuple[str, ...]) -> None:
    """Without a teacher the labels are the file's, numbers in their order."""
    rows = raw(*values)
    problem = problem_of_values("file", rows.values)
    assert map_of_data("file", rows, problem).names == names


def test_names_that_differ_by_case_are_one_label(caplog: pytest.LogCaptureFixture) -> None:
    """As for a model that has names; the label is called as most rows have it, and it is told."""
    rows = raw("positive", "Negative", "Positive", "positive", "negative", "negative")
    labels = map_of_data("one.csv", rows, "single_label")
    assert labels.names == ("negative", "positive")
    assert targets_of("one.csv", rows, labels, "single_label").tolist() == [1, 0, 1, 1, 0, 0]
    assert [record.message for record in caplog.records] == [
        "one.csv: 'Positive' and 'positive' are one label, 'positive': case does not count",
        "one.csv: 'Negative' and 'negative' are one label, 'negative': case does not count",
    ]
    with pytest.raises(DataError, match=r"one\.csv: it has only one label, 'yes': two"):
        map_of_data("one.csv", raw("yes", "Yes", "yes"), "single_label")


@pytest.mark.parametrize(
    ("values", "pairs", "names"),
    [
        (("a", "b", "c"), {"a": "alpha"}, ("alpha", "b", "c")),
        (("a", "b", "c"), {"B": "a"}, ("a", "c")),
        (("negative", "positive"), {"positive": "good"}, ("negative", "good")),
        ((0, 1), {"1": "good"}, ("0", "good")),
        ((0, 1), {"1": "good", "0": "bad"}, ("good", "bad")),
        ((0, 1), {"bad": "bad", "good": "good"}, ("bad", "good")),
        ((0, 1), {"0": "bad", "1": "good", "2": "fair"}, ("bad", "good", "fair")),
    ],
)
def test_a_pair_renames_one_label(
    values: tuple[Value, ...], pairs: dict[str, str], names: tuple[str, ...]
) -> None:
    """The others are called as the file has them; pairs for all say the order too."""
    rows = raw(*values)
    labels = map_of_data("file", rows, "single_label", pairs)
    assert labels.names == names
    targets = targets_of("file", rows, labels, "single_label")
    folded = {key.casefold(): name for key, name in pairs.items()}
    said = [folded.get(str(value), str(value)) for value in values]
    if "bad" not in pairs:
        assert [names[place] for place in targets] == said
    else:
        assert targets.tolist() == [0, 1]


def test_a_pair_of_no_label_is_told() -> None:
    """Where others are left as they are; and so is a renaming to one name."""
    pairs = {"pos": "good", "negative": "bad"}
    with pytest.raises(DataError, match=r"file has no label 'pos', of which --labels .*'positive"):
        map_of_data("file", raw("negative", "positive"), "single_label", pairs)
    with pytest.raises(DataError, match=r"--labels calls all of \['a', 'b'\] 'c': two are"):
        map_of_data("file", raw("a", "b"), "single_label", {"a": "c", "b": "c"})


def test_what_is_changed_is_told(caplog: pytest.LogCaptureFixture) -> None:
    """Blanks, 1.0 and booleans are put right, and said once."""
    values: list[Value] = ["a ", "a"]
    assert plain("one.tsv", values) == ["a", "a"]
    assert plain("two.tsv", ["1.0", "2"]) == ["1", "2"]
    assert plain("three.tsv", ["1.0", "1.5"]) == ["1.0", "1.5"]
    assert plain("four.tsv", [True, False]) == ["true", "false"]
    plain("one.tsv", values)
    assert [record.message for record in caplog.records] == [
        "one.tsv: blanks around labels are left out ('a ')",
        "two.tsv: 1.0 is read as 1 ('1.0')",
        "four.tsv: true and false are labels of these names (True, False)",
    ]


def test_a_label_is_a_name_a_number_or_a_list() -> None:
    """Anything else is an error."""
    with pytest.raises(ValueError, match=r"a label is \{'a': 1\}: a name, a number or a list"):
        coded([[{"a": 1}]])
    chunks: list[list[object]] = [[True, 1, None], [1.0, "1", ["x"]]]
    codes, values = coded(chunks)
    assert codes.tolist() == [0, 1, -1, 2, 3, 4]
    assert [type(value) for value in values] == [bool, int, float, str, tuple]
    assert np.array_equal(codes, coded(iter([[True, 1, None, 1.0, "1", ["x"]]]))[0])
