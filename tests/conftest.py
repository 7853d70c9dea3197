"""Shared fixtures: a store in a temporary file, a graded demo run, a small matrix."""

import os
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

import numpy as np
import pytest

from tests import postgres
from tierwise import settings
from tierwise.store import Store
from tierwise.types import OutcomeMatrix, Run, Sample, Tier

SLOW = ("e2e", "interop", "faults", "server", "pages", "runs", "access", "cli", "judging", "store")
"""Folders whose files take longest: begun first, so that two processes end together."""

RECORDED = settings.ROOT.parent / "shared" / "recorded"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    rank = {folder: k for k, folder in enumerate(SLOW)}
    items.sort(key=lambda item: rank.get(item.path.relative_to(settings.ROOT / "tests").parts[0], len(SLOW)))


@pytest.fixture(autouse=True)
def _own_workspace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No test touches the developer's workspace."""
    monkeypatch.setenv("TIERWISE_DATA", str(tmp_path / "workspace"))
    monkeypatch.delenv("TIERWISE_DATABASE_URL", raising=False)


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[postgres.Server]:
    with postgres.server() as started:
        yield started


@pytest.fixture
def postgres_url(postgres_server: postgres.Server) -> Iterator[str]:
    """The address of an empty shared workspace; a test hands it to the app by the environment."""
    with postgres.workspace(postgres_server) as url:
        yield url


@pytest.fixture
def store(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Store:
    """An empty workspace in a file; with `TIERWISE_TEST_SHARED` set, on PostgreSQL, so that any test can be tried there."""
    if os.environ.get("TIERWISE_TEST_SHARED"):
        monkeypatch.setenv("TIERWISE_DATABASE_URL", request.getfixturevalue("postgres_url"))
    with Store() as opened:
        yield opened


@pytest.fixture
def demo(store: Store) -> Run:
    """The working example, run and graded in `store`."""
    from tierwise.simulation.demo import ensure_demo

    return ensure_demo(store)


@pytest.fixture(scope="session")
def recorded() -> Path:
    """The folder of recorded outcomes of real models, which is not part of the repository."""
    if not RECORDED.is_dir():
        pytest.skip(f"no recorded outcomes at {RECORDED}")
    return RECORDED


@pytest.fixture
def small_matrix() -> OutcomeMatrix:
    """60 pass/fail prompts on three tiers; longer prompts are harder for the weaker tiers."""
    return make_matrix(60, seed=1)


def make_matrix(n: int, tiers: int = 3, seed: int = 0, signal: float = 3.0) -> OutcomeMatrix:
    """A synthetic graded run whose difficulty grows with the prompt's length; `signal` 0 makes it unlearnable."""
    rng = np.random.default_rng(seed)
    hard = rng.random(n)
    ability = np.linspace(0.45, 1.1, tiers)
    noise = rng.random((n, 1)) if signal else rng.random((n, tiers))
    quality = (1 / (1 + np.exp(-signal * 3 * (ability - hard[:, None]))) > noise).astype(float)
    words = (20 + 200 * hard).astype(int)
    samples = tuple(
        Sample(f"s{i}", "solve this step " + "word " * words[i] + f"case {i}", "yes", "hard" if hard[i] > 0.6 else "easy") for i in range(n)
    )
    names = ["cheap", "mid", "frontier"] if tiers == 3 else ["cheap", "frontier"] if tiers == 2 else [f"t{k}" for k in range(tiers)]
    run = Run(
        "r0", "synthetic", "e0", "recorded", tuple(Tier(t, f"test/{t}") for t in names), "done", {"scorer": "exact"}, datetime(2026, 1, 1)
    )
    cost = (words[:, None] * 1e-6) * (5.0 ** np.arange(tiers))
    flags = np.zeros((n, tiers), bool)
    return OutcomeMatrix(run, samples, quality, cost, np.ones((n, tiers)), flags, flags, "exact")


def recorded_matrix(path: Path, models: list[str], n: int, seed: int = 0) -> OutcomeMatrix:
    """Some prompts of a recorded file as a graded run."""
    from benchmarks.recorded import ladder

    whole, _ = ladder(path.parent, path.stem, models)
    return whole.take(np.random.default_rng(seed).permutation(len(whole))[:n])
