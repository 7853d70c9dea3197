"""Files of other evaluation tools, told by their shape and put as the plain table that the importers read. One file a tool.

A tool is a function from what its file holds to rows, or None where the file is not its own; `TOOLS` holds them by name.
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Sequence
from contextlib import suppress
from pathlib import PurePath
from typing import Any

from tierwise.errors import BadInput
from tierwise.importers.tools import datasets, inspect_logs, openai_evals, promptfoo  # noqa: F401  (importing them registers them)
from tierwise.importers.tools.shape import TOOLS, Row, Taken

MARKS = ((b'"provider"', b'"results"'), (b'"eval"', b'"task"'), (b'"spec"', b'"run_id"'), (b'"datasource_item"',),
         (b'"inputs"', b'"outputs"'), (b"expectedOutput", b"datasetId"), (b'"expectedOutput"',), (b'"expected_output"',))  # fmt: skip
"""What the files of tools hold, each of its own; a file without is not read twice."""

__all__ = ["TOOLS", "Row", "Taken", "joined", "recognise", "translated"]


def recognise(data: bytes, filename: str, tool: str = "auto") -> Taken | None:
    """What the file is of, by its shape; None for a plain table, which is not of a tool.

    Raises:
        BadInput: `tool` is named and the file is not of it, or has nothing to take.
    """
    named = [(tool, TOOLS[tool])] if tool != "auto" else TOOLS.items()
    content = _content(data, filename)
    for _, entry in named if content is not None else ():
        taken = entry(content)
        if taken is not None:
            if not taken.rows:
                raise BadInput(f"{filename}: {taken.says} It holds no answers.")
            return taken
    if tool != "auto":
        raise BadInput(f"{filename} does not look like a file of {tool}. Leave the format out to have it told by its shape.")
    return None


def translated(data: bytes, filename: str, kind: str) -> tuple[bytes, str, list[str]]:
    """The file as JSON Lines of plain rows with what to say about it; a file that is of no tool, or of another kind, as it is."""
    taken = recognise(data, filename)
    if taken is None or taken.kind != kind:
        return data, filename, []
    return as_lines(taken.rows), f"{PurePath(filename).stem}.jsonl", [taken.says]


def joined(files: Sequence[tuple[bytes, str]], tool: str = "auto") -> tuple[bytes, str, list[str]]:
    """Several files of results, one for each model as most tools write them, as one.

    Raises:
        BadInput: one of them is of no tool, or holds no results.
    """
    rows, told = [], []
    for data, filename in files:
        taken = recognise(data, filename, tool)
        if taken is None or taken.kind != "results":
            raise BadInput(f"{filename}: several files are read together only where each is a results file of {', '.join(TOOLS)}.")
        rows += taken.rows
        told.append(f"{filename}: {taken.says}")
    return as_lines(rows), f"{PurePath(files[0][1]).stem}.jsonl", told


def as_lines(rows: Sequence[Row]) -> bytes:
    kept = ({k: v for k, v in row.items() if v is not None} for row in rows)
    return b"".join(json.dumps(row, ensure_ascii=True, default=str).encode() + b"\n" for row in kept)


def _opened(value: Any) -> Any:
    """An object or a list written as JSON in a cell of a table, as what it holds; an empty cell as nothing."""
    if isinstance(value, str) and value.lstrip().startswith(("{", "[")):
        with suppress(ValueError, RecursionError):
            return json.loads(value)
    return None if value == "" else value


def _content(data: bytes, filename: str) -> Any:
    """The JSON in a file: its object, or its list, or the list of its lines; of a table in CSV, its rows. None where there is none, or
    nothing that a tool would say."""
    suffix = PurePath(filename).suffix.lower()
    if suffix not in (".json", ".jsonl", ".csv") or not any(all(m in data for m in marks) for marks in MARKS):
        return None
    try:
        text = data.decode("utf-8-sig")
        if suffix == ".csv":
            lines = csv.DictReader(io.StringIO(text, newline=""), strict=True)
            return [{name: _opened(cell) for name, cell in line.items()} for line in lines]
        try:
            found = json.loads(text)
            return [found] if suffix == ".jsonl" and isinstance(found, dict) and "\n" not in text.strip() else found
        except json.JSONDecodeError:
            return [json.loads(line) for line in text.split("\n") if line.strip()]
    except (ValueError, RecursionError, csv.Error):
        return None  # the reader of tables tells what is wrong with it
