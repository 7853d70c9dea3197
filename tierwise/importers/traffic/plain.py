"""A plain table of one's own: a row a request."""

from collections.abc import Mapping
from typing import Any

from tierwise.evalsets.columns import normal
from tierwise.importers import cells
from tierwise.importers.traffic.form import FORMATS, Call, Format, labels, parsed, prompt_of, truth, whole
from tierwise.tables import Table

NAMES: dict[str, tuple[str, ...]] = {
    "model": ("model", "model_name", "model_id", "llm", "engine"),
    "prompt_tokens": ("prompt_tokens", "input_tokens", "tokens_in", "tokens_prompt"),
    "completion_tokens": ("completion_tokens", "output_tokens", "tokens_out", "tokens_completion"),
    "time": ("time", "timestamp", "created_at", "date", "datetime", "start_time", "request_time"),
    "request_type": ("request_type", "type", "category", "task", "task_type", "intent", "kind", "use_case"),
    "prompt": ("prompt", "input", "messages", "question", "query", "text"),
    "cached_tokens": ("cached_tokens", "cached_input_tokens", "cache_read_tokens"),
    "cost": ("cost_usd", "cost", "usd", "total_cost", "spend", "price"),
    "latency_s": ("latency_s", "duration_s", "latency_seconds", "seconds"),
    "latency_ms": ("latency_ms", "duration_ms"),
    "latency": ("latency", "duration", "response_time"),
    "status": ("status",),
    "cancelled": ("cancelled", "canceled"),
    "provider": ("provider",),
    "requests": ("requests", "count"),
}  # fmt: skip
NEEDED = ("model", "prompt_tokens", "completion_tokens")
FAILED, GIVEN_UP = {"failure", "failed", "error", "fail"}, {"cancelled", "canceled", "aborted"}


@FORMATS.add("plain")
class Plain(Format):
    name, title = "plain", "a plain table"
    columns = tuple(n for names in NAMES.values() for n in names)

    def __init__(self, table: Table) -> None:
        super().__init__(table)
        by_normal = {normal(c): c for c in reversed(table.columns)}
        self.names = {}
        for field, names in NAMES.items():
            column = next((by_normal[normal(n)] for n in names if normal(n) in by_normal), None)
            if column is not None and column not in self.names.values():
                self.names[field] = column
        self.latency = next((f for f in ("latency_s", "latency_ms", "latency") if f in self.names), None)
        self.latency_unit = {"latency_s": "s", "latency_ms": "ms"}.get(self.latency or "", "unknown")
        self.others = [c for c in table.columns if c not in self.names.values() or c == self.names.get("request_type")]

    @classmethod
    def missing(cls, table: Table) -> list[str]:
        there = {normal(c) for c in table.columns}
        return [field for field in NEEDED if not there & {normal(n) for n in NAMES[field]}]

    def call(self, row: Mapping[str, Any]) -> Call:
        told = labels({c: row.get(c) for c in self.others})
        status = (self.text(row, "status") or "").lower()
        given_up = status in GIVEN_UP or truth(self.cell(row, "cancelled"))
        n = self.number(row, "requests")
        prompt = self.cell(row, "prompt")
        return Call(
            self.named(row, "model"), self.text(row, "provider"), self.cell(row, "time"), None, self.text(row, "request_type"),
            prompt_of(parsed(prompt), prompt), self.number(row, "prompt_tokens", whole), self.number(row, "completion_tokens", whole),
            self.number(row, "cached_tokens", whole), self.number(row, "cost", cells.cost),
            self.number(row, self.latency, cells.seconds) if self.latency else None,
            "cancelled" if given_up else "failed" if status in FAILED else "ok", False, 1 if n is None else int(n), told,
        )  # fmt: skip
