"""List prices of models, and what a call costs. Unknown is unpriced, which is never the same as free."""

import csv
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from functools import lru_cache

from tierwise import settings
from tierwise.types import Tier

BARE = (
    *((start, "openai") for start in ("gpt-", "chatgpt-", "o1", "o3", "o4")),
    ("claude-", "anthropic"),
    ("command-", "cohere"),
    ("amazon.", "bedrock"),
    ("anthropic.", "bedrock"),
)
"""Model names that LiteLLM takes without a provider, by how they begin."""

SAME = {"cohere_chat": "cohere", "bedrock_converse": "bedrock", "google": "gemini"}
"""Other names of a provider."""


@dataclass(frozen=True)
class Price:
    """US dollars for a million tokens."""

    input_per_1m: float
    output_per_1m: float
    cached_input_per_1m: float | None = None
    source: str = ""
    as_of: date | None = None


def price(model: Tier | str) -> Price | None:
    """The price of a tier, else the list price of its model; None where neither is known.

    A list price holds for the provider's own endpoint alone. A tier with an `api_base` of its own has the prices it states or none,
    and `azure/gpt-4o` or `openrouter/openai/gpt-4o` never take the price of `gpt-4o`.
    """
    if isinstance(model, Tier):
        if model.input_per_1m is not None and model.output_per_1m is not None:
            return Price(model.input_per_1m, model.output_per_1m, model.cached_input_per_1m, source="tier")
        if model.api_base or model.input_per_1m is not None or model.output_per_1m is not None:
            return None
        model = model.model
    return price_list().get(provider_and_name(model))


def cost_usd(prompt_tokens: int | None, completion_tokens: int | None, priced: Price | Tier | None, cached_tokens: int = 0) -> float | None:
    """US dollars for one call; None where the price or a count is not known.

    Args:
        cached_tokens: how many of the prompt tokens came from the provider's cache; charged in full where no cached price is known.
    """
    if isinstance(priced, Tier):
        priced = price(priced)
    if priced is None or prompt_tokens is None or completion_tokens is None:
        return None
    cached = min(max(cached_tokens, 0), prompt_tokens) if priced.cached_input_per_1m is not None else 0
    dollars = (prompt_tokens - cached) * priced.input_per_1m + completion_tokens * priced.output_per_1m
    return (dollars + cached * (priced.cached_input_per_1m or 0.0)) / 1e6


def provider_and_name(model: str) -> tuple[str, str]:
    """Who serves a model by its LiteLLM name, and its name there: openai/gpt-4o is gpt-4o, and azure/gpt-4o is not. Unknown is empty."""
    provider, slash, name = model.strip().partition("/")
    if slash:
        return SAME.get(provider, provider), name
    return next((known for start, known in BARE if provider.startswith(start)), ""), provider


@lru_cache(1)
def price_list() -> Mapping[tuple[str, str], Price]:
    """The shipped list by (provider, model), read once."""
    with settings.PRICES.open(encoding="utf-8", newline="") as file:
        return {provider_and_name(row["model"]): _price(row) for row in csv.DictReader(file)}


def _price(row: Mapping[str, str]) -> Price:
    cached = row["cached_input_per_1m"]
    return Price(
        float(row["input_per_1m"]), float(row["output_per_1m"]), float(cached) if cached else None, row["source"],
        date.fromisoformat(row["as_of"]),
    )  # fmt: skip
