"""CSV and TSV: every cell is the exact text between its delimiters."""

import csv
import io
import itertools
import re
from collections.abc import Iterator
from contextlib import suppress

from tierwise import settings
from tierwise.errors import BadInput
from tierwise.tables.encoding import decode
from tierwise.tables.table import MAX_CELL, READERS, Problem, Table, check_columns, numbers, passed_over, short, text_problem, too_many_rows

DELIMITERS = {",": "commas", ";": "semicolons", "\t": "tabs", "|": "bars"}
LOOKED_AT = 64_000
"""Characters from which the delimiter is told."""

SAID = re.compile(r"sep=(.)(?:\r\n|\r|\n)")
"""Some spreadsheets write the delimiter into a line of its own before the header."""

MAX_PROBLEMS = 1_000

csv.field_size_limit(settings.MAX_UPLOAD_BYTES)  # the module's own limit, 131,072 characters, is less than a long document


@READERS.add("csv")
def read_csv(data: bytes, max_rows: int) -> Table:
    text, notices = decode(data)
    said = SAID.match(text)
    delimiter = said[1] if said else told_delimiter(text)
    if delimiter != ",":
        notices.append(f"Cells are separated by {DELIMITERS.get(delimiter, delimiter)}.")
    return _read(text[said.end() :] if said else text, delimiter, notices, max_rows, 2 if said else 1)


@READERS.add("tsv")
def read_tsv(data: bytes, max_rows: int) -> Table:
    text, notices = decode(data)
    return _read(text, "\t", notices, max_rows)


def told_delimiter(text: str) -> str:
    """The one that gives the header several cells and the first rows as many; a comma where none does."""
    start, found = text[:LOOKED_AT], {}
    for delimiter in DELIMITERS:
        records = csv.reader(io.StringIO(start, newline=""), delimiter=delimiter)
        widths = [len(record) for record in itertools.islice(records, 50) if record]
        if len(text) > LOOKED_AT and len(widths) > 2:
            widths.pop()  # the last one may be cut off
        if widths and widths[0] > 1:
            found[delimiter] = (sum(w == widths[0] for w in widths) / len(widths), widths[0])
    return max(found, key=found.__getitem__, default=",")


def _read(text: str, delimiter: str, notices: list[str], max_rows: int, first: int = 1) -> Table:
    if not text.strip():
        raise BadInput("the file is empty.")
    if "\0" in text and text.count("\0") > len(text) // 4:
        raise BadInput("line 1: every other byte is NUL, as in UTF-16 without its mark. Save the file as UTF-8.")
    records = _records(text, delimiter, first)
    problems: list[Problem] = []
    try:
        header_line, header = next(((line, r) for line, r in records if r), (1, []))
    except csv.Error as error:
        raise BadInput(f"{_broken(text, delimiter, None, first)}.") from error
    check_columns(header)
    columns, kept, rows, lines, blank, empty = header, len(header), [], [], [], []
    nul, wide = "\0" in text, len(text) > MAX_CELL
    try:
        for line, record in records:
            if not record:
                blank.append(line)
                passed_over(blank, max_rows)
            elif len(record) != kept:
                problems.append(_ragged(len(rows) + 1, line, header, record))
                rows.append({})
                lines.append(line)
            elif kept > 1 and not any(record):
                empty.append(line)
                passed_over(empty, max_rows)
            else:
                rows.append(dict(zip(columns, record, strict=True)))
                lines.append(line)
                if nul or (wide and len(max(record, key=len)) > MAX_CELL):
                    _look(problems, len(rows), line, columns, record)
            if len(rows) > max_rows:
                raise too_many_rows(f"more than {max_rows:,}", max_rows)
            if len(problems) >= MAX_PROBLEMS:
                break
    except csv.Error:
        problems.append(_broken(text, delimiter, len(rows) + 1, first))
    names, dropped = _names(header, header_line, rows, notices, problems)
    if not rows and not problems:
        raise BadInput(f"line {header_line}: there is a header, {', '.join(map(short, header[:5]))}, and no row below it.")
    for name in dropped:
        for row in rows:
            row.pop(name, None)
    inner = [line for line in blank if lines and line < lines[-1]]
    if inner:
        notices.append(f"Blank {numbers(inner, 'line')} {'was' if len(inner) == 1 else 'were'} passed over.")
    if empty:
        notices.append(f"{numbers(empty, 'line').capitalize()} without any value {'was' if len(empty) == 1 else 'were'} passed over.")
    return Table(tuple(names), rows, lines, tuple(notices), tuple(problems), blank_is_missing=True)


def _records(text: str, delimiter: str, first: int = 1) -> Iterator[tuple[int, list[str]]]:
    """Records with the line on which each begins; the text begins on line `first` of the file."""
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    line = first
    for record in reader:
        yield line, record
        line = reader.line_num + first


def _names(header: list[str], line: int, rows: list[dict], notices: list[str], problems: list[Problem]) -> tuple[list[str], list[str]]:
    """The columns to keep, and those left out because they have neither a name nor a use."""
    seen: dict[str, int] = {}
    dropped: list[str] = []
    for place, name in enumerate(header, 1):
        if name in seen and name.strip():
            problems.insert(0, Problem(None, line, name, f"columns {seen[name]} and {place} have the same name; rename one"))
        seen.setdefault(name, place)
        if found := text_problem(name):
            problems.insert(0, Problem(None, line, f"{place}", f"the name {found}"))
    for place, name in enumerate(header, 1):
        if name.strip():
            continue
        cells = [row.get(name, "") for row in rows]
        if header.count(name) == 1 and cells and cells in ([str(i) for i in range(len(cells))], [str(i + 1) for i in range(len(cells))]):
            notices.append(f"Column {place} has no name and counts the rows; it was left out.")
            dropped.append(name)
        elif header.count(name) == 1 and not any(cells):
            notices.append(f"Column {place} has neither a name nor a value; it was left out.")
            dropped.append(name)
        else:
            problems.insert(0, Problem(None, line, f"{place}", "the column has no name; write one into the header"))
    return [name for name in dict.fromkeys(header) if name not in dropped], dropped


def _ragged(row: int, line: int, header: list[str], record: list[str]) -> Problem:
    found, wanted = len(record), len(header)
    if found < wanted:
        return Problem(row, line, header[found], f"the row ends before this column: {_cells(found)}, and the header has {wanted}")
    first = f"the first too many is {short(record[wanted])}"
    return Problem(row, line, None, f"{_cells(found)}, and the header has {wanted}; {first}. Put quotes around text with delimiters")


def _cells(count: int) -> str:
    return "1 cell" if count == 1 else f"{count} cells"


def _look(problems: list[Problem], row: int, line: int, columns: list[str], record: list[str]) -> None:
    for column, cell in zip(columns, record, strict=True):
        if found := text_problem(cell):
            problems.append(Problem(row, line, column, found))


def _broken(text: str, delimiter: str, row: int | None, first: int) -> Problem:
    """Where the quotes of the record at which reading stopped go wrong."""
    header, start = _before_broken(text, delimiter, first)
    lines = list(io.StringIO(text, newline=""))[start - first :]
    column, opened, at = 0, None, start
    state = "start"
    for at, piece in enumerate(lines, start):
        for char in piece:
            if state == "quoted":
                state = "closing" if char == '"' else state
            elif char == delimiter:
                column, state = column + 1, "start"
            elif state == "start" and char == '"':
                state, opened = "quoted", at
            elif state == "closing" and char == '"':
                state = "quoted"
            elif state == "closing" and char not in "\r\n":
                name = header[column] if column < len(header) else f"{column + 1}"
                where = "" if opened == at else f", which is opened on line {opened}"
                return Problem(row, at, name, f"text follows the closing quote of a cell{where}; double the quotes inside it")
            elif state == "start":
                state = "plain"
    name = header[column] if column < len(header) else f"{column + 1}"
    return Problem(row, opened or start, name, "a quote is opened here and never closed")


def _before_broken(text: str, delimiter: str, first: int) -> tuple[list[str], int]:
    """The header, and the line on which the first record that cannot be read begins."""
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    header, start = [], first
    with suppress(csv.Error):
        for record in reader:
            header, start = header or record, reader.line_num + first
    return header, start
