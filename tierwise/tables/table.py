"""A table read from a file, nothing altered, and the door to its readers."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import PurePath
from typing import Any

from tierwise import settings
from tierwise.errors import BadInput
from tierwise.registry import Registry

MAX_COLUMNS = 1_000
MAX_NAME = 500
MAX_CELL = 8_000_000
"""Characters; more than any model reads."""


@dataclass(frozen=True)
class Problem:
    """Something in a file that must be mended before it is used."""

    row: int | None
    """1 is the first row of data; None when it is not about one row."""
    line: int | None
    """As an editor counts lines, or the row number of a spreadsheet; None where a format has none."""
    column: str | None
    message: str

    def __str__(self) -> str:
        at = [f"row {self.row}"] if self.row is not None else []
        if self.line is not None:
            at[-1:] = [f"{at[0]} (line {self.line})" if at else f"line {self.line}"]
        if self.column is not None:
            at.append(f"column {short(self.column, 60)}")
        return f"{', '.join(at)}: {self.message}" if at else self.message


@dataclass(frozen=True)
class Table:
    """Rows of named cells. A key that a row does not have, or None, is a missing value."""

    columns: tuple[str, ...]
    rows: Sequence[Mapping[str, Any]]
    lines: Sequence[int] = ()
    """Where each row begins; empty where the format has no lines."""
    notices: tuple[str, ...] = ()
    problems: tuple[Problem, ...] = ()
    blank_is_missing: bool = False
    """The format cannot tell an empty text from no value: CSV, TSV and spreadsheets."""
    typed: Mapping[str, tuple[int, ...]] = field(default_factory=dict)
    """Spreadsheet columns with cells that were not text, and the rows of these."""

    def line(self, row: int) -> int | None:
        """The line of row number `row`, counted from 1."""
        return self.lines[row - 1] if self.lines else None

    def problem(self, row: int, column: str | None, message: str) -> Problem:
        return Problem(row, self.line(row), column, message)


Reader = Callable[[bytes, int], Table]
"""(content, most rows allowed) -> table. Raises BadInput, without the file's name, for what is no table at all."""

READERS: Registry[Reader] = Registry("file format")


def read_table(data: bytes, filename: str, max_rows: int = settings.MAX_SAMPLES) -> Table:
    """The table in a file; its format is the one its name ends in.

    Raises:
        BadInput: too large, of no known format, or no table at all. Single cells and rows that are wrong are in `Table.problems`.
    """
    suffix = PurePath(filename).suffix.lower().lstrip(".")
    if suffix not in READERS:
        raise BadInput(f"{filename}: Tierwise reads {', '.join(READERS)}; this name ends in {'.' + suffix if suffix else 'no suffix'}.")
    if len(data) > settings.MAX_UPLOAD_BYTES:
        most = settings.MAX_UPLOAD_BYTES / 2**20
        raise BadInput(f"{filename}: {len(data) / 2**20:,.0f} MiB; at most {most:.0f} MiB are read. Take a sample of its rows.")
    if not data:
        raise BadInput(f"{filename}: the file is empty.")
    try:
        return READERS[suffix](data, max_rows)
    except BadInput as error:
        raise BadInput(f"{filename}: {error}") from error


def passed_over(blank: Sequence[int], max_rows: int) -> None:
    """Raises BadInput when there are more blank lines than rows may be."""
    if len(blank) > max_rows:
        raise BadInput(f"more than {max_rows:,} blank lines, from line {blank[0]:,} on. Remove them.")


def too_many_rows(found: str, max_rows: int) -> BadInput:
    return BadInput(f"{found} rows; at most {max_rows:,} are read. Take a sample of them.")


def check_columns(columns: Sequence[str]) -> None:
    """Raises BadInput when there are too many, or a name is too long to be one."""
    if len(columns) > MAX_COLUMNS:
        beyond = f"The first beyond is column {MAX_COLUMNS + 1:,}, {short(columns[MAX_COLUMNS])}"
        raise BadInput(f"{len(columns):,} columns; at most {MAX_COLUMNS:,} are read. {beyond}.")
    for place, name in enumerate(columns, 1):
        if len(name) > MAX_NAME:
            raise BadInput(f"the name of column {place} has {len(name):,} characters: {short(name)}. Is the line with the names missing?")


def text_problem(value: str) -> str | None:
    """Why this text cannot be kept, or None."""
    if "\0" in value:
        return f"holds a NUL character (at character {value.index(chr(0)) + 1:,}); remove it"
    if len(value) > MAX_CELL:
        return f"{len(value):,} characters; at most {MAX_CELL:,} are kept"
    try:
        value.encode()
    except UnicodeEncodeError as error:
        return f"holds half of a surrogate pair (at character {error.start + 1:,}), which is no character; remove it"
    return None


def value_problem(value: Any) -> str | None:
    """The same for a cell of any kind: text inside lists and objects is looked at too."""
    if isinstance(value, str):
        return text_problem(value)
    stack = [(value, 0)]
    while stack:
        item, depth = stack.pop()
        if isinstance(item, str):
            if found := text_problem(item):
                return found
        elif isinstance(item, float) and not math.isfinite(item):
            return f"{item} is no number that can be kept"
        elif isinstance(item, dict | list):
            if depth >= 50:
                return "nested more than 50 deep"
            inner = [*item.keys(), *item.values()] if isinstance(item, dict) else item
            stack.extend((i, depth + 1) for i in inner)
    return None


def short(text: str, length: int = 40) -> str:
    """A name from a file as messages quote it."""
    return repr(text if len(text) <= length else text[:length] + "…")


def numbers(found: Sequence[int], noun: str = "row") -> str:
    """'row 3', 'rows 3, 7 and 9', 'rows 3, 7, 9, 11, 12 and 40 more'."""
    listed = [f"{i:,}" for i in found[:5]]
    if len(found) > 5:
        return f"{noun}s {', '.join(listed)} and {len(found) - 5:,} more"
    return f"{noun} {listed[0]}" if len(found) == 1 else f"{noun}s {', '.join(listed[:-1])} and {listed[-1]}"
