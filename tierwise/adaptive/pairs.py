"""Shadow pairs, from a file of grades or a graded run: what the served answer and the last tier's to the same request were graded."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import PurePath
from typing import Any

from tierwise.errors import BadInput, NotReady
from tierwise.evalsets.columns import normal
from tierwise.importers import cells
from tierwise.importers.traffic.moments import moments
from tierwise.tables import Table, read_table
from tierwise.types import OutcomeMatrix

SIDES = ("served", "frontier")
"""Tiers of a run that holds pairs, as the LiteLLM hook writes them."""
NAMES: Mapping[str, tuple[str, ...]] = {
    "served": ("served", "served_grade", "served_score", "routed", "routed_grade", "routed_score", "cheap", "cheap_score"),
    "frontier": ("frontier", "frontier_grade", "frontier_score", "reference", "reference_score", "shadow", "shadow_score"),
    "loss": ("loss",),
    "time": ("time", "timestamp", "created_at", "date", "datetime"),
    "request_type": ("request_type", "type", "category", "task"),
}


@dataclass(frozen=True)
class Pair:
    """One request that both tiers answered."""

    loss: float
    """The frontier's grade less the grade of the answer served, in [-1, 1]."""
    at: datetime | None = None
    request_type: str | None = None


def read_pairs(data: bytes, filename: str) -> list[Pair]:
    """Pairs in the order of time, or of the file where it has no times. Columns: `served` and `frontier` (grades in [0, 1]), or `loss`.

    Raises:
        BadInput: columns are missing, or a cell is not a grade; the row is named.
    """
    name = PurePath(filename).name
    table = read_table(data, name)
    columns = _columns(table, name)
    if table.problems:
        raise BadInput(f"{name}: {table.problems[0]}")
    losses: list[tuple[int, float]] = []
    for number, row in enumerate(table.rows, 1):
        try:
            loss = _loss(row, columns)
        except cells.Wrong as error:
            raise BadInput(f"{name}: {table.problem(number, error.column, str(error))}") from error
        if loss is not None:
            losses.append((number, loss))
    if not losses:
        raise BadInput(f"{name} holds no pair with both grades.")
    kinds = [_kind(table.rows[number - 1], columns) for number, _ in losses]
    if "time" not in columns:
        return [Pair(loss, None, kind) for (_, loss), kind in zip(losses, kinds, strict=True)]
    times, wrong = moments([table.rows[number - 1].get(columns["time"]) for number, _ in losses])
    missing = [i for i, t in enumerate(times.isna()) if t]
    if wrong or missing:
        at = (wrong or missing)[0]
        raise BadInput(f"{name}: {table.problem(losses[at][0], columns['time'], 'no time; give every pair one, or leave the column out')}")
    found = [Pair(loss, t.to_pydatetime(), k) for (_, loss), t, k in zip(losses, times, kinds, strict=True)]
    return sorted(found, key=lambda pair: pair.at)


def pairs_of(matrix: OutcomeMatrix) -> list[Pair]:
    """Pairs of a graded run with the tiers `served` and `frontier`, in the order of time where its prompts have one (metadata `time`).

    Raises:
        NotReady: other tiers, or no prompt graded on both.
    """
    if set(matrix.tiers) != set(SIDES):
        raise NotReady(f"A run of shadow pairs has the tiers served and frontier; this one has {', '.join(matrix.tiers)}.")
    served, frontier = (matrix.quality[:, matrix.tiers.index(name)] for name in SIDES)
    losses = frontier - served
    graded = [i for i, loss in enumerate(losses) if loss == loss]
    if not graded:
        raise NotReady("No pair has both answers graded yet.")
    times, wrong = moments([matrix.samples[i].metadata.get("time") for i in graded])
    known = not wrong and not times.isna().any()
    found = [
        Pair(float(losses[i]), t.to_pydatetime() if known else None, matrix.samples[i].request_type)
        for i, t in zip(graded, times, strict=True)
    ]
    return sorted(found, key=lambda pair: pair.at) if known else found


def _columns(table: Table, name: str) -> dict[str, str]:
    there = {normal(c): c for c in reversed(table.columns)}
    found = {use: there[normal(n)] for use, names in NAMES.items() for n in reversed(names) if normal(n) in there}
    if "loss" not in found and not {"served", "frontier"} <= found.keys():
        raise BadInput(
            f"{name}: needs the columns served and frontier (grades from 0 to 1), or loss. It has: {', '.join(table.columns[:12])}."
        )
    return found


def _loss(row: Mapping[str, Any], columns: Mapping[str, str]) -> float | None:
    """None where a grade is missing: a pair that is not graded says nothing."""
    if "served" in columns and "frontier" in columns:
        grades = [_read(cells.score, row, columns[use]) for use in ("frontier", "served")]
        return None if None in grades else grades[0] - grades[1]
    loss = _read(_signed, row, columns["loss"])
    return loss


def _signed(value: Any) -> float | None:
    number = cells.cost(str(value).strip().removeprefix("-")) if value is not None else None
    if number is None:
        return None
    if number > 1:
        raise cells.Wrong(f"{value} is no loss: give the difference of two grades, from -1 to 1")
    return -number if str(value).strip().startswith("-") else number


def _read(read: Callable[[Any], float | None], row: Mapping[str, Any], column: str) -> float | None:
    try:
        return read(row.get(column))
    except cells.Wrong as error:
        error.column = column
        raise


def _kind(row: Mapping[str, Any], columns: Mapping[str, str]) -> str | None:
    value = row.get(columns["request_type"]) if "request_type" in columns else None
    return str(value) if value not in (None, "") else None
