"""The parts of an output as one CSV or TSV, with a column for each label.

Columns are spelt as whole arrays: value by value it took longer than a small model's answers. In a
TSV, which has no quotes, a tab or an end of a line becomes a blank.
"""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as compute
import pyarrow.parquet as parquet

NESTED = "probabilities"  # the column that holds a text's labels
ROWS = 8_192  # written at once
BREAKS = r"\r\n|[\t\n\v\f\r\x1c-\x1e\x{85}\x{2028}\x{2029}]"
SPECIAL = r'[",\r\n]'


def to_delimited(paths: Sequence[Path], whole: Path) -> None:
    """Writes the parts' rows, in their order, under all columns that any part has."""
    header: dict[str, None] = {}
    for path in paths:
        for field in parquet.read_schema(path):
            nested = field.name == NESTED and pa.types.is_struct(field.type)
            names = [one.name for one in field.type] if nested else [field.name]
            header |= dict.fromkeys(names)
    spelt = _in_tsv if whole.suffix == ".tsv" else _in_csv
    between = "\t" if whole.suffix == ".tsv" else ","
    with whole.open("w", encoding="utf-8", newline="") as file:
        file.write(between.join(spelt(pa.array(list(header))).to_pylist()) + "\n")
        for path in paths:
            for batch in parquet.ParquetFile(path).iter_batches(ROWS):
                columns = _flat(batch)
                none = pa.nulls(len(batch), pa.string())
                each = [spelt(_text(columns.get(name, none))) for name in header]
                lines = compute.binary_join_element_wise(
                    *each, between, null_handling="replace", null_replacement=""
                )
                file.writelines(f"{line}\n" for line in lines.to_pylist())


def _flat(batch: pa.RecordBatch) -> dict[str, pa.Array]:
    found: dict[str, pa.Array] = {}
    for field, column in zip(batch.schema, batch.columns, strict=True):
        if field.name == NESTED and pa.types.is_struct(field.type):
            found |= zip((one.name for one in field.type), column.flatten(), strict=True)
        else:
            found[field.name] = column
    return found


def _text(column: pa.Array) -> pa.Array:
    """A column's values as text; what is no text or number as Python and JSON have it."""
    kind = column.type
    plain = pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_integer(kind)
    if plain or pa.types.is_float32(kind):  # what a model said, to the last digit that counts
        return column.cast(pa.string())
    return pa.array([_value(one) for one in column.to_pylist()], pa.string())


def _value(value: Any) -> str | None:
    if value is None:
        return None
    return json.dumps(value, ensure_ascii=False) if isinstance(value, list) else str(value)


def _in_tsv(column: pa.Array) -> pa.Array:
    return compute.replace_substring_regex(column, BREAKS, " ")


def _in_csv(column: pa.Array) -> pa.Array:
    """Quotes where a value needs them, as the standard library's writer does."""
    doubled = compute.replace_substring(column, '"', '""')
    quoted = compute.binary_join_element_wise('"', doubled, '"', "")
    return compute.if_else(compute.match_substring_regex(column, SPECIAL), quoted, column)
