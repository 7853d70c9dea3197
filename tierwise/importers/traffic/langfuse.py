"""Langfuse: observations as its pages, its blob storage and its API export them. Only generations are calls of a model."""

from collections.abc import Mapping
from typing import Any

from tierwise.importers import cells
from tierwise.importers.traffic.form import FORMATS, Call, Format, Unusable, labels, number, parsed, prompt_of, record, whole

CACHED = ("input_cached_tokens", "cache_read_input_tokens", "input_cache_read", "cached_tokens")


@FORMATS.add("langfuse")
class Langfuse(Format):
    name, title = "langfuse", "Langfuse observations"
    needs = ("traceId", "type", "startTime")
    columns = (
        "id", "endTime", "projectId", "parentObservationId", "name", "level", "statusMessage", "version", "environment",
        "completionStartTime", "createdAt", "updatedAt", "input", "output", "metadata", "model", "providedModelName", "internalModelId",
        "modelParameters", "usageDetails", "inputUsage", "outputUsage", "totalUsage", "costDetails", "inputCost", "outputCost",
        "totalCost", "providedUsageDetails", "providedCostDetails", "promptId", "promptName", "promptVersion", "latency",
        "timeToFirstToken", "traceName", "traceTags", "traceTimestamp", "userId", "modelId", "inputPrice", "outputPrice",
        "totalPrice", "scores", "comments",
    )  # fmt: skip

    def call(self, row: Mapping[str, Any]) -> Call:
        kind = (self.text(row, "type") or "").upper()
        if kind != "GENERATION":
            raise Unusable("not a generation", f"type is {kind or 'empty'}")
        usage, costs = record(self.cell(row, "usageDetails")), record(self.cell(row, "costDetails"))
        cost = self.number(row, "totalCost", cells.cost)
        # an amount of 0 with no details means that Langfuse knew no price, not that the call was free
        if not cost:
            cost = number(costs.get("total"), "costDetails", cells.cost) if costs.get("total") is not None else None
        tags = parsed(self.cell(row, "traceTags"))
        tag = next((t for t in tags if isinstance(t, str)), None) if isinstance(tags, list) else None
        own = {k: self.text(row, k) for k in ("traceName", "name", "promptName", "environment")} | {"traceTags": tag}
        told = labels(parsed(self.cell(row, "metadata")), own)
        return Call(
            self.named(row, "model", "providedModelName"), None, self.cell(row, "startTime"), self.cell(row, "endTime"),
            told.get("request_type"), prompt_of(parsed(self.cell(row, "input")), self.cell(row, "input")),
            self._tokens(row, "inputUsage", usage, "input"), self._tokens(row, "outputUsage", usage, "output"),
            number(next((usage[k] for k in CACHED if usage.get(k)), None), "usageDetails", whole), cost,
            self.number(row, "latency", cells.seconds), "failed" if self.text(row, "level") == "ERROR" else "ok", False, 1, told,
        )  # fmt: skip

    def _tokens(self, row: Mapping[str, Any], column: str, usage: Mapping[str, Any], kind: str) -> float | None:
        """The column, or all kinds of usage whose name holds `input` or `output`, which Langfuse adds up."""
        found = self.number(row, column, whole)
        parts = [number(v, "usageDetails", whole) or 0.0 for k, v in usage.items() if kind in k]
        return found if found or not parts else sum(parts)
