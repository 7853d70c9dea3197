"""The price list that ships, and whose price a model may take."""

import csv
from collections import Counter
from datetime import date

import pytest

from tierwise import settings
from tierwise.endpoints.prices import Price, cost_usd, price, price_list, provider_and_name
from tierwise.types import Tier

ROWS = list(csv.DictReader(settings.PRICES.open(encoding="utf-8", newline="")))


def test_the_list_is_whole():
    assert len(ROWS) >= 60
    assert list(ROWS[0]) == ["model", "input_per_1m", "output_per_1m", "cached_input_per_1m", "source", "as_of"]
    doubles = [k for k, times in Counter(provider_and_name(row["model"]) for row in ROWS).items() if times > 1]
    assert doubles == []
    assert len(price_list()) == len(ROWS)


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row["model"])
def test_every_row_is_a_price(row):
    found = price(row["model"])
    assert 0 < found.input_per_1m <= found.output_per_1m < 1000
    assert found.cached_input_per_1m is None or 0 < found.cached_input_per_1m < found.input_per_1m
    assert found.source
    assert date(2024, 1, 1) <= found.as_of <= date.today()
    assert provider_and_name(row["model"])[0], "a model without a provider cannot be told from a model of one's own"


@pytest.mark.parametrize(("one", "other"), [
    ("gpt-4o", "openai/gpt-4o"), ("claude-haiku-4-5", "anthropic/claude-haiku-4-5"),
    ("cohere/command-r-08-2024", "cohere_chat/command-r-08-2024"), ("bedrock/amazon.nova-lite-v1:0", "amazon.nova-lite-v1:0"),
])  # fmt: skip
def test_the_same_provider_under_another_name(one, other):
    assert price(one) == price(other) is not None


@pytest.mark.parametrize("model", [
    "azure/gpt-4o", "openrouter/openai/gpt-4o", "github/gpt-4o", "vercel_ai_gateway/openai/gpt-4o", "hosted_vllm/gpt-4o", "ollama/llama3",
    "gemini-2.5-pro", "vertex_ai/claude-opus-4-5", "gpt-4o-of-mine", "openai/", "sim/small", "", "openai/openai/gpt-4o",
])  # fmt: skip
def test_another_endpoint_is_unpriced(model):
    assert price(model) is None
    assert price(Tier("a", model)) is None


def test_a_tier_states_its_price_or_takes_the_list_price():
    assert price(Tier("a", "gpt-4o")) == price("gpt-4o")
    assert price(Tier("a", "gpt-4o", input_per_1m=1, output_per_1m=2)) == Price(1, 2, source="tier")
    assert price(Tier("a", "sim/small", input_per_1m=0, output_per_1m=0)) == Price(0, 0, source="tier")


def test_a_custom_endpoint_never_takes_the_list_price():
    assert price(Tier("a", "openai/gpt-4o", api_base="http://127.0.0.1:8000/v1")) is None
    assert price(Tier("a", "gpt-4o", api_base="https://gateway.example", input_per_1m=1, output_per_1m=2)).input_per_1m == 1


def test_half_a_price_is_none():
    assert price(Tier("a", "gpt-4o", input_per_1m=1)) is None


def test_the_models_whose_prices_the_published_results_need():
    known = {"claude-3-haiku-20240307": (0.25, 1.25), "claude-3-5-haiku-20241022": (0.8, 4), "claude-3-5-sonnet-20241022": (3, 15),
             "gemini/gemini-1.5-flash": (0.075, 0.3), "gpt-4o-mini": (0.15, 0.6), "gpt-4o-2024-08-06": (2.5, 10)}  # fmt: skip
    assert {m: (price(m).input_per_1m, price(m).output_per_1m) for m in known} == known


def test_cost():
    assert cost_usd(1_000_000, 1_000_000, Price(2, 8)) == 10
    assert cost_usd(1000, 100, Tier("a", "gpt-4o")) == pytest.approx(1000 * 2.5e-6 + 100 * 10e-6)
    assert cost_usd(1000, 0, Price(2, 8, 0.5), cached_tokens=400) == pytest.approx((600 * 2 + 400 * 0.5) / 1e6)
    assert cost_usd(1000, 0, Price(2, 8), cached_tokens=400) == pytest.approx(0.002), "no cached price: charged in full"
    assert cost_usd(10, 0, Price(2, 8, 0.5), cached_tokens=400) == pytest.approx(5e-6), "never more cached than sent"
    assert cost_usd(0, 0, Price(2, 8)) == 0


@pytest.mark.parametrize("arguments", [(None, 5, Price(1, 1)), (5, None, Price(1, 1)), (5, 5, None), (5, 5, Tier("a", "ollama/x"))])
def test_what_is_not_known_costs_nothing_known(arguments):
    assert cost_usd(*arguments) is None
