"""Results as files: nothing in a spreadsheet is a formula, and what is lossless comes back equal."""

import csv
import io
import json

import pandas as pd
import pytest
from openpyxl import load_workbook
from python_calamine import CalamineWorkbook

from tierwise.errors import BadInput, NotReady
from tierwise.evalsets import evalset_of
from tierwise.grading.grades import record_manual
from tierwise.results import COLUMNS, FORMATS, result_rows, results_file, to_csv, to_jsonl, to_parquet, to_xlsx
from tierwise.types import Grade, Outcome, Run, Sample, Tier
from tierwise.workbook import workbook

FORMULAS = [
    "=1+1",
    '=HYPERLINK("http://127.0.0.1:9/","x")',
    "+1",
    "-1+cmd|' /C calc'!A0",
    "@SUM(A1)",
    "\t=1",
    "\r=1",
    "  =1",
    "\n=1",
    "\ufeff=1",
]
TRAPS = [
    "NA",
    "null",
    "007",
    "",
    "1e5",
    "true",
    "\u0645\u0631\u062d\u0628\u0627",
    "a\r\nb",
    'a,b"c',
    "  spaced  ",
    "'quoted",
    "_x0041_",
    "😀",
    "<b>&amp;</b>",
]


@pytest.fixture
def run(store) -> Run:
    texts = FORMULAS + TRAPS
    samples = [Sample(f"{i}", f"{t} prompt" if not t.strip() else t, t or None, t or None) for i, t in enumerate(texts)]
    info = store.evalsets.add(evalset_of("traps", samples))
    tiers = (Tier("=cheap", "test/=cheap"), Tier("dear", "sim/dear"))
    run = Run("traps", "=traps", info.id, "recorded", tiers, "done", {"scorer": "exact"})
    cells = [(s, t, k) for s in samples for k, t in enumerate(tiers)]
    known = {"prompt_tokens": 5, "completion_tokens": 7, "latency_s": 0.5, "served_model": "=m"}
    outcomes = [Outcome(s.id, t.name, output=texts[int(s.id)], cost_usd=-0.001 + k, **known)
                for s, t, k in cells]  # fmt: skip
    grades = [
        Grade(s.id, t.name, None if s.id == "3" else 0.5, "exact", 0, "=why" if s.id == "3" else None, explanation="+told")
        for s, t, _ in cells
    ]
    store.runs.record(run.id, outcomes, grades)
    return store.runs.add(run)


def test_rows_are_in_order_with_the_grade_that_counts(store, run):
    record_manual(store, run.id, "0", "dear", 1.0, "Ada")
    rows = result_rows(store, run)
    assert [(r["sample_id"], r["tier"]) for r in rows[:4]] == [("0", "=cheap"), ("0", "dear"), ("1", "=cheap"), ("1", "dear")]
    assert list(rows[0]) == list(COLUMNS)
    assert (rows[1]["grade"], rows[1]["scorer"]) == (1.0, "manual (Ada)") and (rows[0]["grade"], rows[0]["scorer"]) == (0.5, "exact")
    assert rows[6]["grade"] is None and rows[6]["reason"] == "=why"
    assert [r["simulated"] for r in rows[:2]] == [False, True]


def test_no_cell_of_a_csv_starts_a_formula(store, run):
    data = to_csv(result_rows(store, run))
    found = list(csv.reader(io.StringIO(data.decode("utf-8-sig"), newline="")))
    text = [(c, row[list(COLUMNS).index(c)]) for row in found[1:] for c, kind in COLUMNS.items() if "string" in str(kind)]
    assert not [cell for _, cell in text if cell.strip("\n \ufeff").startswith(("=", "+", "-", "@")) or cell.startswith(("\t", "\r"))]
    assert {cell for name, cell in text if name == "output"} >= {f"'{t}" for t in FORMULAS}
    assert found[1][list(COLUMNS).index("cost_usd")] == "-0.001", "numbers stay numbers"


def test_no_cell_of_a_workbook_is_a_formula(store, run):
    rows = result_rows(store, run)
    data = to_xlsx(rows)
    sheet = load_workbook(io.BytesIO(data)).active
    kinds = {cell.data_type for line in sheet.iter_rows() for cell in line}
    assert kinds <= {"s", "n", "b", "inlineStr"} and "f" not in kinds
    assert not [
        c.value
        for line in sheet.iter_rows()
        for c in line
        if isinstance(c.value, str) and c.value.startswith(("=", "+", "-", "@", "\t", "\r"))
    ]
    read = CalamineWorkbook.from_filelike(io.BytesIO(data)).get_sheet_by_index(0).to_python()
    assert read[0] == list(COLUMNS)
    at = {name: i for i, name in enumerate(COLUMNS)}
    assert read[1][at["cost_usd"]] == -0.001 and read[1][at["prompt_tokens"]] == 5 and read[2][at["simulated"]] is True
    outputs = [line[at["output"]] for line in read[1:]]
    assert {"007", "NA", "_x0041_", "  spaced  ", "😀", "<b>&amp;</b>"} <= set(outputs)


def test_json_lines_and_parquet_lose_nothing(store, run):
    rows = result_rows(store, run)
    assert [json.loads(line) for line in to_jsonl(rows).decode().split("\n")[:-1]] == rows
    back = pd.read_parquet(io.BytesIO(to_parquet(rows)), dtype_backend="numpy_nullable")
    assert back.to_dict("records")[0]["output"] == "=1+1"
    for name in ("output", "prompt", "reference", "reason"):
        assert [None if pd.isna(v) else v for v in back[name]] == [r[name] for r in rows]


def test_every_format_of_the_working_example(store, demo):
    for suffix in FORMATS:
        assert len(results_file(store, demo, suffix)) > 10_000
    with pytest.raises(BadInput, match="csv, jsonl, parquet, xlsx"):
        results_file(store, demo, "docx")
    with pytest.raises(NotReady):
        results_file(store, demo, "csv", scorer="rouge")


def test_a_long_text_is_cut_where_a_cell_ends_and_says_so():
    read = (
        CalamineWorkbook.from_filelike(io.BytesIO(workbook("a/b", ["x"], [["y" * 40_000], ["bad \x07\ufffe"]])))
        .get_sheet_by_index(0)
        .to_python()
    )
    assert len(read[1][0]) <= 32_767 and read[1][0].endswith("more characters)")
    assert read[2][0] == "bad \ufffd\ufffd"
