"""Files as tables: nothing altered in any format; what cannot be kept is refused by its place, and never by a traceback."""

import json
import random
import re

import openpyxl
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from tests.tables.files import TRAPS, WRITERS, csv_file, jsonl_file, repacked, saved, xlsx_file
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
