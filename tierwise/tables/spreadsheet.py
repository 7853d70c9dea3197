"""XLSX: the cells of the first sheet as text, with what was no text told."""

import datetime
import io
import re
import struct
import zipfile
import zlib
from collections import defaultdict
from typing import Any
from xml.etree import ElementTree

from tierwise.errors import BadInput
from tierwise.tables.apart import apart
from tierwise.tables.table import READERS, Problem, Table, check_columns, numbers, short, text_problem, too_many_rows

MAX_UNPACKED = 100 * 1024 * 1024
MAX_ENTRIES = 2_000
MAX_CELLS = 10_000_000
BROKEN = (
    zipfile.BadZipFile, zlib.error, struct.error, EOFError, NotImplementedError, RuntimeError, OSError, ValueError, ElementTree.ParseError,
)  # fmt: skip
"""What opening a damaged archive raises."""


@READERS.add("xlsx")
@apart
def read_xlsx(data: bytes, max_rows: int) -> Table:
    import python_calamine

    odd = _guard(data)
    try:
        book = python_calamine.load_workbook(io.BytesIO(data))
        names = book.sheet_names
        sheet = book.get_sheet_by_index(0)
        if sheet.height * sheet.width > MAX_CELLS:
            spans = f"{sheet.height:,} rows and {sheet.width:,} columns"
            raise BadInput(f"sheet {short(names[0])} spans {spans}. Remove what is far outside the table.")
        grid = sheet.to_python(skip_empty_area=True)
        first_row, first_column = sheet.start or (0, 0)
    except BadInput:
        raise
    except BaseException as error:  # the library has an exception class for each layer, and its panics are no Exception
        if not isinstance(error, Exception) and type(error).__name__ != "PanicException":
            raise
        raise BadInput(f"not an XLSX file that can be read: {_line(error)}. Save it again as XLSX, or as CSV.") from error
    others = ", ".join(map(short, names[1:6]))
    notices = [f"Only the first sheet, {short(names[0])}, was read; the others are {others}."] if others else []
    if not grid:
        raise BadInput(f"sheet {short(names[0])} is empty.")
    for (line, place), shown in odd.items():
        row, column = line - 1 - first_row, place - 1 - first_column
        if 0 <= row < len(grid) and 0 <= column < len(grid[row]) and grid[row][column] == "":
            grid[row][column] = shown
    return _table(grid, first_row + 1, first_column, max_rows, notices)


class Shown(str):
    """What a cell shows in place of a value: an error such as #N/A, or a formula that was never computed."""


UNCOMPUTED = "="


def _table(grid: list[list], first_line: int, first_column: int, max_rows: int, notices: list[str]) -> Table:
    header = [_text(cell) for cell in grid[0]]
    used = [i for i, name in enumerate(header) if name.strip() or any(len(r) > i and r[i] != "" for r in grid[1:])]
    header = [header[i] for i in used]
    check_columns(header)
    problems = [
        Problem(None, first_line, _letters(first_column + i), "the column has no name; write one into the header")
        for i, name in zip(used, header, strict=True)
        if not name.strip()
    ]
    for name in {n for n in header if n.strip() and header.count(n) > 1}:
        problems.append(Problem(None, first_line, name, f"{header.count(name)} columns have this name; rename them"))
    rows, lines, empty = [], [], []
    typed: dict[str, list[int]] = defaultdict(list)
    for line, cells in enumerate(grid[1:], first_line + 1):
        values = [cells[i] for i in used]
        if all(v == "" for v in values):
            empty.append(line)
            continue
        if len(rows) == max_rows:
            raise too_many_rows(f"more than {max_rows:,}", max_rows)
        row = {}
        lines.append(line)
        for name, value in zip(header, values, strict=True):
            row[name] = text = _text(value)
            if type(value) is not str:
                if isinstance(value, Shown) and value == UNCOMPUTED:
                    problems.append(Problem(len(rows) + 1, line, name, "a formula without a value; save the file in a spreadsheet program"))
                typed[name].append(len(rows) + 1)
            elif wrong := text_problem(text):
                problems.append(Problem(len(rows) + 1, line, name, wrong))
        rows.append(row)
    if not rows and not problems:
        raise BadInput(f"row {first_line} holds a header, {', '.join(map(short, header[:5]))}, and there is no row below it.")
    inner = [line for line in empty if lines and line < lines[-1]]
    if inner:
        notices.append(f"Empty {numbers(inner, 'row')} of the sheet {'was' if len(inner) == 1 else 'were'} passed over.")
    for name, at in typed.items():
        errors = [i for i in at if rows[i - 1][name].startswith("#")]
        if errors:
            seen = rows[errors[0] - 1][name]
            notices.append(f"Column {short(name)} holds an error such as {seen} in {numbers(errors)}; it is kept as that text.")
    return Table(tuple(dict.fromkeys(header)), rows, lines, tuple(notices), tuple(problems), True, {k: tuple(v) for k, v in typed.items()})


def _text(value: Any) -> str:
    """Numbers without an invented decimal point, dates as ISO 8601, truth values as spreadsheets show them."""
    if isinstance(value, str):
        return str(value)
    if isinstance(value, bool):
        return "TRUE" if value else "FALSE"
    if isinstance(value, float):
        return str(int(value)) if value.is_integer() and abs(value) < 1e15 else repr(value)
    if isinstance(value, datetime.timedelta):
        minutes, seconds = divmod(round(value.total_seconds()), 60)
        return f"{minutes // 60}:{minutes % 60:02d}:{seconds:02d}"
    if isinstance(value, datetime.datetime | datetime.date | datetime.time):
        return value.isoformat()
    return "" if value is None else str(value)


def _guard(data: bytes) -> dict[tuple[int, int], Shown]:
    """Refuse a bomb by the sizes it declares, and find what the reader would pass over: error cells and uncomputed formulas."""
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            entries = archive.infolist()
            unpacked = sum(e.file_size for e in entries)
            if len(entries) > MAX_ENTRIES or unpacked > MAX_UNPACKED:
                found = f"{unpacked / 2**20:,.0f} MiB in {len(entries):,} parts once unpacked"
                raise BadInput(f"{found}; at most {MAX_UNPACKED // 2**20} MiB in {MAX_ENTRIES:,} are read. Save it as CSV.")
            names = {e.filename for e in entries}
            if any(e.flag_bits & 1 for e in entries):
                raise BadInput("the file is encrypted. Remove its password.")
            for entry in entries:  # what is declared must be true: reading stops at the declared size and then checks the sum
                with archive.open(entry) as part:
                    while part.read(1 << 20):
                        pass
            if "xl/workbook.xml" not in names:
                raise BadInput("a ZIP file without a workbook in it. Save it as XLSX.")
            return _odd_cells(archive, names)
    except BadInput:
        raise
    except BROKEN as error:
        if data.startswith(b"\xd0\xcf\x11\xe0"):
            raise BadInput("an old .xls file, or an XLSX file with a password. Save it as XLSX without one.") from error
        raise BadInput(f"not an XLSX file: {_line(error)}.") from error


def _odd_cells(archive: zipfile.ZipFile, names: set[str]) -> dict[tuple[int, int], Shown]:
    """(row, column) of the first sheet, counted from 1, with what the cell shows."""
    path = _first_sheet(archive, names)
    xml = archive.read(path) if path else b""
    if b't="e"' not in xml and b"<f" not in xml and b":f" not in xml:
        return {}
    if b"<!DOCTYPE" in xml:
        raise BadInput("its first sheet declares entities, which no spreadsheet program does. Save it again as XLSX.")
    found = {}
    for _, element in ElementTree.iterparse(io.BytesIO(xml)):
        if element.tag.rpartition("}")[2] != "c":
            continue
        inside = {child.tag.rpartition("}")[2]: child.text for child in element}
        at = re.fullmatch(r"([A-Z]{1,3})(\d{1,7})", element.get("r", ""))
        if at and element.get("t") == "e" and inside.get("v"):
            found[int(at[2]), _number(at[1])] = Shown(inside["v"])
        elif at and "f" in inside and not inside.get("v") and element.get("t") != "str":
            found[int(at[2]), _number(at[1])] = Shown(UNCOMPUTED)
        element.clear()
    return found


def _first_sheet(archive: zipfile.ZipFile, names: set[str]) -> str | None:
    rels = "xl/_rels/workbook.xml.rels"
    sheet = re.search(rb'<(?:\w+:)?sheet\b[^>]*\b\w+:id="([^"]+)"', archive.read("xl/workbook.xml"))
    if sheet is None or rels not in names:
        return None
    for relation in re.findall(rb"<Relationship\b[^>]*>", archive.read(rels)):
        if b'Id="' + sheet[1] + b'"' in relation and (target := re.search(rb'\bTarget="([^"]+)"', relation)):
            path = target[1].decode("utf-8", "replace")
            path = path.lstrip("/") if path.startswith("/") else f"xl/{path}"
            return path if path in names else None
    return None


def _number(letters: str) -> int:
    number = 0
    for letter in letters:
        number = number * 26 + ord(letter) - 64
    return number


def _letters(index: int) -> str:
    """The name of a column as spreadsheets show it, from its index within the table."""
    letters = ""
    index += 1
    while index:
        index, rest = divmod(index - 1, 26)
        letters = chr(65 + rest) + letters
    return letters


def _line(error: BaseException) -> str:
    return " ".join(str(error).split())[:200].rstrip(".") or type(error).__name__
