"""Helicone: the CSV of its requests page."""

from collections.abc import Mapping
from typing import Any

from tierwise.importers import cells
from tierwise.importers.traffic.form import FORMATS, Call, Format, labels, parsed, prompt_of, record, text, whole


@FORMATS.add("helicone")
class Helicone(Format):
    name, title = "helicone", "Helicone requests"
    needs = ("request_created_at", "model", "prompt_tokens", "completion_tokens")
    columns = ("response_id", "response_created_at", "response_status", "request_body", "request_properties", "request_user_id",
               "latency", "cost")  # fmt: skip
    latency_unit = "unknown"

    def call(self, row: Mapping[str, Any]) -> Call:
        body = record(self.cell(row, "request_body"))
        told = labels(parsed(self.cell(row, "request_properties")))
        return Call(
            text(self.cell(row, "model")) or text(body.get("model")) or self.named(row, "model"), None,
            self.cell(row, "request_created_at"), self.cell(row, "response_created_at"), told.get("request_type"), prompt_of(body),
            self.number(row, "prompt_tokens", whole), self.number(row, "completion_tokens", whole), None,
            self.number(row, "cost", cells.cost), self.number(row, "latency", cells.seconds), _status(self.text(row, "response_status")),
            False, 1, told,
        )  # fmt: skip


def _status(code: str | None) -> str:
    """Helicone gives an HTTP status, and -3 for a request that its caller gave up."""
    if code == "-3":
        return "cancelled"
    return "ok" if code is None or code.startswith(("2", "success")) else "failed"
