"""The linear model as an ONNX graph: n-grams looked up in hash tables, and their weights summed.

ONNX has an operator for n-grams, `TfIdfVectorizer`, which gives a number for each n-gram that there
is; most are 0, and a text would cost what the whole vocabulary does. Here it costs what its own
n-grams do.
"""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import onnx
from onnx import helper

from export.graph.building import checked_graph
from training.models.checkpoints.labels import outputs_of
from training.models.students.linear import LinearForSequenceClassification

Ints = npt.NDArray[np.int64]
Initializers = dict[str, npt.NDArray[np.generic]]

ROOM = 1.3  # slots of each of two tables, for each n-gram
ROUNDS = 500  # in which an n-gram that was put out of its slot goes to its other one
EMPTY = -1  # no n-gram


class HashTables(NamedTuple):
    """Two tables in one: each n-gram is in its slot of either (Pagh and Rodler 2004).

    Attributes:
        keys: of each slot, `EMPTY` where there is none.
        values: of each slot.
        sizes: of the two tables, primes; an n-gram's slot is the remainder.
    """

    keys: Ints
    values: Ints
    sizes: tuple[int, int]


def linear_graph(model: LinearForSequenceClassification) -> onnx.ModelProto:
    """Builds the graph: `input_ids`, `attention_mask` (batch, time) to `logits`."""
    config = model.config
    keys = model.keys.cpu().numpy()
    none = len(keys)  # what stands for an n-gram that has no weight
    weight = model.weight.detach().float().cpu().numpy()
    idf = model.idf.float().cpu().numpy()
    words = np.full(config.vocab_size, none, np.int64)
    single = keys < config.vocab_size
    words[keys[single]] = np.flatnonzero(single)
    initializers: Initializers = {
        "words": words,
        "none": np.array(none, np.int64),
        "idf": np.append(idf, np.float32(0)),
        "weight": np.vstack([weight, np.zeros_like(weight[:1])]),
        "bias": model.bias.detach().float().cpu().numpy(),
        "least": np.array(1e-12, np.float32),
        "start": np.array([0], np.int64),
        "one": np.array([1], np.int64),  # the axis of time too
        "end": np.array([np.iinfo(np.int64).max], np.int64),
        "last": np.array([-1], np.int64),
    }
    nodes = [
        helper.make_node("Mul", ["input_ids", "attention_mask"], ["ids"]),
        helper.make_node("Gather", ["words", "ids"], ["found_words"]),
    ]
    found = "found_words"
    if config.ngrams > 1:
        nodes += _longer(config.ngrams, config.vocab_size, initializers)
        nodes += _looked_up(hash_tables(keys[~single], np.flatnonzero(~single)), initializers)
        nodes.append(helper.make_node("Concat", [found, "found_longer"], ["found"], axis=1))
        found = "found"
    nodes += [
        *_once(found),
        helper.make_node("Gather", ["idf", "once"], ["values"]),
        helper.make_node("ReduceSumSquare", ["values"], ["square"], axes=[1], keepdims=1),
        helper.make_node("Sqrt", ["square"], ["length"]),
        helper.make_node("Max", ["length", "least"], ["some_length"]),
        helper.make_node("Div", ["values", "some_length"], ["scaled"]),
        helper.make_node("Unsqueeze", ["scaled", "one"], ["row"]),
        helper.make_node("Gather", ["weight", "once"], ["weights"]),
        helper.make_node("MatMul", ["row", "weights"], ["sums"], name="classifier"),
        helper.make_node("Squeeze", ["sums", "one"], ["sum"]),
        helper.make_node("Add", ["sum", "bias"], ["logits"]),
    ]
    return checked_graph("linear", nodes, initializers, ["batch", outputs_of(config)])


def _longer(longest: int, base: int, initializers: Initializers) -> list[onnx.NodeProto]:
    """Nodes from `ids` to `longer`, n-grams of two words and more as numbers."""
    initializers["base"] = np.array(base, np.int64)
    nodes, grams = [], ["ids"]
    for n in range(2, longest + 1):
        initializers[f"from_{n}"] = np.array([n - 1], np.int64)
        nodes += [
            helper.make_node("Slice", [grams[-1], "start", "last", "one"], [f"before_{n}"]),
            helper.make_node("Mul", [f"before_{n}", "base"], [f"raised_{n}"]),
            helper.make_node("Slice", ["ids", f"from_{n}", "end", "one"], [f"last_of_{n}"]),
            helper.make_node("Add", [f"raised_{n}", f"last_of_{n}"], [f"grams_{n}"]),
        ]
        grams.append(f"grams_{n}")
    return [*nodes, helper.make_node("Concat", grams[1:], ["longer"], axis=1)]


def _looked_up(tables: HashTables, initializers: Initializers) -> list[onnx.NodeProto]:
    """Nodes from `longer` to `found_longer`, the places of n-grams or `none`."""
    for name, size in zip(("first_size", "second_size"), tables.sizes, strict=True):
        initializers[name] = np.array(size, np.int64)
    initializers["table_keys"] = tables.keys
    initializers["table_places"] = tables.values
    return [
        helper.make_node("Mod", ["longer", "first_size"], ["first_slot"]),
        helper.make_node("Mod", ["longer", "second_size"], ["second_rest"]),
        helper.make_node("Add", ["second_rest", "first_size"], ["second_slot"]),
        helper.make_node("Gather", ["table_keys", "first_slot"], ["first_key"]),
        helper.make_node("Gather", ["table_keys", "second_slot"], ["second_key"]),
        helper.make_node("Equal", ["first_key", "longer"], ["in_first"]),
        helper.make_node("Equal", ["second_key", "longer"], ["in_second"]),
        helper.make_node("Where", ["in_first", "first_slot", "second_slot"], ["slot"]),
        helper.make_node("Or", ["in_first", "in_second"], ["is_known"]),
        helper.make_node("Gather", ["table_places", "slot"], ["place"]),
        helper.make_node("Where", ["is_known", "place", "none"], ["found_longer"]),
    ]


def _once(found: str) -> list[onnx.NodeProto]:
    """Nodes to `once`: the places sorted, and each but the first of the same put to `none`."""
    return [
        helper.make_node("Shape", [found], ["shape"]),
        helper.make_node("Gather", ["shape", "one"], ["how_many"]),
        helper.make_node("TopK", [found, "how_many"], ["sorted", "order"], axis=1),
        helper.make_node("Slice", ["sorted", "start", "last", "one"], ["before"]),
        helper.make_node("Slice", ["sorted", "one", "end", "one"], ["after"]),
        helper.make_node("Equal", ["before", "after"], ["is_repeated"]),
        helper.make_node("Where", ["is_repeated", "none", "after"], ["others"]),
        helper.make_node("Slice", ["sorted", "start", "one", "one"], ["foremost"]),
        helper.make_node("Concat", ["foremost", "others"], ["once"], axis=1),
    ]


def hash_tables(keys: Ints, values: Ints) -> HashTables:
    """Tables in which each key is found in one of two slots.

    Args:
        keys: each once, none below 0.
        values: of each key.
    """
    for size in _primes(max(int(ROOM * len(keys)), 2)):
        other = next(_primes(size + 1))
        slots = _filled(keys, (size, other))
        if slots is None:
            continue
        table = np.full(size + other, EMPTY, np.int64)
        table[slots] = keys
        told = np.zeros(size + other, np.int64)
        told[slots] = values
        return HashTables(table, told, (size, other))
    raise AssertionError("primes do not end")


def _filled(keys: Ints, sizes: tuple[int, int]) -> Ints | None:
    """A slot for each key, no two the same; None: they do not fit."""
    choices = np.stack([keys % sizes[0], sizes[0] + keys % sizes[1]])
    side = np.zeros(len(keys), np.int64)
    holder = np.full(sum(sizes), EMPTY, np.int64)
    pending = np.arange(len(keys))
    for _ in range(ROUNDS):
        if not len(pending):
            return choices[side, np.arange(len(keys))]
        slots = choices[side[pending], pending]
        before = holder[slots]
        holder[slots] = pending  # of several that want one slot the last has it
        lost = pending[holder[slots] != pending]
        put_out = np.unique(before[before != EMPTY])
        pending = np.concatenate([lost, put_out])
        side[pending] = 1 - side[pending]
    return None


def _primes(start: int) -> Iterator[int]:
    """Primes from a number on, ascending."""
    number = max(start, 2)
    while True:
        if all(number % divisor for divisor in range(2, int(number**0.5) + 1)):
            yield number
        number += 1
