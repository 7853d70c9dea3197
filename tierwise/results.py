"""The results of a run as a file: one row a prompt, tier and repeat, with what was asked, answered, graded and paid.

CSV and XLSX are for spreadsheets, where text that would be a formula gets an apostrophe; JSON Lines and Parquet are lossless.
"""

from __future__ import annotations

import csv
import io
import json
import math
from collections.abc import Callable, Sequence
from typing import Any

import pandas as pd
import pyarrow as pa

from tierwise.errors import BadInput
from tierwise.grading.grades import AUTOMATIC, CELL, MANUAL, matrix, standing
from tierwise.store import Store
from tierwise.types import Run, Sample

COLUMNS: dict[str, pa.DataType] = {
    "sample_id": pa.string(), "request_type": pa.string(), "prompt": pa.string(), "reference": pa.string(), "tier": pa.string(),
    "model": pa.string(), "repeat": pa.int64(), "status": pa.string(), "output": pa.string(), "error": pa.string(), "grade": pa.float64(),
    "scorer": pa.string(), "reason": pa.string(), "explanation": pa.string(), "prompt_tokens": pa.int64(), "completion_tokens": pa.int64(),
    "cost_usd": pa.float64(), "latency_s": pa.float64(), "served_model": pa.string(), "simulated": pa.bool_(),
}  # fmt: skip
TRIGGERS = ("=", "+", "-", "@", "\t", "\r", "\0")
"""With these a spreadsheet takes a cell for a formula, after spaces and controls that it skips."""
MOST_CHARACTERS = 32_767
"""Of one cell of a spreadsheet."""

Row = dict[str, Any]


def result_rows(store: Store, run: Run, scorer: str | None = None) -> list[Row]:
    """Outcomes in the order of the prompt set and the tiers, each with the grade that counts: a person's newest, else the scorer's.

    Raises:
        NotReady: the run has no grades by that scorer. Without one, ungraded runs are given as they are.
    """
    samples = {s.id: s for s in store.evalsets.get(run.evalset_id).samples}
    place, models = {t.name: k for k, t in enumerate(run.tiers)}, {t.name: t.model for t in run.tiers}
    grades = _grades(store, run, scorer)
    rows = []
    for o in store.runs.outcomes(run.id).to_dict("records"):
        o = {k: None if v is None or (not isinstance(v, str) and pd.isna(v)) else v for k, v in o.items()}
        sample, grade = samples[o["sample_id"]], grades.get((o["sample_id"], o["tier"], o["repeat"]), {})
        told = {k: o[k] for k in COLUMNS if k in o}
        rows.append(told | grade | {
            "request_type": sample.request_type, "prompt": _prompt(sample), "reference": sample.reference, "model": models.get(o["tier"]),
            "simulated": run.simulated or str(models.get(o["tier"], "")).startswith("sim/"),
        })  # fmt: skip
    order = {s: i for i, s in enumerate(samples)}
    rows.sort(key=lambda r: (order[r["sample_id"]], place.get(r["tier"], len(place)), r["repeat"]))
    return [{name: row.get(name) for name in COLUMNS} for row in rows]


def to_csv(rows: Sequence[Row]) -> bytes:
    """For spreadsheets, UTF-8 with the mark by which Excel knows it."""
    text = io.StringIO(newline="")
    writer = csv.writer(text)
    writer.writerow(COLUMNS)
    writer.writerows([_cell(row[name]) for name in COLUMNS] for row in rows)
    return b"\xef\xbb\xbf" + text.getvalue().encode("utf-8", "replace")


def to_xlsx(rows: Sequence[Row]) -> bytes:
    """For spreadsheets: text cells and number cells, never a formula."""
    from tierwise.workbook import workbook

    return workbook("Results", list(COLUMNS), ([_cell(row[name]) for name in COLUMNS] for row in rows), MOST_CHARACTERS)


def to_jsonl(rows: Sequence[Row]) -> bytes:
    return b"".join(json.dumps(row, ensure_ascii=False, allow_nan=False).encode("utf-8", "surrogatepass") + b"\n" for row in rows)


def to_parquet(rows: Sequence[Row]) -> bytes:
    import pyarrow.parquet as parquet

    table = pa.table({name: pa.array([row[name] for row in rows], kind) for name, kind in COLUMNS.items()})
    sink = io.BytesIO()
    parquet.write_table(table, sink, compression="zstd")
    return sink.getvalue()


FORMATS: dict[str, Callable[[Sequence[Row]], bytes]] = {"csv": to_csv, "jsonl": to_jsonl, "parquet": to_parquet, "xlsx": to_xlsx}


def results_file(store: Store, run: Run, suffix: str, scorer: str | None = None) -> bytes:
    """The file of a format, by the suffix that its name would have.

    Raises:
        BadInput: no such format.
    """
    store.require("export_text")
    write = FORMATS.get(suffix.lower().lstrip("."))
    if write is None:
        raise BadInput(f"Results are written as {', '.join(FORMATS)}; {suffix or 'no suffix'} is none of them.")
    data = write(result_rows(store, run, scorer))
    store.note("exported", "run", run.id, run.name, f"results as {suffix.lower().lstrip('.')}")
    return data


def neutral(text: str) -> str:
    """The text, with an apostrophe before it where a spreadsheet would take it for a formula."""
    start = text.lstrip(" \n\v\f\u00a0\ufeff")
    return f"'{text}" if start.startswith(TRIGGERS) or text.startswith(TRIGGERS) else text


def _cell(value: Any) -> Any:
    return neutral(value) if isinstance(value, str) else value


def _prompt(sample: Sample) -> str:
    if sample.input or not sample.messages:
        return sample.input
    return "\n\n".join(f"{m.get('role', '')}: {m.get('content', '')}" for m in sample.messages)


def _grades(store: Store, run: Run, scorer: str | None) -> dict[tuple, Row]:
    """The grade that counts of each cell, by the rule of `grading.matrix`."""
    frame = store.grades.frame(run.id)
    if not len(frame) and scorer is None:
        return {}
    used = matrix(store, run.id, scorer).scorer
    manual = (frame["author"] != AUTOMATIC).to_numpy(bool)
    automatic = frame[~manual & (frame["scorer"] == used).to_numpy(bool)]
    found: dict[tuple, Row] = {}
    for kind, part in ((used, automatic), (MANUAL, standing(frame[manual]))):
        for g in part.to_dict("records"):
            value = g["value"]
            found[tuple(g[c] for c in CELL)] = {
                "grade": None if value is None or math.isnan(value) else float(value),
                "scorer": kind if kind != MANUAL else f"{MANUAL} ({g['author']})",
                "reason": g["reason"] if isinstance(g["reason"], str) else None,
                "explanation": g["explanation"] if isinstance(g["explanation"], str) else None,
            }
    return found
