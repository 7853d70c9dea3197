"""Routers on what real models really answered: 300 labels are enough to beat the published figures on their own data."""

import numpy as np
import pytest

from tierwise.grading.grades import matrix
from tierwise.importers.recorded import import_results
from tierwise.routers import ROUTERS, RouterData
from tierwise.store import Store
from tierwise.tuning.metrics import metrics
from tierwise.types import OutcomeMatrix

PUBLISHED = 0.603
"""The best APGR that RouteLLM reports on these very prompts and models (arXiv 2406.18665); random is 0.5."""

LABELS, TESTED = 300, 3_000


@pytest.fixture(scope="module")
def mmlu(recorded, tmp_path_factory) -> OutcomeMatrix:
    """Mixtral 8x7B and GPT-4 on MMLU, as RouteLLM recorded them."""
    file = recorded / "routellm_mmlu.parquet"
    with Store(tmp_path_factory.mktemp("mmlu") / "w.duckdb") as store:
        run = import_results(store, file.read_bytes(), file.name, "MMLU", ["mistralai/Mixtral-8x7B-Instruct-v0.1", "gpt-4-1106-preview"])
        return matrix(store, run.id)


def test_the_recorded_accuracies_are_the_published_ones(mmlu):
    assert mmlu.quality.mean(0) == pytest.approx([0.681, 0.806], abs=5e-4)


def test_300_labels_beat_the_best_published_router_on_its_own_data(mmlu):
    found = {name: [] for name in ("table", "logistic", "average")}
    for seed in range(3):
        drawn = mmlu.take(np.random.default_rng(seed).permutation(len(mmlu))[: LABELS + TESTED])
        data, others = RouterData.of(drawn.take(np.arange(LABELS))), drawn.take(np.arange(LABELS, LABELS + TESTED))
        prompts = RouterData.of(others).prompts
        for name in found:
            scores = ROUTERS[name]().fit(data, seed).score(prompts)
            found[name].append(metrics(scores, others.quality, others.cost)["apgr"])
    means = {name: float(np.mean(values)) for name, values in found.items()}
    assert max(means.values()) > PUBLISHED + 0.005, means
    assert min(means.values()) > 0.55, means
