"""The same rows of text as a file of each format, written by the libraries that people use."""

import csv
import io
import json
import zipfile

import openpyxl
import pyarrow as pa
import pyarrow.parquet as pq

TRAPS = {
    "NA": "NA",
    "null": "null",
    "None": "None",
    "nan": "nan",
    "#N/A": "#N/A",
    "empty": "",
    "a space": " ",
    "leading zeros": "007",
    "exponent": "1e5",
    "long number": "12345678901234567890",
    "decimal": "4.50",
    "true": "TRUE",
    "date": "2026-01-02",
    "formula": "=1+1",
    "hyperlink": '=HYPERLINK("x","y")',
    "at": "@SUM(A1)",
    "minus": "-3",
    "spaces around": "  both ends  ",
    "tab": "a\tb",
    "newline": "two\nlines",
    "crlf": "two\r\nlines",
    "carriage return": "two\rlines",
    "ends in newline": "line\n",
    "mark inside": "a\ufeffb",
    "mark first": "\ufeffa",
    "right to left": "\u202eabc\u202c",
    "zero width": "a\u200bb\u200dc",
    "emoji": "👍🏽👩‍👩‍👧",
    "combining": "e\u0301 is not é",
    "one quote": 'a 5" pipe',
    "quoted": '"all of it"',
    "quotes first": '"a" and b',
    "apostrophe": "'007",
    "delimiters": "a,b;c|d",
    "line separator": "a\u2028b\u2029c\x85d",
    "backslashes": "\\n \\t \\\\ \\u0041",
    "html": "<img src=x onerror=alert(1)> &amp;",
    "markdown": "![x](http://127.0.0.1/x)",
    "json": '{"a": [1, "b"]}',
    "long": "long text " * 3_000,
    "hebrew": "שלום עולם",
    "mathematical": "𝒳 ≠ 𝒴",
    "private use": "\ue000\uf8ff",
    "percent": "100 %s %d {0}",
    "sql": "'; DROP TABLE samples; --",
}
"""Prompts that one tool or another alters on the way in."""


def csv_file(rows: list[dict], delimiter: str = ",") -> bytes:
    out = io.StringIO(newline="")
    writer = csv.DictWriter(out, list(rows[0]), delimiter=delimiter)
    writer.writeheader()
    writer.writerows(rows)
    return out.getvalue().encode()


def jsonl_file(rows: list[dict]) -> bytes:
    return "\n".join(json.dumps(row) for row in rows).encode()


def xlsx_file(rows: list[dict]) -> bytes:
    book = openpyxl.Workbook()
    sheet = book.active
    for y, row in enumerate([dict(zip(rows[0], rows[0], strict=True)), *rows], 1):
        for x, value in enumerate(row.values(), 1):
            cell = sheet.cell(y, x, value)
            if isinstance(value, str):
                cell.data_type = "s"  # a library that writes text as text; left to itself this one makes formulas and errors of it
    return saved(book)


def saved(book: openpyxl.Workbook) -> bytes:
    out = io.BytesIO()
    book.save(out)
    return out.getvalue()


def parquet_file(columns: dict | pa.Table) -> bytes:
    out = io.BytesIO()
    pq.write_table(columns if isinstance(columns, pa.Table) else pa.table(columns), out)
    return out.getvalue()


WRITERS = {
    "csv": csv_file,
    "tsv": lambda rows: csv_file(rows, "\t"),
    "jsonl": jsonl_file,
    "json": lambda rows: json.dumps(rows, ensure_ascii=False, indent=1).encode(),
    "parquet": lambda rows: parquet_file({name: [row[name] for row in rows] for name in rows[0]}),
    "xlsx": xlsx_file,
}


def repacked(data: bytes, old: bytes, new: bytes, add: dict[str, bytes] | None = None) -> bytes:
    """An XLSX file with some bytes of its parts replaced."""
    out = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(data)) as source, zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as target:
        for entry in source.infolist():
            target.writestr(entry.filename, source.read(entry).replace(old, new))
        for name, content in (add or {}).items():
            target.writestr(name, content)
    return out.getvalue()
