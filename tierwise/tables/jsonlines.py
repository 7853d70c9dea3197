"""JSON Lines, and JSON files that hold one list of objects. Strict: nothing that JSON does not know, no key twice."""

import io
import json
import math
from collections.abc import Iterator
from typing import Any

from tierwise.errors import BadInput
from tierwise.tables.encoding import decode
from tierwise.tables.table import (
    MAX_CELL,
    READERS,
    Problem,
    Table,
    check_columns,
    numbers,
    passed_over,
    short,
    text_problem,
    too_many_rows,
    value_problem,
)  # fmt: skip

MAX_PROBLEMS = 1_000
SPACE = " \t\r\n"


class Number(float):
    """A number that remembers how it was written: 4.50 as an answer is not 4.5."""

    text: str

    def __new__(cls, text: str) -> "Number":
        number = super().__new__(cls, text)
        if not math.isfinite(number):
            raise ValueError(f"{text} is too large a number")
        number.text = text
        return number


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        keys = [k for k, _ in pairs]
        raise ValueError(f"the key {short(next(k for k in keys if keys.count(k) > 1))} comes twice in one object")
    return found


def _constant(name: str) -> None:
    raise ValueError(f"{name} is no JSON; write null, or a number")


_decoder = json.JSONDecoder(object_pairs_hook=_object, parse_constant=_constant, parse_float=Number)


@READERS.add("jsonl")
def read_jsonl(data: bytes, max_rows: int) -> Table:
    text, notices = decode(data)
    whole = text.strip(SPACE)
    if whole.startswith("[") and ("\n" not in whole or _fails(whole.partition("\n")[0])):
        return _document(text, [*notices, "The file is one JSON list, not JSON Lines; it was read as JSON."], max_rows)
    return _lines(text, notices, max_rows)


@READERS.add("json")
def read_json(data: bytes, max_rows: int) -> Table:
    text, notices = decode(data)
    first = text.lstrip(SPACE).partition("\n")[0]
    if first.startswith("{") and len(first) < len(text.strip(SPACE)) and not _fails(first):
        return _lines(text, [*notices, "The file has one JSON object a line; it was read as JSON Lines."], max_rows)
    return _document(text, notices, max_rows)


def _lines(text: str, notices: list[str], max_rows: int) -> Table:
    pieces = io.StringIO(text, newline="\n")  # not splitlines, which also cuts at characters that JSON strings may hold
    rows: list[dict] = []
    lines: list[int] = []
    blank: list[int] = []
    problems: list[Problem] = []
    for line, piece in enumerate(pieces, 1):
        if piece.isspace():
            blank.append(line)
            passed_over(blank, max_rows)
            continue
        if len(rows) == max_rows:
            raise too_many_rows(f"more than {max_rows:,}", max_rows)
        value, wrong = _decode(piece.rstrip("\n"), line)
        if wrong is None and not isinstance(value, dict):
            wrong = f"a {_kind(value)}; each line should be an object, {{...}}"
        if wrong is not None:
            problems.append(Problem(len(rows) + 1, line, None, wrong))
        rows.append(value if wrong is None else {})
        lines.append(line)
        if len(problems) >= MAX_PROBLEMS:
            break
    if not rows:
        raise BadInput("the file is empty.")
    inner = [line for line in blank if line < lines[-1]]
    if inner:
        notices.append(f"Blank {numbers(inner, 'line')} {'was' if len(inner) == 1 else 'were'} passed over.")
    return _table(text, rows, lines, notices, problems)


def _document(text: str, notices: list[str], max_rows: int) -> Table:
    if not text.strip(SPACE):
        raise BadInput("the file is empty.")
    if text.lstrip(SPACE).startswith("["):
        items = list(_elements(text, max_rows))
    else:
        value, wrong = _decode(text, 1)
        if wrong is not None:
            raise BadInput(f"{wrong}.")
        if not isinstance(value, dict):
            raise BadInput(f"holds a {_kind(value)}; it should hold a list of objects, [{{...}}, ...].")
        lists = [k for k, v in value.items() if isinstance(v, list) and v and all(isinstance(i, dict) for i in v)]
        if len(lists) != 1:
            which = f"lists of objects under {', '.join(map(short, lists[:5]))}; keep one of them" if lists else "no list of objects in it"
            raise BadInput(f"holds one object with {which}. It should be [{{...}}, ...].")
        rest = [k for k in value if k != lists[0]]
        notices.append(f"The rows are those under {short(lists[0])}." + (f" Left out: {', '.join(map(short, rest[:10]))}." if rest else ""))
        items = [(item, None) for item in value[lists[0]]]
        if len(items) > max_rows:
            raise too_many_rows(f"{len(items):,}", max_rows)
    if not items:
        raise BadInput("the list is empty.")
    lines = [line for _, line in items] if items[0][1] is not None else []
    rows, problems = [], []
    for row, (value, line) in enumerate(items, 1):
        if not isinstance(value, dict):
            problems.append(Problem(row, line, None, f"a {_kind(value)}; each element of the list should be an object, {{...}}"))
        rows.append(value if isinstance(value, dict) else {})
    return _table(text, rows, lines, notices, problems)


def _elements(text: str, max_rows: int) -> Iterator[tuple[Any, int]]:
    """The elements of the list with the lines on which they begin, so that what is wrong inside one can be told by row."""
    at = _skip(text, text.index("[") + 1)
    line, counted, row = 1, 0, 0
    while text[at : at + 1] != "]" or row:
        line, counted, row = line + text.count("\n", counted, at), at, row + 1
        if row > max_rows:
            raise too_many_rows(f"more than {max_rows:,}", max_rows)
        try:
            value, end = _decoder.raw_decode(text, at)
        except json.JSONDecodeError as error:
            raise BadInput(f"row {row} (line {error.lineno}, character {error.colno}): {error.msg}.") from error
        except (ValueError, RecursionError) as error:
            raise BadInput(f"row {row} (line {line}): {_reason(error)}.") from error
        yield value, line
        at = _skip(text, end)
        if text[at : at + 1] == "]":
            break
        if text[at : at + 1] != ",":
            here = "the file ends inside the list" if at >= len(text) else f"{text[at]!r} where a comma or ] should be"
            raise BadInput(f"row {row} (line {text.count(chr(10), 0, at) + 1}): {here}.")
        at = _skip(text, at + 1)
    rest = _skip(text, at + 1)
    if rest < len(text):
        raise BadInput(f"line {text.count(chr(10), 0, rest) + 1}: text follows the end of the list.")


def _skip(text: str, at: int) -> int:
    while at < len(text) and text[at] in SPACE:
        at += 1
    return at


def _decode(text: str, line: int) -> tuple[Any, str | None]:
    """The value, or why there is none."""
    try:
        return _decoder.decode(text), None
    except json.JSONDecodeError as error:
        where = f"line {line + error.lineno - 1}, character {error.colno}" if "\n" in text else f"character {error.colno}"
        return None, f"not JSON at {where}: {error.msg}"
    except (ValueError, RecursionError) as error:
        return None, _reason(error)


def _fails(text: str) -> bool:
    return _decode(text, 1)[1] is not None


def _reason(error: ValueError | RecursionError) -> str:
    if isinstance(error, RecursionError):
        return "nested too deep"
    return "a number of more than 4,300 digits" if "string conversion" in str(error) else str(error)


def _kind(value: Any) -> str:
    names = {str: "text", bool: "true or false", list: "list", dict: "object", type(None): "null"}
    return names.get(type(value), "number")


def _table(text: str, rows: list[dict], lines: list[int], notices: list[str], problems: list[Problem]) -> Table:
    columns = tuple({key: None for row in rows for key in row})
    check_columns(columns)
    table = Table(columns, rows, lines)
    for column in columns:
        if wrong := text_problem(column) or (None if column.strip() else "has no name"):
            row = next(i for i, r in enumerate(rows, 1) if column in r)
            problems.append(table.problem(row, None, f"the key {ascii(column)[:60]} {wrong}"))
    # Only an escape can bring in what cannot be kept, and only brackets can nest; most files need no second look.
    if "\\u" in text or len(text) > MAX_CELL or text.count("[") + text.count("{") > 2 * len(rows) + 2:
        for number, row in enumerate(rows, 1):
            for column, value in row.items():
                if isinstance(value, str | list | dict) and (wrong := value_problem(value)):
                    problems.append(table.problem(number, column, wrong))
    return Table(columns, rows, lines, tuple(notices), tuple(problems[:MAX_PROBLEMS]))
