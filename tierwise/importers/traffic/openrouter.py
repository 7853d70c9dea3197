"""OpenRouter: the activity file of its web page, a row a generation, and the rows of its activity API, a day of a model each."""

from collections.abc import Mapping
from typing import Any

from tierwise.importers import cells
from tierwise.importers.traffic.form import FORMATS, Call, Format, Unusable, labels, truth, whole


@FORMATS.add("openrouter")
class OpenRouter(Format):
    name, title = "openrouter", "OpenRouter activity"
    needs = ("model_permaslug", "tokens_prompt", "tokens_completion", "cost_total")
    columns = (
        "generation_id", "created_at", "cost_web_search", "cost_cache", "cost_file_processing", "byok_usage_inference",
        "tokens_reasoning", "tokens_cached", "provider_name", "variant", "cancelled", "streamed", "user", "finish_reason_raw",
        "finish_reason_normalized", "generation_time_ms", "time_to_first_token_ms", "api_key_disabled", "api_key_name", "app_name",
    )  # fmt: skip
    byok = 0

    def call(self, row: Mapping[str, Any]) -> Call:
        cost, own = self.number(row, "cost_total", cells.cost), self.number(row, "byok_usage_inference", cells.cost)
        self.byok += bool(own)
        failed = self.text(row, "finish_reason_normalized") == "error"
        told = labels({k: self.text(row, k) for k in ("app_name", "api_key_name", "user", "variant")})
        return Call(
            self.named(row, "model_permaslug"), "openrouter", self.cell(row, "created_at"), None, None, None,
            self.number(row, "tokens_prompt"), self.number(row, "tokens_completion"), self.number(row, "tokens_cached"),
            None if cost is None else cost + (own or 0.0), self.number(row, "generation_time_ms", cells.milliseconds),
            "cancelled" if truth(self.cell(row, "cancelled")) else "failed" if failed else "ok", False, 1, told,
        )  # fmt: skip

    def notices(self) -> list[str]:
        told = f"{self.byok:,} rows ran on a key of your own: what its provider charged is added to OpenRouter's fee."
        return [told] if self.byok else []


@FORMATS.add("openrouter-api")
class OpenRouterActivity(Format):
    name, title = "openrouter-api", "OpenRouter activity API, a day of a model a row"
    needs = ("model_permaslug", "date", "usage", "requests")
    columns = ("model", "endpoint_id", "provider_name", "byok_usage_inference", "prompt_tokens", "completion_tokens",
               "reasoning_tokens", "cached_tokens")  # fmt: skip

    def call(self, row: Mapping[str, Any]) -> Call:
        n = self.number(row, "requests")
        if not n:
            raise Unusable("a day without requests")
        cost, own = self.number(row, "usage", cells.cost), self.number(row, "byok_usage_inference", cells.cost)

        def each(field: str) -> float | None:
            total = self.number(row, field, whole)
            return None if total is None else total / n

        return Call(
            self.named(row, "model_permaslug", "model"), "openrouter", self.cell(row, "date"),
            prompt_tokens=each("prompt_tokens"), completion_tokens=each("completion_tokens"), cached_tokens=each("cached_tokens"),
            cost_usd=None if cost is None else (cost + (own or 0.0)) / n, requests=int(n),
        )  # fmt: skip

    def notices(self) -> list[str]:
        return ["Each row is a day of one model: tokens and costs are means, so percentiles and the long tail are not known."]
