"""LiteLLM: the spend logs of its database, and the logging payloads that callbacks receive (1.106.2)."""

from collections.abc import Mapping
from typing import Any

from tierwise.importers import cells
from tierwise.importers.traffic.form import CALLS_OF_CHAT, FORMATS, Call, Format, Unusable, labels, parsed, part, prompt_of, record, truth


def _checked(kind: str | None) -> None:
    if (kind or "") not in CALLS_OF_CHAT:
        raise Unusable("not a chat completion", f"call_type is {kind}")


def _tags(value: Any) -> dict[str, str]:
    """Tags are loose words, or `key:value`."""
    tags = [t for t in parsed(value) or [] if isinstance(t, str) and not t.startswith("User-Agent")]
    pairs = dict(t.split(":", 1) for t in reversed(tags) if ":" in t)
    loose = next((t for t in tags if ":" not in t), None)
    return labels(pairs | ({"request_tags": loose} if loose else {}))


def _cached(metadata: Any) -> Any:
    return part(metadata, "usage_object", "prompt_tokens_details", "cached_tokens")


@FORMATS.add("litellm-spend")
class LiteLLMSpend(Format):
    name, title = "litellm-spend", "LiteLLM spend logs"
    needs = ("spend", "startTime", "prompt_tokens", "completion_tokens", "model")
    columns = (
        "request_id", "call_type", "api_key", "total_tokens", "endTime", "request_duration_ms", "completionStartTime", "model_id",
        "model_group", "custom_llm_provider", "api_base", "user", "metadata", "cache_hit", "cache_key", "request_tags", "team_id",
        "organization_id", "end_user", "requester_ip_address", "messages", "response", "session_id", "status", "mcp_namespaced_tool_name",
        "billing_agent_id", "agent_id", "proxy_server_request", "litellm_call_id", "created_at", "updated_at",
    )  # fmt: skip

    def call(self, row: Mapping[str, Any]) -> Call:
        _checked(self.text(row, "call_type"))
        metadata = record(self.cell(row, "metadata"))
        told = labels(metadata.get("spend_logs_metadata"), metadata.get("requester_metadata"), _tags(self.cell(row, "request_tags")))
        duration = self.number(row, "request_duration_ms", cells.milliseconds)
        return Call(
            self.named(row, "model", "model_group"), self.text(row, "custom_llm_provider"), self.cell(row, "startTime"),
            self.cell(row, "endTime"), told.get("request_type"),
            prompt_of(self.cell(row, "messages"), parsed(self.cell(row, "proxy_server_request"))),
            self.number(row, "prompt_tokens"), self.number(row, "completion_tokens"), _cached(metadata),
            self.number(row, "spend", cells.cost), duration, "failed" if self.text(row, "status") == "failure" else "ok",
            truth(self.cell(row, "cache_hit")), 1, told,
        )  # fmt: skip


@FORMATS.add("litellm-payload")
class LiteLLMPayload(Format):
    name, title = "litellm-payload", "LiteLLM logging payloads"
    needs = ("response_cost", "call_type", "prompt_tokens", "completion_tokens", "model")
    columns = (
        "id", "litellm_call_id", "trace_id", "session_id", "stream", "status", "custom_llm_provider", "startTime", "endTime",
        "completionStartTime", "response_time", "model_group", "model_id", "api_base", "total_tokens", "cost_breakdown",
        "saved_cache_cost", "cache_hit", "request_tags", "end_user", "user_agent", "messages", "response", "model_parameters",
        "metadata", "error_information", "hidden_params", "error_str", "requester_ip_address",
    )  # fmt: skip

    def call(self, row: Mapping[str, Any]) -> Call:
        _checked(self.text(row, "call_type"))
        metadata = record(self.cell(row, "metadata"))
        told = labels(metadata.get("spend_logs_metadata"), metadata.get("requester_metadata"), _tags(self.cell(row, "request_tags")))
        return Call(
            self.named(row, "model", "model_group"), self.text(row, "custom_llm_provider"), self.cell(row, "startTime"),
            self.cell(row, "endTime"), told.get("request_type"), prompt_of(self.cell(row, "messages")),
            self.number(row, "prompt_tokens"), self.number(row, "completion_tokens"), _cached(metadata),
            self.number(row, "response_cost", cells.cost), self.number(row, "response_time", cells.seconds),
            "failed" if self.text(row, "status") == "failure" else "ok", truth(self.cell(row, "cache_hit")), 1, told,
        )  # fmt: skip
