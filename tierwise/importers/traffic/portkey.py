"""Portkey: its log export. No page we found says whether costs are dollars or cents, so without the user's word they do not count."""

from collections.abc import Mapping
from typing import Any

from tierwise.importers import cells
from tierwise.importers.traffic.form import FORMATS, Call, Format, labels, parsed, prompt_of, record, text, truth, whole


@FORMATS.add("portkey")
class Portkey(Format):
    name, title = "portkey", "Portkey export"
    needs = ("ai_model", "req_units", "res_units")
    columns = (
        "id", "trace_id", "created_at", "request", "response", "is_success", "ai_org", "total_units", "request_url", "cost",
        "cost_currency", "response_time", "response_status_code", "mode", "config", "prompt_slug", "metadata",
    )  # fmt: skip
    latency_unit, cost_unit = "unknown", "unknown"

    def call(self, row: Mapping[str, Any]) -> Call:
        request = record(self.cell(row, "request"))
        told = labels(parsed(self.cell(row, "metadata")), {"prompt_slug": self.text(row, "prompt_slug")})
        code, success = self.text(row, "response_status_code"), self.cell(row, "is_success")
        failed = not truth(success) if success is not None else code is not None and not code.startswith("2")
        provider = self.text(row, "ai_org")
        return Call(
            text(self.cell(row, "ai_model")) or self.named(row, "ai_model"), provider, self.cell(row, "created_at"), None,
            told.get("request_type"), prompt_of(request.get("body"), request), self.number(row, "req_units", whole),
            self.number(row, "res_units", whole), None, self.number(row, "cost", cells.cost),
            self.number(row, "response_time", cells.seconds), "failed" if failed else "ok", False, 1, told,
        )  # fmt: skip
