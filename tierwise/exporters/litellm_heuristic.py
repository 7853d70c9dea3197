"""LiteLLM's own scorer, read as version 1.106.2 reads its settings, to replay an exported configuration without LiteLLM."""

from collections.abc import Mapping, Sequence
from typing import Any

from tierwise.evaluator import keyword_found


def tier(router: Mapping[str, Any], messages: Sequence[Mapping[str, Any]]) -> str | None:
    """LiteLLM's tier for a request; None where it has no text and the default model serves it."""
    text = read_text(messages)
    if text is None:
        return None
    lower = text.lower()

    def found(keywords: Sequence[str]) -> bool:
        return any(keyword_found(lower, k) for k in keywords)

    order = list(router["tiers"])
    if matched := [rule["tier"] for rule in router.get("keyword_tier_rules", ()) if found(rule["keywords"])]:
        return max(matched, key=order.index)
    tokens, sizes, weights = len(text) // 4, router["token_thresholds"], router["dimension_weights"]
    size = -1.0 if tokens < sizes["simple"] else 1.0 if tokens > sizes["complex"] else 0.0
    total = size * weights["tokenCount"] - found(router.get("simple_keywords", ())) * weights.get("simpleIndicators", 0.0)
    total += sum(d["weight"] for d in router.get("custom_dimensions", ()) if found(d["keywords"]))
    below = ("simple_medium", "medium_complex", "complex_reasoning")
    return next((order[i] for i, name in enumerate(below) if total < router["tier_boundaries"][name]), order[-1])


def read_text(messages: Sequence[Mapping[str, Any]]) -> str | None:
    """What LiteLLM's scorers read of a request: the newest user message that has text."""
    return next((t for m in reversed(messages) if m.get("role") == "user" and (t := _text(m.get("content")))), None)


def _text(content: Any) -> str:
    if isinstance(content, list):
        return " ".join(p.get("text", "") for p in content if isinstance(p, dict) and p.get("type") == "text").strip()
    return content.strip() if isinstance(content, str) else ""
