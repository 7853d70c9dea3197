"""A workbook of one sheet, written with the standard library: cells are inline text or numbers, and nothing else exists to be written."""

import io
import math
import re
import zipfile
from collections.abc import Iterable, Sequence
from typing import Any
from xml.sax.saxutils import escape, quoteattr

MOST_ROWS = 1_048_576
_NO_CHARACTER = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")
_LOOKS_ESCAPED = re.compile(r"_(x[0-9A-Fa-f]{4}_)")
_NOT_IN_A_NAME = re.compile(r"[][:*?/\\]")
_HEAD = '<?xml version="1.0" encoding="UTF-8" standalone="yes"?>\n'
_MAIN = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
_OFFICE = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
_PACKAGE = "http://schemas.openxmlformats.org/package/2006"
_TYPE = "application/vnd.openxmlformats-officedocument.spreadsheetml"
_PARTS = {
    "[Content_Types].xml": f'<Types xmlns="{_PACKAGE}/content-types"><Default Extension="rels" '
    f'ContentType="application/vnd.openxmlformats-package.relationships+xml"/>'
    f'<Override PartName="/xl/workbook.xml" ContentType="{_TYPE}.sheet.main+xml"/>'
    f'<Override PartName="/xl/worksheets/sheet1.xml" ContentType="{_TYPE}.worksheet+xml"/></Types>',
    "_rels/.rels": f'<Relationships xmlns="{_PACKAGE}/relationships"><Relationship Id="rId1" Type="{_OFFICE}/officeDocument" '
    'Target="xl/workbook.xml"/></Relationships>',
    "xl/_rels/workbook.xml.rels": f'<Relationships xmlns="{_PACKAGE}/relationships"><Relationship Id="rId1" Type="{_OFFICE}/worksheet" '
    'Target="worksheets/sheet1.xml"/></Relationships>',
}


def workbook(sheet: str, columns: Sequence[str], rows: Iterable[Sequence[Any]], most_characters: int = 32_767) -> bytes:
    """The file of a table. A text longer than a cell may hold ends in how much was left out.

    Text is written as it is given; whoever gives it neutralises what a spreadsheet would take for a formula once it is edited.
    """
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as file:
        for name, part in _PARTS.items():
            file.writestr(name, _HEAD + part)
        title = quoteattr(_NOT_IN_A_NAME.sub(" ", sheet)[:31])
        named = f'<sheets><sheet name={title} sheetId="1" r:id="rId1"/></sheets>'
        file.writestr("xl/workbook.xml", f'{_HEAD}<workbook xmlns="{_MAIN}" xmlns:r="{_OFFICE}">{named}</workbook>')
        with file.open("xl/worksheets/sheet1.xml", "w", force_zip64=True) as part:
            frozen = '<sheetViews><sheetView workbookViewId="0"><pane ySplit="1" topLeftCell="A2" state="frozen"/></sheetView></sheetViews>'
            part.write(f'{_HEAD}<worksheet xmlns="{_MAIN}">{frozen}<sheetData>'.encode())
            part.write(_row(columns, most_characters))
            for count, row in enumerate(rows, 2):
                if count > MOST_ROWS:
                    break
                part.write(_row(row, most_characters))
            part.write(b"</sheetData></worksheet>")
    return packed.getvalue()


def _row(cells: Sequence[Any], most: int) -> bytes:
    return f"<row>{''.join(_cell(c, most) for c in cells)}</row>".encode()


def _cell(value: Any, most: int) -> str:
    if value is None or (isinstance(value, float) and not math.isfinite(value)):
        return "<c/>"
    if isinstance(value, bool):
        return f'<c t="b"><v>{int(value)}</v></c>'
    if isinstance(value, int | float):
        return f"<c><v>{value!r}</v></c>"
    text = _NO_CHARACTER.sub("\ufffd", str(value))
    if len(text) > most:
        left = f"… ({len(text) - most + 40:,} more characters)"
        text = text[: most - 40] + left
    text = _LOOKS_ESCAPED.sub(r"_x005F_\1", text)  # a workbook would read _x0041_ as the letter A
    return f'<c t="inlineStr"><is><t xml:space="preserve">{escape(text, {chr(13): "_x000D_"})}</t></is></c>'
