"""Parquet: what its metadata declares is looked at before anything is read."""

import datetime
import decimal
import io
import math
from typing import Any

from tierwise.errors import BadInput
from tierwise.tables.apart import apart
from tierwise.tables.table import READERS, Problem, Table, check_columns, short, text_problem, too_many_rows, value_problem

MAX_VALUES = 20_000_000
MAX_DECLARED = 512 * 1024 * 1024
MAX_TEXT = 200_000_000
"""Characters in all. A dictionary makes a megabyte of file into gigabytes of text."""

BATCH = 1_000


@READERS.add("parquet")
@apart
def read_parquet(data: bytes, max_rows: int) -> Table:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        file = pq.ParquetFile(io.BytesIO(data))
        _guard(file.metadata, max_rows)
        schema = file.schema_arrow
        names = _names(schema.names)
        plain = [f.name for f in schema if pa.types.is_string(f.type) or pa.types.is_large_string(f.type)]
        file = pq.ParquetFile(io.BytesIO(data), read_dictionary=plain)
        columns: dict[str, list] = {name: [] for name in names}
        size = 0
        for batch in file.iter_batches(BATCH, columns=names, use_threads=False):
            batch.validate(full=True)  # a damaged file may point outside its own words
            for name, column in zip(batch.schema.names, batch.columns, strict=True):
                values = _values(column)
                size += sum(len(v) for v in values if type(v) is str)
                columns[name].extend(values)
            if size > MAX_TEXT:
                raise BadInput(f"more than {MAX_TEXT:,} characters of text once unpacked. Take a sample of its rows.")
    except UnicodeDecodeError as error:
        raise BadInput(f"a text in it is no UTF-8 ({error.reason}).") from error
    except MemoryError as error:
        raise BadInput("reading it needs more memory than one file may use. Take a sample of its rows.") from error
    except (pa.ArrowException, OSError, ValueError, NotImplementedError) as error:
        raise BadInput(f"not a Parquet file that can be read: {_line(error)}.") from error
    notices = [f"Column {short(n)} is the index of a data frame; it was left out." for n in schema.names if n not in names]
    if not any(columns.values()):
        raise BadInput("there are columns and no row.")
    names = _without_binary(columns, notices)
    rows = [dict(zip(names, cells, strict=True)) for cells in zip(*(columns[n] for n in names), strict=True)]
    return Table(tuple(names), rows, notices=tuple(notices), problems=tuple(_problems(names, columns)))


def _guard(metadata: Any, max_rows: int) -> None:
    if metadata.num_rows > max_rows:
        raise too_many_rows(f"{metadata.num_rows:,}", max_rows)
    check_columns([metadata.schema.column(i).path for i in range(metadata.num_columns)])
    groups = [metadata.row_group(i) for i in range(metadata.num_row_groups)]
    declared = sum(g.total_byte_size for g in groups)
    values = sum(g.column(c).num_values for g in groups for c in range(g.num_columns))
    if declared > MAX_DECLARED or values > MAX_VALUES:
        found = f"{declared / 2**20:,.0f} MiB and {values:,} values once unpacked"
        raise BadInput(f"{found}; at most {MAX_DECLARED // 2**20} MiB and {MAX_VALUES:,} values are read. Take a sample of its rows.")


def _names(names: list[str]) -> list[str]:
    for name in names:
        if names.count(name) > 1:
            raise BadInput(f"two columns are called {short(name)}; rename one.")
        if not name.strip():
            raise BadInput(f"column {names.index(name) + 1} has no name.")
        if wrong := text_problem(name):
            raise BadInput(f"the name of column {names.index(name) + 1} {wrong}.")
    kept = [n for n in names if not n.startswith("__index_level_")]
    if not kept:
        raise BadInput("there is no column.")
    return kept


def _values(column: Any) -> list:
    import pyarrow as pa

    if pa.types.is_dictionary(column.type):
        words = column.dictionary.to_pylist()
        return [None if i is None else words[i] for i in column.indices.to_pylist()]
    values = column.to_pylist()
    kind = column.type
    if pa.types.is_boolean(kind) or pa.types.is_integer(kind) or pa.types.is_string(kind) or pa.types.is_large_string(kind):
        return values
    return [_plain(v) for v in values]


def _plain(value: Any) -> Any:
    """As JSON has it. A float that is not a number is how data frames write a missing value."""
    if isinstance(value, float):
        return None if math.isnan(value) else value
    if isinstance(value, dict):
        return {str(k): _plain(v) for k, v in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(v) for v in value]
    if isinstance(value, datetime.datetime | datetime.date | datetime.time):
        return value.isoformat()
    if isinstance(value, decimal.Decimal | datetime.timedelta):
        return str(value)
    return value


def _without_binary(columns: dict[str, list], notices: list[str]) -> list[str]:
    """Bytes that are text become text; other bytes cannot be kept."""
    kept = []
    for name, values in columns.items():
        if any(isinstance(v, bytes) for v in values):
            try:
                columns[name] = [v.decode() if isinstance(v, bytes) else v for v in values]
            except UnicodeDecodeError:
                notices.append(f"Column {short(name)} holds binary data; it was left out.")
                continue
            notices.append(f"Column {short(name)} holds bytes; they are UTF-8 and were read as text.")
        elif any(_has_bytes(v) for v in values if isinstance(v, dict | list)):
            notices.append(f"Column {short(name)} holds binary data; it was left out.")
            continue
        kept.append(name)
    return kept


def _has_bytes(value: Any) -> bool:
    if isinstance(value, dict | list):
        return any(_has_bytes(v) for v in (value.values() if isinstance(value, dict) else value))
    return isinstance(value, bytes)


def _problems(names: list[str], columns: dict[str, list]) -> list[Problem]:
    found = []
    for name in names:
        for row, value in enumerate(columns[name], 1):
            if isinstance(value, str | float | dict | list) and (wrong := value_problem(value)):
                found.append(Problem(row, None, name, wrong))
    return found[:1_000]


def _line(error: BaseException) -> str:
    return " ".join(str(error).split())[:200].rstrip(".") or type(error).__name__
