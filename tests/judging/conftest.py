"""A recorded run whose answers need no provider, and a judge on loopback."""

from collections.abc import Callable

import pytest

from tests.runs.provider import IN_PRICE, OUT_PRICE, Provider
from tierwise.grading.grades import GradeCount, apply_scorer
from tierwise.runs import calls
from tierwise.store import Store
from tierwise.types import EvalSet, Outcome, Run, Sample, Tier


@pytest.fixture(autouse=True)
def _quick(monkeypatch):
    monkeypatch.setattr(calls, "FIRST_WAIT_S", 0.02)


@pytest.fixture
def provider():
    with Provider() as started:
        yield started


@pytest.fixture
def recorded_run(store: Store) -> Callable[..., Run]:
    """recorded_run(outputs) -> a run with these answers of tiers small and large; a text is the answer of both, None a failed call."""

    def make(*outputs: str | tuple[str | None, str | None] | None, reference: str | None = "yes", **params) -> Run:
        samples = tuple(Sample(f"s{i}", f"question {i}", reference) for i in range(len(outputs)))
        evalset = store.evalsets.add(EvalSet("set", "set", f"digest {outputs!r} {reference}", samples))
        tiers = (Tier("small", "acme/small"), Tier("large", "acme/large"))
        run = store.runs.add(Run("run", "run", evalset.id, "recorded", tiers, "done", {"scorer": "exact"} | params))
        pairs = [o if isinstance(o, tuple) else (o, o) for o in outputs]
        store.runs.record(run.id, [
            Outcome(f"s{i}", t.name, status="ok" if said is not None else "failed", output=said, cost_usd=0.001)
            for i, pair in enumerate(pairs) for t, said in zip(tiers, pair, strict=True)
        ])  # fmt: skip
        return run

    return make


@pytest.fixture
def judge(store: Store, provider: Provider) -> Callable[..., GradeCount]:
    """judge(run, scorer, ...) -> what one go of grading did; the judge is the stand-in."""

    def go(run: Run, scorer: str = "llm_judge", *, stop=None, budget_usd=None, retry_unscored=False, **options) -> GradeCount:
        given = {"model": "openai/judge-model", "api_base": provider.base, "input_per_1m": IN_PRICE, "output_per_1m": OUT_PRICE} | options
        given = {k: v for k, v in given.items() if v is not None}
        return apply_scorer(store, run.id, scorer, given, stop=stop, budget_usd=budget_usd, retry_unscored=retry_unscored)

    return go
