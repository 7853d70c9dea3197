"""Spreadsheets: cells as they stand, the first sheet, bombs and damage."""

import datetime
import io
import zipfile

import openpyxl
import pytest

from tests.tables.files import repacked, saved
from tierwise.errors import BadInput
from tierwise.tables import read_table


def sheet(*rows: tuple, **others: list) -> bytes:
    book = openpyxl.Workbook()
    for row in rows:
        book.active.append(row)
    for title in others:
        book.create_sheet(title)
    return saved(book)


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
