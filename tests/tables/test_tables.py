"""Files as tables: nothing altered in any format; what cannot be kept is refused by its place, and never by a traceback."""

import datetime
import decimal
import io
import json
import random
import re
import zipfile

import openpyxl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from tests.tables.files import TRAPS, WRITERS, csv_file, jsonl_file, parquet_file, saved, xlsx_file
from tierwise.errors import BadInput
from tierwise.tables import MAX_CELL, MAX_COLUMNS, READERS, read_table

TEXT = st.text(st.characters(exclude_categories=("Cs",), exclude_characters="\0"))


@pytest.mark.parametrize("suffix", list(READERS))
def test_every_format_gives_the_traps_back(suffix):
    rows = [{"id": name, "prompt": text} for name, text in TRAPS.items()]
    table = read_table(WRITERS[suffix](rows), f"traps.{suffix}")
    assert list(table.rows) == rows
    assert table.columns == ("id", "prompt")
    assert not table.problems


@pytest.mark.parametrize("suffix", list(READERS))
def test_every_format_refuses_nul_by_row_and_column(suffix):
    rows = [{"id": "1", "prompt": "fine"}, {"id": "2", "prompt": "a\0b"}]
    if suffix == "xlsx":
        data = repacked(xlsx_file([{"id": "1", "prompt": "fine"}, {"id": "2", "prompt": "aXb"}]), b"aXb", b"a_x0000_b")
    else:
        data = WRITERS[suffix](rows)
    (problem,) = read_table(data, f"nul.{suffix}").problems
    assert (problem.row, problem.column) == (2, "prompt")
    assert problem.line == {"parquet": None, "json": 6, "jsonl": 2}.get(suffix, 3)
    assert "NUL" in problem.message


@given(st.lists(st.tuples(st.integers().map(str), TEXT, TEXT), min_size=1, max_size=5), st.sampled_from(",;\t|"))
@example([("1", "a\r", "\rb")], ",")
@settings(max_examples=150, deadline=None)
def test_any_text_survives_csv(rows, delimiter):
    rows = [dict(zip(("id", "prompt", "answer"), row, strict=True)) for row in rows]
    table = read_table(csv_file(rows, delimiter), "any.csv")
    assert list(table.rows) == rows and not table.problems


JSON = st.recursive(st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | TEXT,
                    lambda v: st.lists(v, max_size=3) | st.dictionaries(TEXT, v, max_size=3), max_leaves=5)  # fmt: skip


@given(st.lists(st.dictionaries(TEXT.filter(str.strip), JSON, min_size=1, max_size=3), min_size=1, max_size=4), st.booleans(), st.booleans())
@settings(max_examples=150, deadline=None)
def test_any_json_survives(rows, ascii_only, lines):
    texts = [json.dumps(row, ensure_ascii=ascii_only) for row in rows]
    data = "\n".join(texts) if lines else f"[{', '.join(texts)}]"
    table = read_table(data.encode(), "any.jsonl" if lines else "any.json")
    assert list(table.rows) == rows and not table.problems


def damaged(seed: int, suffix: str) -> bytes:
    chance = random.Random(seed)
    whole = bytearray(WRITERS[suffix]([{"prompt": 'a, "b"\nc', "n": "1"}, {"prompt": "é{[", "n": "2"}] * 9))
    for _ in range(chance.choice([1, 2, 5, 20])):
        whole[chance.randrange(len(whole))] = chance.randrange(256)
    return bytes(whole[: chance.choice([len(whole), chance.randrange(1, len(whole))])])


@pytest.mark.parametrize("suffix", list(READERS))
def test_damaged_files_are_read_or_refused_in_words(suffix):
    for seed in range(12 if suffix == "parquet" else 25 if suffix == "xlsx" else 300):
        try:
            table = read_table(damaged(seed, suffix), f"damaged.{suffix}")
        except BadInput as error:
            assert str(error).startswith(f"damaged.{suffix}: ")
        else:
            assert table.rows or table.problems


def test_a_file_that_ends_its_reader_is_refused():
    with pytest.raises(BadInput, match="sudden end"):
        read_table(sheet_with_a_far_cell(), "far.xlsx")


def sheet_with_a_far_cell() -> bytes:
    book = openpyxl.Workbook()
    book.active["A1"], book.active["XFD1048576"] = "prompt", "x"
    return saved(book)


def test_a_file_that_takes_too_long_is_refused(monkeypatch):
    monkeypatch.setattr("tierwise.tables.apart.SECONDS", 0.01)
    with pytest.raises(BadInput, match=r"more than 0\.01 seconds"):
        read_table(xlsx_file([{"prompt": "a"}]), "slow.xlsx")


BAD = {
    "an empty file": ("a.csv", b"", "the file is empty"),
    "only white space": ("a.csv", b" \r\n\r\n", "the file is empty"),
    "empty JSON Lines": ("a.jsonl", b"\n\n", "the file is empty"),
    "an empty list": ("a.json", b" [] ", "the list is empty"),
    "only a header": ("a.csv", b"prompt,answer\r\n", "line 1: there is a header, 'prompt', 'answer', and no row"),
    "two columns of one name": ("a.csv", b"prompt,x,prompt\r\na,b,c\r\n", r"line 1, column 'prompt': columns 1 and 3 have the same name"),
    "a column without a name": ("a.csv", b"prompt,,x\r\na,b,c\r\n", r"line 1, column '2': the column has no name"),
    "a short row": ("a.csv", b"prompt,answer,type\r\na,b,c\r\nd\r\n", r"row 2 \(line 3\), column 'answer': .*: 1 cell, and the header has 3"),
    "a long row": ("a.csv", b"prompt,answer\r\na,b\r\nc,d,e,f\r\n", r"row 2 \(line 3\): 4 cells.*first too many is 'e'"),
    "an unquoted comma": ("a.csv", b"prompt\r\nfine\r\nHello, you\r\n", r"row 2 \(line 3\): 2 cells.*' you'"),
    "a quote that never closes": ("a.csv", b'prompt,answer\r\na,b\r\n"c,d\r\ne,f\r\n', r"row 2 \(line 3\), column 'prompt': a quote is opened here and never closed"),
    "a quote that closes too soon": ("a.csv", b'prompt,answer\r\na,b\r\nc,"d "e" f"\r\n', r"row 2 \(line 3\), column 'answer': text follows the closing quote"),
    "a quote that closes lines later": ("a.csv", b'prompt,answer\r\n"a,b\r\nc,"d"\r\n', r"row 1 \(line 3\), column 'prompt': .*opened on line 2"),
    "a quote in the header": ("a.csv", b'"prompt,answer\r\na,b\r\n', r"line 1, column '1': a quote"),
    "NUL": ("a.csv", b"prompt\r\nab\0c\r\n", r"row 1 \(line 2\), column 'prompt': .*NUL character \(at character 3\)"),
    "UTF-16 without a mark": ("a.csv", "prompt\r\nhello\r\n".encode("utf-16-le"), "line 1: .*UTF-16"),
    "broken UTF-16": ("a.csv", b"\xff\xfep\0r\0\x00\xd8", "marked as UTF-16"),
    "broken UTF-8": ("a.csv", "prompt\r\né è ü\r\n".encode() + b"\xff\r\n", "line 3: byte 0xff is damaged UTF-8"),
    "no encoding at all": ("a.csv", b"prompt\r\n\x81\x8d\r\n", "line 2: byte 0x81 is neither"),
    "20,000 columns": ("a.csv", (",".join(f"c{i}" for i in range(20_000)) + "\n").encode() * 2, r"20,000 columns; at most 1,000.*'c1000'"),
    "20,000 keys": ("a.json", json.dumps([{f"c{i}": 1 for i in range(20_000)}]).encode(), "20,000 columns"),
    "a cell of 30 MB": ("a.csv", b"id,prompt\r\n1,a\r\n2," + b"x" * 30_000_000 + b"\r\n", r"row 2 \(line 3\), column 'prompt': 30,000,000 characters"),
    "a value of 30 MB": ("a.jsonl", b'{"p": "a"}\n{"p": "' + b"x" * 30_000_000 + b'"}', r"row 2 \(line 2\), column 'p': 30,000,000 characters"),
    "a line that is no object": ("a.jsonl", b'{"prompt": "a"}\n"b"\n[1]\n3\nnull\n', r"row 2 \(line 2\): a text; each line should be an object"),
    "a line cut short": ("a.jsonl", b'{"prompt": "a"}\n{"prompt": "b', r"row 2 \(line 2\): not JSON at character 12"),
    "a key twice": ("a.jsonl", b'{"prompt": "a"}\n{"prompt": "b", "prompt": "c"}', r"row 2 \(line 2\): the key 'prompt' comes twice"),
    "a key twice in a list": ("a.json", b'[{"prompt": "a"},\n{"m": {"x": 1, "x": 1}}]', r"row 2 \(line 2\): the key 'x' comes twice"),
    "NaN": ("a.jsonl", b'{"weight": NaN}', r"row 1 \(line 1\): NaN is no JSON"),
    "infinity by size": ("a.jsonl", b'{"weight": 1e999}', r"row 1 \(line 1\): 1e999 is too large"),
    "a number without end": ("a.jsonl", b'{"weight": ' + b"9" * 5_000 + b"}", r"row 1 \(line 1\): a number of more than 4,300 digits"),
    "half a surrogate pair": ("a.jsonl", b'{"prompt": "a\\ud800b"}', r"row 1 \(line 1\), column 'prompt': holds half of a surrogate pair \(at character 2\)"),
    "half a pair inside": ("a.jsonl", b'{"prompt": "a", "m": {"\\udfff": 1}}', r"row 1 \(line 1\), column 'm': holds half"),
    "a key that is no text": ("a.jsonl", b'{"prompt": "a", "\\ud800": 1}', r"row 1 \(line 1\): the key '\\ud800' holds half"),
    "a key without a name": ("a.jsonl", b'{"prompt": "a"}\n{"": 1}', r"row 2 \(line 2\): the key '' has no name"),
    "lists 200,000 deep": ("a.json", b"[" * 200_000, r"row 1 \(line 1\): nested too deep"),
    "objects 200,000 deep": ("a.jsonl", b'{"a":' * 200_000, r"row 1 \(line 1\): nested too deep"),
    "lists 100 deep": ("a.jsonl", b'{"a": ' + b"[" * 100 + b"]" * 100 + b"}", r"row 1 \(line 1\), column 'a': nested more than 50 deep"),
    "a list cut short": ("a.json", b'[{"prompt": "a"},\n{"prompt": "b"}', r"row 2 \(line 2\): the file ends inside the list"),
    "an object cut short": ("a.json", b'[{"prompt": "a"},\n{"prompt": ', r"row 2 \(line 2, character 12\)"),
    "a comma missing": ("a.json", b'[{"prompt": "a"}\n{"prompt": "b"}]', r"row 1 \(line 2\): '\{' where a comma or \] should be"),
    "text after the list": ("a.json", b'[{"prompt": "a"}]\nx', r"line 2: text follows the end of the list"),
    "elements that are no objects": ("a.json", b'[{"prompt": "a"},\n"b"]', r"row 2 \(line 2\): a text; each element"),
    "JSON without rows": ("a.json", b'{"a": 1}', "no list of objects"),
    "JSON with two lists": ("a.json", b'{"a": [{"x": 1}], "b": [{"x": 2}]}', "lists of objects under 'a', 'b'; keep one"),
    "JSON that is text": ("a.json", b'"hello"', "holds a text"),
    "a suffix of no format": ("a.docx", b"x", r"reads csv, .*; this name ends in \.docx"),
    "no suffix": ("prompts", b"x", "no suffix"),
    "XLSX under another name": ("a.csv", b"PK\x03\x04....", "this is a ZIP or XLSX file"),
    "text as XLSX": ("a.xlsx", b"prompt\r\na\r\n", "not an XLSX file"),
    "an old spreadsheet": ("a.xlsx", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + b"\0" * 600, "an old .xls file, or an XLSX file with a password"),
    "text as Parquet": ("a.parquet", b"not parquet", "not a Parquet file"),
    "half a Parquet file": ("a.parquet", parquet_file({"prompt": ["a"] * 100})[:200], "not a Parquet file"),
    "Parquet without rows": ("a.parquet", parquet_file({"prompt": pa.array([], pa.string())}), "columns and no row"),
    "Parquet with two columns of one name": ("a.parquet", parquet_file(pa.Table.from_arrays([pa.array(["a"])] * 2, ["p", "p"])), "two columns are called 'p'"),
    "Parquet with NUL": ("a.parquet", parquet_file({"prompt": ["a", "b\0"]}), "row 2, column 'prompt': holds a NUL"),
    "Parquet with infinity": ("a.parquet", parquet_file({"weight": [1.0, float("inf")]}), "row 2, column 'weight': inf is no number"),
    "Parquet with broken text": ("a.parquet", parquet_file({"p": pa.Array.from_buffers(pa.string(), 1, pa.array([b"\xff"]).buffers())}), "Invalid UTF8"),
}  # fmt: skip


@pytest.mark.parametrize("what", BAD)
def test_a_malformed_file_is_refused_by_its_place(what):
    name, data, said = BAD[what]
    try:
        told = "; ".join(map(str, read_table(data, name).problems))
    except BadInput as error:
        told = str(error)
        assert told.startswith(f"{name}: ")
    assert re.search(said, told), told
    assert len(told) < 700


ACCEPTED = {
    "a mark": ("a.csv", b"\xef\xbb\xbfprompt,n\r\na,1\r\n", [{"prompt": "a", "n": "1"}], None),
    "UTF-16": ("a.csv", "prompt,n\r\né,1\r\n".encode("utf-16"), [{"prompt": "é", "n": "1"}], "The file is UTF-16"),
    "UTF-32": ("a.csv", "prompt,n\r\né,1\r\n".encode("utf-32"), [{"prompt": "é", "n": "1"}], "The file is UTF-32"),
    "Windows-1252": ("a.csv", "prompt,n\r\na,1\r\nGröße “x” 5 €,1\r\n".encode("cp1252"), [{"prompt": "a", "n": "1"}, {"prompt": "Größe “x” 5 €", "n": "1"}],
                     "read as Windows-1252, so that line 3 has 'Größe'"),
    "JSON in Windows-1252": ("a.jsonl", '{"prompt": "Größe"}'.encode("cp1252"), [{"prompt": "Größe"}], "Windows-1252"),
    "semicolons": ("a.csv", b"prompt;n\r\nHello, you;1,5\r\nYes, no;2\r\n", [{"prompt": "Hello, you", "n": "1,5"}, {"prompt": "Yes, no", "n": "2"}], "semicolons"),
    "a said delimiter": ("a.csv", b"sep=;\r\nprompt;n\r\na;1\r\n", [{"prompt": "a", "n": "1"}], "semicolons"),
    "bars": ("a.csv", b"prompt|n\na, b|1\n", [{"prompt": "a, b", "n": "1"}], "bars"),
    "tabs": ("a.csv", b"prompt\tn\na, b\t1\n", [{"prompt": "a, b", "n": "1"}], "tabs"),
    "quoted semicolons": ("a.csv", b'"prompt";"n"\r\n"a;b, c";"1"\r\n', [{"prompt": "a;b, c", "n": "1"}], "semicolons"),
    "semicolons inside cells": ("a.csv", b"prompt,n\r\na;b;c,1\r\nd;e;f,2\r\n", [{"prompt": "a;b;c", "n": "1"}, {"prompt": "d;e;f", "n": "2"}], None),
    "bare line feeds": ("a.csv", b"prompt,n\na,1\nb,2", [{"prompt": "a", "n": "1"}, {"prompt": "b", "n": "2"}], None),
    "bare carriage returns": ("a.csv", b"prompt,n\ra,1\rb,2\r", [{"prompt": "a", "n": "1"}, {"prompt": "b", "n": "2"}], None),
    "blank lines": ("a.csv", b"prompt\na\n\nb\n\n\n", [{"prompt": "a"}, {"prompt": "b"}], "Blank line 3 was passed over"),
    "an empty prompt": ("a.csv", b'prompt\na\n""\nb\n', [{"prompt": "a"}, {"prompt": ""}, {"prompt": "b"}], None),
    "rows without a value": ("a.csv", b"prompt,n\na,1\n,\n,\n", [{"prompt": "a", "n": "1"}], "Lines 3 and 4 without any value were passed over"),
    "an index without a name": ("a.csv", b",prompt\n0,a\n1,b\n", [{"prompt": "a"}, {"prompt": "b"}], "Column 1 has no name and counts the rows"),
    "a column that is not there": ("a.csv", b"prompt,n,\na,1,\nb,2,\n", [{"prompt": "a", "n": "1"}, {"prompt": "b", "n": "2"}], "neither a name nor a value"),
    "blank lines of JSON": ("a.jsonl", b'{"p": 1}\r\n\r\n{"p": 2}\r\n\r\n', [{"p": 1}, {"p": 2}], "Blank line 2"),
    "lines named JSON": ("a.json", b'{"p": "a"}\n{"p": "b"}\n', [{"p": "a"}, {"p": "b"}], "read as JSON Lines"),
    "JSON named lines": ("a.jsonl", b'[\n{"p": "a"}\n]\n', [{"p": "a"}], "read as JSON"),
    "JSON in one line named lines": ("a.jsonl", b'[{"p": "a"}]', [{"p": "a"}], "read as JSON"),
    "a list in an object": ("a.json", b'{"version": 2, "data": [{"p": "a"}]}', [{"p": "a"}], "under 'data'. Left out: 'version'"),
    "bytes that are text": ("a.parquet", parquet_file({"p": pa.array(["é".encode()], pa.binary())}), [{"p": "é"}], "holds bytes"),
    "binary data": ("a.parquet", parquet_file({"p": ["a"], "image": [b"\xff\xd8"]}), [{"p": "a"}], "Column 'image' holds binary data; it was left out"),
    "binary data inside": ("a.parquet", parquet_file({"p": ["a"], "image": [{"bytes": b"\xff"}]}), [{"p": "a"}], "Column 'image' holds binary"),
}  # fmt: skip


@pytest.mark.parametrize("what", ACCEPTED)
def test_an_unusual_file_is_read_and_what_is_unusual_is_told(what):
    name, data, rows, notice = ACCEPTED[what]
    table = read_table(data, name)
    assert list(table.rows) == rows and not table.problems
    assert table.notices == () if notice is None else notice in " ".join(table.notices)


def test_lines_are_those_of_an_editor():
    table = read_table(b'sep=,\r\nprompt,n\r\n"two\nlines",1\r\n\r\nb,x,y\r\n', "a.csv")
    assert table.lines == [3, 6] and table.problems[0].line == 6
    assert read_table(b'[\n{"p": 1},\n\n{"p":\n2}, {"p": 3}]', "a.json").lines == [2, 4, 5]


def test_a_float_remembers_how_it_was_written():
    (row,) = read_table(b'{"p": 4.50, "q": 7}', "a.jsonl").rows
    assert row["p"] == 4.5 and row["p"].text == "4.50"
    assert json.dumps(row) == '{"p": 4.5, "q": 7}'


@pytest.mark.parametrize("suffix", list(READERS))
def test_too_many_rows_are_refused(suffix):
    rows = [{"prompt": f"p{i}"} for i in range(11)]
    assert len(read_table(WRITERS[suffix](rows), f"a.{suffix}", max_rows=11).rows) == 11
    with pytest.raises(BadInput, match="rows; at most 10"):
        read_table(WRITERS[suffix](rows), f"a.{suffix}", max_rows=10)


def test_a_file_that_is_too_large_is_not_read(monkeypatch):
    monkeypatch.setattr("tierwise.settings.MAX_UPLOAD_BYTES", 10)
    with pytest.raises(BadInput, match="at most 0 MiB"):
        read_table(b"prompt\r\nlong\r\n", "a.csv")


def test_a_thousand_columns_and_eight_million_characters_are_read():
    assert len(read_table(csv_file([{f"c{i}": "x" for i in range(MAX_COLUMNS)}]), "a.csv").columns) == MAX_COLUMNS
    assert not read_table(jsonl_file([{"p": "x" * MAX_CELL}]), "a.jsonl").problems


# Spreadsheets


def sheet(*rows: tuple, **others: list) -> bytes:
    book = openpyxl.Workbook()
    for row in rows:
        book.active.append(row)
    for title in others:
        book.create_sheet(title)
    return saved(book)


def repacked(data: bytes, old: bytes, new: bytes, add: dict[str, bytes] | None = None) -> bytes:
    """An XLSX file with some bytes of its parts replaced."""
    out = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(data)) as source, zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as target:
        for entry in source.infolist():
            target.writestr(entry.filename, source.read(entry).replace(old, new))
        for name, content in (add or {}).items():
            target.writestr(name, content)
    return out.getvalue()


def test_cells_that_are_no_text_become_the_text_they_stand_for():
    cells = [7, 7.5, 1e20, -0.25, True, False, datetime.date(2026, 1, 31), datetime.datetime(2026, 1, 31, 5, 6), datetime.time(3, 4), datetime.timedelta(hours=26)]
    table = read_table(sheet(("prompt",), *((c,) for c in cells)), "a.xlsx")
    assert [r["prompt"] for r in table.rows] == [
        "7", "7.5", "1e+20", "-0.25", "TRUE", "FALSE", "2026-01-31", "2026-01-31T05:06:00", "03:04:00", "26:00:00"
    ]  # fmt: skip
    assert table.typed == {"prompt": tuple(range(1, 11))}


def test_only_the_first_sheet_is_read_and_the_others_are_named():
    table = read_table(sheet(("prompt",), ("a",), Notes=[], Old=[]), "a.xlsx")
    assert table.notices == ("Only the first sheet, 'Sheet', was read; the others are 'Notes', 'Old'.",)


def test_rows_are_numbered_as_the_spreadsheet_numbers_them():
    table = read_table(sheet((), (None, "prompt", "n"), (None, "a", 1), (), (None, "b", 2)), "a.xlsx")
    assert list(table.rows) == [{"prompt": "a", "n": "1"}, {"prompt": "b", "n": "2"}]
    assert table.lines == [3, 5]
    assert table.notices == ("Empty row 4 of the sheet was passed over.",)


def test_errors_in_cells_are_kept_and_told_and_formulas_give_their_value():
    data = sheet(("prompt", "n"), ("#DIV/0!", "=1+1"), ("b", "c"))
    assert [str(p) for p in read_table(data, "a.xlsx").problems] == [
        "row 1 (line 2), column 'n': a formula without a value; save the file in a spreadsheet program"
    ]
    computed = repacked(data, b"<v></v></c>", b"<v>2</v></c>")
    table = read_table(computed, "a.xlsx")
    assert table.rows[0] == {"prompt": "#DIV/0!", "n": "2"}
    assert "an error such as #DIV/0! in row 1" in table.notices[0]


def test_headers_of_a_sheet_are_checked():
    told = [str(p) for p in read_table(sheet((None, "a", "a"), ("x", "y", "z")), "a.xlsx").problems]
    assert told == ["line 1, column 'A': the column has no name; write one into the header", "line 1, column 'a': 2 columns have this name; rename them"]


@pytest.mark.parametrize(("add", "said"), [
    ({"xl/media/zeros.bin": b"\0" * (101 * 1024 * 1024)}, "101 MiB in .* parts once unpacked; at most 100 MiB"),
    ({f"xl/media/{i}.bin": b"" for i in range(2_001)}, "0 MiB in 2,0.. parts once unpacked"),
])  # fmt: skip
def test_a_bomb_is_refused_by_what_it_declares(add, said):
    data = repacked(sheet(("prompt",), ("a",)), b"", b"", add)
    assert len(data) < 1_000_000
    with pytest.raises(BadInput, match=said):
        read_table(data, "a.xlsx")


def test_a_bomb_that_lies_about_its_size_is_refused():
    data = bytearray(repacked(sheet(("prompt",), ("a",)), b"", b"", {"xl/media/zeros.bin": b"\0" * 5_000_000}))
    size = (5_000_000).to_bytes(4, "little")
    at = data.index(size, data.index(b"PK\x01\x02"))
    data[at : at + 4] = (5).to_bytes(4, "little")
    with pytest.raises(BadInput, match="not an XLSX file"):
        read_table(bytes(data), "a.xlsx")


@pytest.mark.parametrize(("change", "said"), [
    (lambda d: d[: len(d) // 2], "not an XLSX file"),
    (lambda d: repacked(d, b"<sheetData>", b"<sheetDat"), "not an XLSX file that can be read|is empty"),
    (lambda d: repacked(d, b"<c r=", b'<!DOCTYPE x [<!ENTITY a "b">]><c t="e" r='), "declares entities"),
    (lambda d: d.replace(b"xl/workbook.xml", b"xl/workbook.xmx"), "without a workbook"),
])  # fmt: skip
def test_a_damaged_spreadsheet_is_refused(change, said):
    with pytest.raises(BadInput, match=said):
        read_table(change(sheet(("prompt",), ("a",))), "a.xlsx")


def test_an_encrypted_archive_is_refused():
    data = bytearray(sheet(("prompt",), ("a",)))
    data[data.index(b"PK\x01\x02") + 8] |= 1
    with pytest.raises(BadInput, match="Remove its password"):
        read_table(bytes(data), "a.xlsx")


# Parquet


def test_values_of_every_type_become_what_json_can_hold():
    table = read_table(parquet_file({
        "text": pa.array(["a", None]), "large": pa.array(["a", "b"], pa.large_string()), "word": pa.array(["x", None]).dictionary_encode(),
        "whole": pa.array([7, None]), "float": pa.array([0.5, float("nan")]), "flag": pa.array([True, None]), "exact": pa.array([decimal.Decimal("1.50"), None]),
        "day": pa.array([datetime.date(2026, 1, 2), None]), "list": pa.array([["a", "b"], None]), "nested": pa.array([{"a": [1.5, float("nan")]}, None]),
    }), "a.parquet")  # fmt: skip
    assert table.rows[0] == {"text": "a", "large": "a", "word": "x", "whole": 7, "float": 0.5, "flag": True, "exact": "1.50", "day": "2026-01-02",
                             "list": ["a", "b"], "nested": {"a": [1.5, None]}}  # fmt: skip
    assert set(table.rows[1].values()) == {None, "b"}


def test_the_index_of_a_data_frame_is_left_out():
    import pandas as pd

    frame = pd.DataFrame({"prompt": ["a", "b"]}, index=[5, 9])
    out = io.BytesIO()
    frame.to_parquet(out)
    table = read_table(out.getvalue(), "a.parquet")
    assert table.columns == ("prompt",) and "index of a data frame" in table.notices[0]


def test_a_parquet_bomb_is_refused_by_its_metadata():
    out = io.BytesIO()
    pq.write_table(pa.table({"prompt": pa.DictionaryArray.from_arrays(pa.array([0] * 300_000, pa.int32()), ["x" * 500])}), out)
    assert len(out.getvalue()) < 20_000
    with pytest.raises(BadInput, match="300,000 rows; at most 100,000"):
        read_table(out.getvalue(), "a.parquet")


def test_a_dictionary_does_not_unpack_into_gigabytes():
    out = io.BytesIO()
    pq.write_table(pa.table({"prompt": pa.DictionaryArray.from_arrays(pa.array([0] * 90_000, pa.int32()), ["x" * 1_000_000])}), out)
    with pytest.raises(BadInput, match="more than 200,000,000 characters"):
        read_table(out.getvalue(), "a.parquet")


def test_lists_that_unpack_without_end_are_refused():
    out = io.BytesIO()
    values = pa.nulls(25_000_000, pa.int8())
    pq.write_table(pa.table({"prompt": ["a"], "list": pa.ListArray.from_arrays(pa.array([0, len(values)], pa.int32()), values)}), out)
    with pytest.raises(BadInput, match="values once unpacked"):
        read_table(out.getvalue(), "a.parquet")
