"""The rows of a bundle: as JSON lines, and back as what they must be. What does not fit is told with its file and line."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import fields
from datetime import datetime
from typing import Any, get_args

from tierwise.errors import BadInput
from tierwise.policy import policy_from_json
from tierwise.tables.table import value_problem
from tierwise.types import Grade, Outcome, OutcomeStatus, RunKind, RunStatus, Sample, Tier

Row = dict[str, Any]


class Misfit(ValueError):
    """What is wrong with a row."""


def lines(rows: Iterable[Row]) -> bytes:
    return b"".join(one(row) + b"\n" for row in rows)


def one(row: Row) -> bytes:
    return json.dumps({k: _plain(v) for k, v in row.items()}, ensure_ascii=False, allow_nan=False).encode()


def _plain(value: Any) -> Any:
    if isinstance(value, datetime):
        return value.isoformat()
    return None if isinstance(value, float) and not math.isfinite(value) else value


def read(name: str, data: bytes, fit: Callable[[Row], Any]) -> list[Any]:
    """Each line through `fit`.

    Raises:
        BadInput: naming file and line.
    """
    found = []
    for number, line in enumerate(data.split(b"\n"), 1):
        if line or (number == 1 and not name.endswith(".jsonl")):
            try:
                row = json.loads(line.decode(), parse_constant=_no_constant)
                if not isinstance(row, dict):
                    raise Misfit("not an object")
                if wrong := value_problem(row):
                    raise Misfit(wrong)
                found.append(fit(row))
            except (BadInput, Misfit, TypeError, KeyError, ValueError, RecursionError, OverflowError) as error:
                told = f"lacks {error}" if isinstance(error, KeyError) else str(error)[:200]
                raise BadInput(f"{name}, line {number}: {told}. Nothing was imported.") from error
    return found


def sample(row: Row) -> Sample:
    given = {**row, "messages": tuple(row.get("messages", ()))}
    return Sample(**{"input": ""} | given)


def evalset(row: Row) -> Row:
    return _exactly(row, {"id": str, "name": str, "digest": str, "source": str}, ("created_at",))


def run(row: Row) -> Row:
    found = _exactly(
        row,
        {"id": str, "name": str, "evalset_id": str, "kind": str, "status": str, "tiers": list, "params": dict, "note": str},
        ("created_at",),
    )
    if found["kind"] not in get_args(RunKind) or found["status"] not in get_args(RunStatus):
        raise Misfit("a kind or status of run that this Tierwise does not know")
    names = [Tier(**t | {"fallbacks": tuple(t.get("fallbacks", ()))}).name for t in found["tiers"]]
    if not names or len(set(names)) < len(names):
        raise Misfit("tiers without names of their own")
    return found


def outcomes(samples: set[str], tiers: set[str]) -> Callable[[Row], Row]:
    """Of these prompts and tiers, each cell once."""
    seen: set[tuple] = set()
    names = {f.name for f in fields(Outcome)}
    texts = {"output", "error", "finish_reason", "served_model", "call_key", "reused_from"}

    def fit(row: Row) -> Row:
        row = {"confidence": None} | row  # bundles of before have none
        cell = _cell(row, names, samples, tiers)
        if cell in seen:
            raise Misfit("a second outcome of the same prompt, tier and repeat")
        seen.add(cell)
        if row["status"] not in get_args(OutcomeStatus):
            raise Misfit(f"a status {row['status']!r} that no outcome has")
        for name in names - {"sample_id", "tier", "repeat", "status", "created_at"}:
            _kind(name, row[name], str if name in texts else (int, float))
            if name not in texts and row[name] is not None and not 0 <= row[name] < 2**31:
                raise Misfit(f"{name} is below 0, or too large")
            if name == "confidence" and (row[name] or 0) > 1:
                raise Misfit("a confidence over 1")
            if name.endswith("_tokens"):
                _kind(name, row[name], int)
        return row | {"created_at": _moment(row["created_at"])}

    return fit


def grades(samples: set[str], tiers: set[str]) -> Callable[[Row], Row]:
    names = {f.name for f in fields(Grade)}

    def fit(row: Row) -> Row:
        _cell(row, names, samples, tiers)
        _kind("value", row["value"], (int, float))
        if row["value"] is not None and not 0 <= row["value"] <= 1:
            raise Misfit("a grade outside 0 to 1")
        for name in ("scorer", "reason", "author", "explanation", "provenance"):
            _kind(name, row[name], str)
        if None in (row["scorer"], row["author"], row["explanation"]):
            raise Misfit("a grade without a scorer, an author or an explanation")
        return row | {"created_at": _moment(row["created_at"])}

    return fit


def scoring(row: Row) -> Row:
    return _exactly(row, {"scorer": str, "name": str, "options": str}, ("created_at",))


def policy(row: Row) -> Row:
    found = _exactly(row, {"id": str, "name": str, "version": str, "run_id": str, "document": dict}, ("created_at",))
    checked = policy_from_json(found["document"])
    if (checked.id, checked.name, checked.version, checked.run_id) != tuple(found[k] for k in ("id", "name", "version", "run_id")):
        raise Misfit("a policy that is not that of its document")
    return found


def _exactly(row: Row, kinds: dict[str, type], moments: Sequence[str]) -> Row:
    if set(row) != {*kinds, *moments}:
        raise Misfit(f"holds {', '.join(sorted(map(str, set(row) ^ {*kinds, *moments})))[:100]}, or lacks it")
    for name, kind in kinds.items():
        if not isinstance(row[name], kind):
            raise Misfit(f"{name} is not what it should be")
    return row | {name: _moment(row[name]) for name in moments}


def _cell(row: Row, names: set[str], samples: set[str], tiers: set[str]) -> tuple:
    if set(row) != names:
        raise Misfit(f"holds {', '.join(sorted(map(str, set(row) ^ names)))[:100]}, or lacks it")
    if row["sample_id"] not in samples or row["tier"] not in tiers:
        raise Misfit("of a prompt or tier that the run does not have")
    if not isinstance(row["repeat"], int) or isinstance(row["repeat"], bool) or not 0 <= row["repeat"] < 10_000:
        raise Misfit("repeat is no count")
    return row["sample_id"], row["tier"], row["repeat"]


def _kind(name: str, value: Any, kind: type | tuple[type, ...]) -> None:
    if value is not None and (not isinstance(value, kind) or isinstance(value, bool)):
        raise Misfit(f"{name} is not what it should be")


def _moment(text: Any) -> datetime:
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is not None:
        raise Misfit("a moment with a zone; moments are in UTC without its mark")
    return moment


def _no_constant(name: str) -> None:
    raise ValueError(f"{name} is no JSON")
