"""The profile of a log: how many requests, of what kind, by which model, at what cost. Aggregates only; no prompt is in it."""

from __future__ import annotations

import json
import secrets
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from tierwise.errors import BadInput
from tierwise.types import now

if TYPE_CHECKING:
    from tierwise.importers.traffic import TrafficLog

UNTYPED = "untyped"
MONTH_DAYS = 365.25 / 12
TAIL = 0.05
FEW_FOR_TAIL = 100
SHORT_LOG_DAYS = 7.0
MOST_MODELS = 30


@dataclass(frozen=True)
class Usage:
    """Calls of one model for one kind of request; None stands for all of them. Failed calls are not in it."""

    model: str | None
    request_type: str | None
    requests: int
    share: float
    """Of all requests."""
    cost_usd: float
    """Of the calls whose cost is known."""
    priced: int
    """Calls whose cost is known."""
    prompt_tokens_p50: float | None = None
    prompt_tokens_p95: float | None = None
    completion_tokens_p50: float | None = None
    completion_tokens_p95: float | None = None
    latency_p50_s: float | None = None
    latency_p95_s: float | None = None

    @property
    def cost_per_request(self) -> float | None:
        """US dollars; None where no cost is known."""
        return self.cost_usd / self.priced if self.priced else None


@dataclass(frozen=True)
class Tail:
    """The dearest requests."""

    requests: float
    """Share of requests, dearest first."""
    cost: float
    """Their share of the dollars."""
    from_usd: float
    """What the cheapest of them cost."""
    types: Mapping[str, float]
    """Share of the tail's dollars by request type, largest first."""


@dataclass(frozen=True)
class TrafficProfile:
    """What production sends."""

    id: str
    name: str
    source: str
    """The tool whose log it was, or `counts` for numbers typed in."""
    requests: int
    """Without failed ones."""
    usage: tuple[Usage, ...]
    """Of each model for each type, of each type, of each model, and of all."""
    first: datetime | None = None
    last: datetime | None = None
    days: float | None = None
    failed: int = 0
    cancelled: int = 0
    cache_hits: int = 0
    priced_by_us: int = 0
    unpriced: int = 0
    unpriced_models: tuple[str, ...] = ()
    tail: Tail | None = None
    repeats: Mapping[str, float] = field(default_factory=dict)
    """Share of requests by type whose prompt and model came before in the log: what an exact cache would have answered."""
    type_key: str | None = None
    notices: tuple[str, ...] = ()
    monthly: float | None = None
    """Requests a month, where they were typed in."""
    created_at: datetime = field(default_factory=now)

    @property
    def per_month(self) -> float | None:
        """Requests a month at the log's pace; None where nothing tells the time."""
        if self.monthly is not None:
            return self.monthly
        return self.requests / self.days * MONTH_DAYS if self.days else None

    @property
    def counts(self) -> dict[str, int]:
        """Requests by type, without those of no known type; empty where no type is known."""
        return {u.request_type: u.requests for u in self.types() if u.request_type not in (None, UNTYPED) and u.requests}

    @property
    def mix(self) -> dict[str, float]:
        """Share of requests by type, of those whose type is known; they add up to 1."""
        total = sum(self.counts.values())
        return {t: n / total for t, n in self.counts.items()} if total else {}

    @property
    def total(self) -> Usage:
        return next(u for u in self.usage if u.model is None and u.request_type is None)

    @property
    def cost_per_month(self) -> float | None:
        """US dollars at the log's pace; calls of unknown cost are taken to cost what the others do."""
        each, volume = self.total.cost_per_request, self.per_month
        return each * volume if each is not None and volume is not None else None

    def types(self) -> list[Usage]:
        """One for each request type, most requests first."""
        return [u for u in self.usage if u.model is None and u.request_type is not None]

    def models(self) -> list[Usage]:
        return [u for u in self.usage if u.request_type is None and u.model is not None]

    def cells(self) -> list[Usage]:
        """One for each model and request type."""
        return [u for u in self.usage if u.request_type is not None and u.model is not None]

    def to_json(self) -> dict[str, Any]:
        data = asdict(self)
        for name in ("first", "last", "created_at"):
            data[name] = data[name].isoformat() if data[name] else None
        return data

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> TrafficProfile:
        times = {name: datetime.fromisoformat(data[name]) if data.get(name) else None for name in ("first", "last", "created_at")}
        tail = Tail(**data["tail"]) if data.get("tail") else None
        lists = {name: tuple(data[name]) for name in ("unpriced_models", "notices")}
        return cls(**{**data, **times, **lists, "usage": tuple(Usage(**u) for u in data["usage"]), "tail": tail})


def profile(log: TrafficLog, name: str) -> TrafficProfile:
    """Aggregates of a log.

    Raises:
        BadInput: every call in it failed.
    """
    whole = log.calls
    calls = whole[whole["status"] != "failed"]
    if not len(calls):
        raise BadInput(f"{log.filename}: all {len(whole):,} calls in it failed; there is no traffic to profile.")
    types = calls["request_type"].fillna(UNTYPED)
    calls = calls.assign(request_type=types, model=_few(calls["model"], calls["requests"]))
    requests = int(calls["requests"].sum())
    grouped = bool((calls["requests"] > 1).any())
    usage = _usage(calls, requests, grouped)
    unknown = calls[calls["priced"] == "unknown"]
    first, last, days = _span(calls["time"])
    return TrafficProfile(
        id=secrets.token_hex(6), name=name, source=log.format, requests=requests, usage=tuple(usage), first=first, last=last, days=days,
        failed=int(whole["requests"].sum()) - requests, cancelled=_count(calls, calls["status"] == "cancelled"),
        cache_hits=_count(calls, calls["cache_hit"]), priced_by_us=_count(calls, calls["priced"] == "ours"),
        unpriced=int(unknown["requests"].sum()), unpriced_models=tuple(sorted(unknown["model"].unique())[:10]),
        tail=None if grouped else _tail(calls), repeats={} if grouped else _repeats(calls), type_key=log.type_key,
        notices=(*log.notices, *(str(s) for s in log.skipped), *_short(days)),
    )  # fmt: skip


def profile_of_counts(counts: Mapping[str, float], name: str = "Typed in") -> TrafficProfile:
    """A profile of nothing but requests a month by type.

    Raises:
        BadInput: no requests, a negative number, or a type without a name.
    """
    for kind, number in counts.items():
        if not kind.strip():
            raise BadInput("A row has requests and no type. Name the type, or remove the row.")
        if not np.isfinite(number) or number < 0:
            raise BadInput(f"{kind}: {number:g} requests a month; give a number of 0 or more.")
    counts = {kind.strip(): round(number) for kind, number in counts.items() if number > 0}
    total = sum(counts.values())
    if not total:
        raise BadInput("There are no requests. Give at least one type with its requests a month.")
    ordered = sorted(counts.items(), key=lambda item: -item[1])
    usage = (*(Usage(None, kind, n, n / total, 0.0, 0) for kind, n in ordered), Usage(None, None, total, 1.0, 0.0, 0))
    return TrafficProfile(secrets.token_hex(6), name, "counts", total, usage, monthly=float(total))


def _few(models: pd.Series, requests: pd.Series) -> pd.Series:
    """The commonest models; the rest together, so that a profile stays a page."""
    counts = requests.groupby(models).sum().sort_values(ascending=False)
    kept = set(counts.index[:MOST_MODELS])
    return models.where(models.isin(kept), "other models")


def _usage(calls: pd.DataFrame, total: int, grouped: bool) -> list[Usage]:
    found = []
    for columns in (["model", "request_type"], ["request_type"], ["model"], []):
        groups = calls.groupby(columns, sort=False) if columns else [((), calls)]
        part = [_cell(dict(zip(columns, key, strict=True)), rows, total, grouped) for key, rows in groups]
        found += sorted(part, key=lambda u: -u.requests)
    return found


def _cell(key: Mapping[str, str], rows: pd.DataFrame, total: int, grouped: bool) -> Usage:
    known = rows["cost_usd"].notna()
    called = rows[~rows["cache_hit"]]

    def at(column: str, q: float, of: pd.DataFrame = rows) -> float | None:
        values = of[column].to_numpy()
        values = values[np.isfinite(values)]
        return None if grouped or not len(values) else float(np.quantile(values, q))

    n = int(rows["requests"].sum())
    return Usage(
        key.get("model"), key.get("request_type"), n, n / total, float((rows["cost_usd"] * rows["requests"]).sum()), _count(rows, known),
        at("prompt_tokens", 0.5), at("prompt_tokens", 0.95), at("completion_tokens", 0.5), at("completion_tokens", 0.95),
        at("latency_s", 0.5, called), at("latency_s", 0.95, called),
    )  # fmt: skip


def _count(calls: pd.DataFrame, where: pd.Series) -> int:
    return int(calls.loc[where, "requests"].sum())


def _span(times: pd.Series) -> tuple[datetime | None, datetime | None, float | None]:
    """First, last, and how many days they cover: whole dates where no time of day is given."""
    known = times.dropna()
    if not len(known):
        return None, None, None
    first, last = known.min(), known.max()
    if (known == known.dt.normalize()).all():
        days = float((last - first).days + 1)
    else:
        # n requests have n - 1 gaps; an hour at least, so that a handful of calls is not taken for a flood
        days = max((last - first).total_seconds() / 86400 * len(known) / max(1, len(known) - 1), 1 / 24)
    return first.to_pydatetime(), last.to_pydatetime(), days


def _short(days: float | None) -> list[str]:
    if days is None:
        return ["No times in the log: say how many requests a month it stands for."]
    if days < SHORT_LOG_DAYS:
        length = f"{days:.1f} days" if days >= 1 else f"{days * 24:.0f} hours"
        return [f"The log covers {length}: no weekly rhythm is in it, so requests a month are a rough guess."]
    return []


def _tail(calls: pd.DataFrame) -> Tail | None:
    costs = calls["cost_usd"].to_numpy()
    known = np.flatnonzero(np.isfinite(costs))
    if len(known) < FEW_FOR_TAIL or costs[known].sum() <= 0:
        return None
    top = known[np.argsort(-costs[known], kind="stable")][: max(1, round(TAIL * len(known)))]
    dollars = pd.Series(costs[top]).groupby(calls["request_type"].to_numpy()[top]).sum().sort_values(ascending=False)
    shares = {str(kind): float(value / dollars.sum()) for kind, value in dollars.items()}
    return Tail(len(top) / len(known), float(costs[top].sum() / costs[known].sum()), float(costs[top].min()), shares)


def _repeats(calls: pd.DataFrame) -> dict[str, float]:
    """By type; empty unless nine calls in ten have their prompt."""
    prompts = calls["prompt"]
    if prompts.notna().mean() < 0.9:
        return {}
    texts = prompts.map(lambda p: p if isinstance(p, str) else json.dumps(p, sort_keys=True, default=str))
    again = (calls["model"].astype(str) + "\0" + texts).duplicated().to_numpy()
    return {str(kind): float(share) for kind, share in pd.Series(again).groupby(calls["request_type"].to_numpy()).mean().items()}
