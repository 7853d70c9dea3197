"""Figures of the workspace that this process has open: runs, requests and dollars, as the ledger has them."""

from collections import Counter

from tierwise.server.measures import Family, Sample
from tierwise.store import Store

_open: Store | None = None


def opened(store: Store) -> Store:
    """Remember the workspace that the screens use."""
    global _open
    _open = store
    return store


def families() -> list[Family]:
    """Nothing until the first visitor has opened the workspace."""
    if _open is None:
        return []
    ledger = _open.attempts.totals()
    labels = [(("purpose", row.purpose), ("status", row.status)) for row in ledger]
    runs = Counter(run.status for run in _open.runs.list())
    return [
        Family("tierwise_runs", "gauge", "Runs of the workspace by status.", [Sample(n, (("status", s),)) for s, n in sorted(runs.items())]),
        Family("tierwise_requests_total", "counter", "Requests to models on the ledger.",
               [Sample(row.requests, of) for row, of in zip(ledger, labels, strict=True)]),
        Family("tierwise_paid_usd_total", "counter", "US dollars of the requests whose cost is known.",
               [Sample(row.paid_usd, of) for row, of in zip(ledger, labels, strict=True)]),
        Family("tierwise_counted_usd_total", "counter", "US dollars that budgets count: unknown costs at the most they can be.",
               [Sample(row.counted_usd, of) for row, of in zip(ledger, labels, strict=True)]),
    ]  # fmt: skip
