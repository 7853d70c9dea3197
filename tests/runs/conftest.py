"""A store with a small prompt set, and a provider on loopback that misbehaves on demand."""

from collections.abc import Callable

import pytest

from tests.runs.provider import IN_PRICE, OUT_PRICE, Provider
from tests.runs.shared import LEASE_S
from tierwise.runs import lease
from tierwise.runs.execute import execute
from tierwise.runs.plan import create_run
from tierwise.store import Store
from tierwise.types import EvalSet, Run, Sample, Tier

DIRECT, LITELLM = "openai", "custom_openai"
"""Providers that the stand-in is reached by: spoken to directly, or through LiteLLM."""


@pytest.fixture
def provider():
    with Provider() as started:
        yield started


@pytest.fixture
def tier(provider) -> Callable[..., Tier]:
    """tier(name) -> a tier on the stand-in provider, priced as it bills."""

    def make(name: str = "small", through: str = DIRECT, **other) -> Tier:
        given = {"api_base": provider.base, "input_per_1m": IN_PRICE, "output_per_1m": OUT_PRICE} | other
        return Tier(name, f"{through}/{name}-model", **given)

    return make


def keep_prompts(store: Store, n: int) -> str:
    samples = tuple(Sample(f"s{i}", f"prompt {i}", f"answer to prompt {i}") for i in range(n))
    return store.evalsets.add(EvalSet(f"set{n}", f"set of {n}", f"digest{n}", samples)).id


@pytest.fixture
def started(store: Store) -> Callable[..., Run]:
    """started(tiers, n=..., **params) -> the run after one go."""

    def run(*tiers: Tier, n: int = 1, budget_usd: float | None = None, **params) -> Run:
        planned = create_run(store, keep_prompts(store, n), tiers, params={"scorer": "exact", "timeout_s": 0.5} | params)
        return execute(store, planned.id, budget_usd=budget_usd)

    return run


@pytest.fixture
def on_postgres(postgres_url, monkeypatch):
    """`store`, and every process that a test starts, on one PostgreSQL; leases short enough for a test."""
    monkeypatch.setenv("TIERWISE_DATABASE_URL", postgres_url)
    monkeypatch.setattr(lease, "LEASE_S", LEASE_S)
