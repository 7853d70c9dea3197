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
from tests.tables.malformed import ACCEPTED, BAD
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


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | TEXT,
    lambda v: st.lists(v, max_size=3) | st.dictionaries(TEXT, v, max_size=3),
    max_leaves=5,
)


@given(
    st.lists(st.dictionaries(TEXT.filter(str.strip), JSON, min_size=1, max_size=3), min_size=1, max_size=4), st.booleans(), st.booleans()
)
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


@pytest.mark.parametrize("suffix", ["xlsx", "parquet"])
def test_a_file_that_takes_too_long_is_refused(monkeypatch, suffix):
    monkeypatch.setattr("tierwise.tables.apart.SECONDS", 0.01)
    with pytest.raises(BadInput, match=r"more than 0\.01 seconds"):
        read_table(WRITERS[suffix]([{"prompt": "a"}]), f"slow.{suffix}")


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
    cells = [
        7,
        7.5,
        1e20,
        -0.25,
        True,
        False,
        datetime.date(2026, 1, 31),
        datetime.datetime(2026, 1, 31, 5, 6),
        datetime.time(3, 4),
        datetime.timedelta(hours=26),
    ]
    table = read_table(sheet(("prompt",), *((c,) for c in cells)), "a.xlsx")
    assert [r["prompt"] for r in table.rows] == [
        "7",
        "7.5",
        "1e+20",
        "-0.25",
        "TRUE",
        "FALSE",
        "2026-01-31",
        "2026-01-31T05:06:00",
        "03:04:00",
        "26:00:00",
    ]
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


SHARED = """<sst xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main">
<si><t>prompt</t></si>
<si><t xml:space="preserve">  two\r\nlines_x000D_ </t></si>
<si><r><t xml:space="preserve">rich </t></r><r><rPr><b/></rPr><t>text</t></r></si>
<si><t>a_x005F_x000D_b</t></si><si><t>&lt;b&gt; &amp;amp;</t></si></sst>"""
TYPES = b"</Types>", (
    b'<Override PartName="/xl/sharedStrings.xml" '
    b'ContentType="application/vnd.openxmlformats-officedocument.spreadsheetml.sharedStrings+xml"/></Types>'
)  # fmt: skip


def test_text_as_spreadsheet_programs_write_it():
    """They share strings between cells, write formatted runs, and escape what XML cannot hold."""
    data = sheet(("X0",), ("X1",), ("X2",), ("X3",), ("X4",))
    for i in range(5):
        data = repacked(data, f't="inlineStr"><is><t>X{i}</t></is>'.encode(), f't="s"><v>{i}</v>'.encode())
    kind = b"http://schemas.openxmlformats.org/officeDocument/2006/relationships/sharedStrings"
    link = b'<Relationship Id="rIdS" Type="' + kind + b'" Target="sharedStrings.xml"/>'
    data = without(data, "xl/sharedStrings.xml")
    data = repacked(data, b"</Relationships>", link + b"</Relationships>", {"xl/sharedStrings.xml": SHARED.encode()})
    data = repacked(data, *TYPES)
    texts = [r["prompt"] for r in read_table(data, "a.xlsx").rows]
    assert texts[1:] == ["rich text", "a_x000D_b", "<b> &amp;"]
    assert texts[0].replace("\r\n", "\n") == "  two\nlines\r "


def without(data: bytes, name: str) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(data)) as source, zipfile.ZipFile(out, "w") as target:
        for entry in source.infolist():
            if entry.filename != name:
                target.writestr(entry.filename, source.read(entry))
    return out.getvalue()


def test_headers_of_a_sheet_are_checked():
    told = [str(p) for p in read_table(sheet((None, "a", "a"), ("x", "y", "z")), "a.xlsx").problems]
    assert told == [
        "line 1, column 'A': the column has no name; write one into the header",
        "line 1, column 'a': 2 columns have this name; rename them",
    ]


@pytest.mark.parametrize(
    ("add", "said"),
    [
        ({"xl/media/zeros.bin": b"\0" * (101 * 1024 * 1024)}, "101 MiB in .* parts once unpacked; at most 100 MiB"),
        ({f"xl/media/{i}.bin": b"" for i in range(2_001)}, "0 MiB in 2,0.. parts once unpacked"),
    ],
)
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


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda d: d[: len(d) // 2], "not an XLSX file"),
        (lambda d: repacked(d, b"<sheetData>", b"<sheetDat"), "not an XLSX file that can be read|is empty"),
        (lambda d: repacked(d, b"<c r=", b'<!DOCTYPE x [<!ENTITY a "b">]><c t="e" r='), "declares entities"),
        (lambda d: d.replace(b"xl/workbook.xml", b"xl/workbook.xmx"), "without a workbook"),
    ],
)
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
    table = read_table(
        parquet_file(
            {
                "text": pa.array(["a", None]),
                "large": pa.array(["a", "b"], pa.large_string()),
                "word": pa.array(["x", None]).dictionary_encode(),
                "whole": pa.array([7, None]),
                "float": pa.array([0.5, float("nan")]),
                "flag": pa.array([True, None]),
                "exact": pa.array([decimal.Decimal("1.50"), None]),
                "day": pa.array([datetime.date(2026, 1, 2), None]),
                "list": pa.array([["a", "b"], None]),
                "nested": pa.array([{"a": [1.5, float("nan")]}, None]),
            }
        ),
        "a.parquet",
    )
    assert table.rows[0] == {
        "text": "a",
        "large": "a",
        "word": "x",
        "whole": 7,
        "float": 0.5,
        "flag": True,
        "exact": "1.50",
        "day": "2026-01-02",
        "list": ["a", "b"],
        "nested": {"a": [1.5, None]},
    }
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
