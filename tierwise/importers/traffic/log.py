"""A traffic log as one table of calls: read, priced, and every row that could not be used counted by its reason."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import lru_cache
from pathlib import PurePath
from typing import Any

import numpy as np
import pandas as pd

from tierwise.endpoints import prices
from tierwise.errors import BadInput
from tierwise.evalsets.columns import listed
from tierwise.evalsets.parsing import error_of
from tierwise.importers.traffic.detect import detect
from tierwise.importers.traffic.form import Call, Format, Unusable
from tierwise.importers.traffic.moments import moments
from tierwise.tables import READERS, Table
from tierwise.tables.table import short

MAX_BYTES = 100 * 2**20
MAX_ROWS = 1_000_000
MOST_TYPES = 50
"""Kinds of request; a key with more values than that is no kind."""
COST_UNITS = {"usd": 1.0, "cents": 0.01}
SLOW_MS = 200.0
"""A median latency above this, in an unknown unit, is milliseconds: no model takes minutes for most calls, nor under 0.2 s."""

PROVIDERS = {
    "aws.bedrock": "bedrock", "gcp.vertex_ai": "vertex_ai", "gcp.gemini": "gemini", "gcp.gen_ai": "gemini", "mistral_ai": "mistral",
    "mistral-ai": "mistral", "x_ai": "xai", "x-ai": "xai", "azure.ai.openai": "azure", "az.ai.openai": "azure", "azure-openai": "azure",
    "azure.ai.inference": "azure_ai", "vertex-ai": "vertex_ai", "together-ai": "together_ai", "vertex_ai-language-models": "vertex_ai",
}  # fmt: skip
"""Other tools' names of providers -> ours."""


@dataclass(frozen=True)
class Skipped:
    """Rows that are no call that can be counted."""

    reason: str
    rows: int
    first: str
    """Where the first one is, and what it says."""

    def __str__(self) -> str:
        return f"{self.rows:,} {'row' if self.rows == 1 else 'rows'} not counted: {self.reason} (first: {self.first})."


@dataclass(frozen=True)
class Key:
    """A key of metadata that could be the request type."""

    name: str
    values: int
    share: float
    """Of requests that have it."""
    example: str


@dataclass(frozen=True)
class TrafficLog:
    """Calls of other tools, one row each."""

    filename: str
    format: str
    title: str
    why: str
    calls: pd.DataFrame = field(repr=False)
    """time, model, request_type, prompt, prompt_tokens, completion_tokens, cached_tokens, cost_usd, priced (given, ours or unknown),
    latency_s, status, cache_hit, requests. Numbers that are not known are NaN."""
    labels: Sequence[Mapping[str, str]] = field(repr=False)
    """Short metadata of each call."""
    skipped: tuple[Skipped, ...]
    notices: tuple[str, ...]
    type_key: str | None = None
    cost_unit_open: bool = False
    """The file has costs whose unit was not said, so they do not count."""

    def __len__(self) -> int:
        return len(self.calls)

    def type_keys(self) -> list[Key]:
        """Keys that could be the request type: 2 to 50 values; those on most requests first."""
        seen: dict[str, Counter[str]] = {}
        for found in self.labels:
            for key, value in found.items():
                counter = seen.setdefault(key, Counter())
                if len(counter) <= MOST_TYPES:
                    counter[value] += 1
        good = {k: c for k, c in seen.items() if 1 < len(c) <= MOST_TYPES}
        rows = [Key(k, len(c), c.total() / max(1, len(self)), c.most_common(1)[0][0]) for k, c in good.items()]
        return sorted(rows, key=lambda k: (-round(k.share, 2), k.values, k.name))

    def typed_by(self, key: str | None) -> "TrafficLog":
        """The same calls with this key of their metadata as request type; None leaves them as they are.

        Raises:
            BadInput: no call has it, or it has too many values to be a kind of request.
        """
        if key is None:
            return self
        values = [found.get(key) for found in self.labels]
        kinds = set(values) - {None}
        if not kinds:
            known = tuple(k.name for k in self.type_keys())
            raise BadInput(f"No call has the key {short(key)}." + (f" Keys: {listed(known)}." if known else " No key has 2 to 50 values."))
        _few_types(kinds, f"The key {short(key)}")
        return replace(self, calls=self.calls.assign(request_type=pd.Series(values, dtype=object)), type_key=key)


def read_traffic(data: bytes, filename: str, format: str = "auto", type_key: str | None = None, cost_unit: str | None = None) -> TrafficLog:
    """Read a traffic log.

    Args:
        format: a name in FORMATS, or `auto`: by the columns.
        type_key: the key of metadata that says what kind of request a call is; without it, a `request_type` where there is one.
        cost_unit: `usd` or `cents`, for a format that leaves it open (Portkey); without it its costs do not count.

    Raises:
        NotFound: no such format.
        BadInput: the file is no table, the columns fit no format or several, or no row can be used.
    """
    if cost_unit is not None and cost_unit not in COST_UNITS:
        raise BadInput(f"The unit of costs {short(cost_unit)} is not known; say usd or cents.")
    table = _table(data, filename)
    try:
        found = detect(table, format)
        reader = found.form(table)
        calls, labels, skipped = _calls(reader)
        if not calls:
            told = " ".join(str(s) for s in skipped[:3])
            raise BadInput(f"no row can be used as a call of {reader.title}. {told}".strip())
        notices = [*table.notices, *reader.notices()]
        frame = _frame(calls, reader, cost_unit, notices)
        _few_types(set(frame["request_type"].dropna()), "The column of request types")
    except BadInput as error:
        raise BadInput(f"{filename}: {error}") from error
    unit_open = reader.cost_unit == "unknown" and cost_unit is None and any(c.cost_usd is not None for c in calls)
    log = TrafficLog(filename, found.name, found.form.title, found.why, frame, labels, tuple(skipped), tuple(notices), None, unit_open)
    return log.typed_by(type_key)


def _table(data: bytes, filename: str) -> Table:
    """Larger than a prompt set may be: nothing is paid for a row of a log."""
    suffix = PurePath(filename).suffix.lower().lstrip(".")
    if suffix not in READERS:
        raise BadInput(f"{filename}: Tierwise reads {', '.join(READERS)}; this name ends in {'.' + suffix if suffix else 'no suffix'}.")
    if len(data) > MAX_BYTES:
        raise BadInput(f"{filename}: {len(data) / 2**20:,.0f} MiB; at most {MAX_BYTES // 2**20} MiB are read. Export fewer days.")
    if not data:
        raise BadInput(f"{filename}: the file is empty.")
    try:
        table = READERS[suffix](data, MAX_ROWS)
    except BadInput as error:
        raise BadInput(f"{filename}: {error}") from error
    whole = [p for p in table.problems if p.row is None]
    if whole or len(table.problems) >= min(1_000, len(table.rows)):
        raise error_of(whole or list(table.problems), filename)
    return table


def _calls(reader: Format) -> tuple[list[Call], list[Mapping[str, str]], list[Skipped]]:
    table = reader.table
    broken = {p.row: p for p in reversed(table.problems)}
    calls: list[Call] = []
    counts: Counter[str] = Counter()
    first: dict[str, str] = {}

    def skip(row: int, reason: str, detail: str) -> None:
        counts[reason] += 1
        if reason not in first:
            line = table.line(row)
            first[reason] = f"row {row}{f' (line {line})' if line else ''}{f', {detail}' if detail else ''}"

    for row, problem in broken.items():
        skip(row, "the row is broken", problem.message)
    for row, record in reader.rows():
        if row in broken:
            continue
        try:
            calls.append(reader.call(record))
        except Unusable as unusable:
            skip(row, unusable.reason, unusable.detail)
    skipped = [Skipped(reason, n, first[reason]) for reason, n in counts.most_common()]
    return calls, [c.labels for c in calls], skipped


def _frame(calls: list[Call], reader: Format, cost_unit: str | None, notices: list[str]) -> pd.DataFrame:
    columns: dict[str, Any] = dict(zip(Call._fields, zip(*calls, strict=True), strict=True))
    numbers = {
        name: pd.to_numeric(pd.Series(columns[name], dtype=object), errors="coerce").to_numpy(float)
        for name in ("prompt_tokens", "completion_tokens", "cached_tokens", "cost_usd", "latency")
    }
    time, unread = moments(columns["time"])
    end, _ = moments(columns["end"])
    if unread:
        what = "No time can" if time.isna().all() else f"{len(unread):,} of {len(calls):,} times cannot"
        example = short(str(columns["time"][unread[0]]))
        notices.append(f"{what} be read, such as {example}; write 2026-09-13T10:00:00. These calls are counted without a time.")
    latency = _latency(numbers["latency"], reader, notices)
    spanned = (end - time).dt.total_seconds().to_numpy()
    latency = np.where(np.isnan(latency) & (spanned >= 0), spanned, latency)
    status, hit = np.array(columns["status"], dtype=object), np.array(columns["cache_hit"], dtype=bool)
    cost, priced = _costs(columns, numbers, status, hit, reader, cost_unit, notices)
    words = {name: pd.Series(columns[name], dtype=object) for name in ("model", "request_type", "prompt")}
    counts = {name: numbers[name] for name in ("prompt_tokens", "completion_tokens", "cached_tokens")}
    rest = {"latency_s": latency, "status": status, "cache_hit": hit, "requests": np.array(columns["requests"], dtype=int)}
    return pd.DataFrame({"time": time, **words, **counts, "cost_usd": cost, "priced": priced, **rest})


def _latency(latency: np.ndarray, reader: Format, notices: list[str]) -> np.ndarray:
    known = latency[np.isfinite(latency)]
    unit = reader.latency_unit
    if unit == "unknown" and len(known):
        unit = "ms" if np.median(known) > SLOW_MS else "s"
        notices.append(f"Latencies were read as {'milliseconds' if unit == 'ms' else 'seconds'}, by their size; the file does not say.")
    return latency / 1000 if unit == "ms" else latency


def _costs(
    columns: Mapping[str, Any],
    numbers: Mapping[str, np.ndarray],
    status: np.ndarray,
    hit: np.ndarray,
    reader: Format,
    cost_unit: str | None,
    notices: list[str],
) -> tuple[np.ndarray, np.ndarray]:
    """Dollars a request, and whether they are as given, list prices of ours, or not known."""  # fmt: skip
    cost = numbers["cost_usd"] * COST_UNITS[cost_unit or "usd"]
    if reader.cost_unit == "unknown" and cost_unit is None and np.isfinite(cost).any():
        cost = np.full(len(cost), np.nan)
        notices.append(f"{reader.title} does not say whether its costs are dollars or cents, so they do not count; list prices are used. "
                       "Say the unit (usd or cents) if you know it.")  # fmt: skip
    used = np.nan_to_num(numbers["prompt_tokens"]) + np.nan_to_num(numbers["completion_tokens"]) > 0
    wanted = ~(cost > 0) & used & (status == "ok") & ~hit
    ours = np.array([
        _list_cost(columns["model"][i], columns["provider"][i], numbers["prompt_tokens"][i], numbers["completion_tokens"][i],
                   numbers["cached_tokens"][i]) if wanted[i] else np.nan
        for i in range(len(cost))
    ])  # fmt: skip
    take = wanted & np.isfinite(ours)
    free = int((wanted & (cost == 0) & ~take).sum())
    if free:
        notices.append(f"{free:,} calls used tokens and are recorded at $0: free models, or models that the tool had no price for.")
    priced = np.where(take, "ours", np.where(np.isfinite(cost), "given", "unknown")).astype(object)
    return np.where(take, ours, cost), priced


def _list_cost(model: str, provider: str | None, prompt: float, completion: float, cached: float) -> float:
    price = _list_price(model, provider)
    if price is None or np.isnan(prompt) or np.isnan(completion):
        return np.nan
    found = prices.cost_usd(prompt, completion, price, 0 if np.isnan(cached) else cached)
    return np.nan if found is None else found


@lru_cache(4096)
def _list_price(model: str, provider: str | None) -> prices.Price | None:
    """By the provider's name where the log tells it; `azure` never takes the price of `openai`."""
    if provider is None or model.partition("/")[0] in (provider, PROVIDERS.get(provider.lower())):
        return prices.price(model)
    return prices.price(f"{PROVIDERS.get(provider.lower(), provider.lower())}/{model}")


def _few_types(kinds: set[str], what: str) -> None:
    if len(kinds) > MOST_TYPES:
        some = listed(tuple(sorted(kinds)[:3]))
        raise BadInput(f"{what} has {len(kinds):,} different values, such as {some}; at most {MOST_TYPES} kinds can be compared.")
