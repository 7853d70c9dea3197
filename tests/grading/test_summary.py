"""What a graded run comes to, tier by tier and type by type."""

import json
import math
from dataclasses import replace

import numpy as np
import pytest

from tests.conftest import make_matrix
from tierwise.grading.summary import by_request_type, summary
from tierwise.statistics.intervals import mean_interval, tango, wilson
from tierwise.types import OutcomeMatrix

NAN = math.nan


def a_matrix(quality, cost, **other) -> OutcomeMatrix:
    """The given figures on as many prompts and tiers."""
    quality, cost = np.array(quality, float), np.array(cost, float)
    base = make_matrix(len(quality), quality.shape[1])
    flags = np.zeros(quality.shape, bool)
    return replace(base, quality=quality, cost=cost, latency=np.ones(quality.shape), failed=flags, truncated=flags, **other)


def test_figures_of_pass_and_fail_grades():
    matrix = make_matrix(120, seed=3)
    for k, row in enumerate(summary(matrix)):
        right = int(matrix.quality[:, k].sum())
        assert (row.tier, row.model, row.n, row.unscored, row.failed) == (matrix.tiers[k], f"test/{row.tier}", 120, 0, 0)
        assert row.quality == right / 120 and row.quality_ci95 == wilson(right, 120)
        assert row.cost_per_1k_usd == pytest.approx(1000 * matrix.cost[:, k].mean())
        gap = matrix.quality[:, k] - matrix.quality[:, -1]
        assert row.paired_difference == pytest.approx(gap.mean())
        assert row.paired_difference_ci95 == ((0, 0) if k == 2 else tango(int((gap > 0).sum()), int((gap < 0).sum()), 120))


def test_unscored_failed_and_unpriced_are_counted_apart():
    matrix = a_matrix([[1, 1], [NAN, 1], [NAN, 0], [0, NAN]], [[1, 2], [NAN, 2], [1, NAN], [1, 2]])
    failed = np.array([[False, False], [True, False], [False, False], [False, False]])
    small, large = summary(replace(matrix, failed=failed, truncated=np.array([[1, 0], [0, 0], [1, 0], [0, 0]], bool)))
    assert (small.n, small.unscored, small.failed) == (2, 1, 1) and (large.n, large.unscored, large.failed) == (3, 1, 0)
    assert small.quality == 0.5 and small.cost_per_1k_usd == pytest.approx(1000) and large.cost_per_1k_usd == pytest.approx(2000)
    assert small.truncated_share == pytest.approx(2 / 3), "of the answers: a failed call is none"
    assert small.paired_difference == 0, "over the one prompt that both have: 1 against 1"


def test_nothing_known_is_null_and_not_zero():
    rows = summary(a_matrix([[NAN, 1], [NAN, 0]], [[NAN, 1], [NAN, 1]]))
    told = json.loads(json.dumps(rows[0].to_json(), allow_nan=False))
    assert told["quality"] is None and told["quality_ci95"] == [None, None] and told["cost_per_1k_usd"] is None
    assert told["paired_difference"] is None and told["n"] == 0 and told["unscored"] == 2 and told["dominated_by"] is None
    empty = summary(make_matrix(1).take(np.zeros(1, bool)))
    assert [r.n for r in empty] == [0, 0, 0]


def test_the_json_has_what_the_command_line_promises():
    keys = {"tier", "n", "quality", "ci95", "cost_per_1k_usd", "latency_p50_s", "latency_p95_s", "unscored", "failed", "truncated_share",
            "dominated_by"}  # fmt: skip
    assert keys <= set(summary(make_matrix(20))[0].to_json())


@pytest.mark.parametrize(("quality", "cost", "dominators"), [
    ([[1, 1]] * 4, [[1, 2]] * 4, [None, "cheap"]),  # as good, dearer
    ([[1, 0]] * 4, [[1, 2]] * 4, [None, "cheap"]),  # worse and dearer
    ([[0, 1]] * 4, [[1, 1]] * 4, ["frontier", None]),  # better for the same money
    ([[0, 1]] * 4, [[1, 2]] * 4, [None, None]),  # a trade
    ([[1, 1]] * 4, [[1, 1]] * 4, [None, None]),  # the same twice: neither beats the other
    ([[0, 1, 1]] * 4, [[1, 3, 2]] * 4, [None, "frontier", None]),
    ([[1, 0.5, 0]] * 4, [[1, 2, 3]] * 4, [None, "cheap", "cheap"]),  # the best of several dominators
    ([[1, NAN], [NAN, 0]], [[1, 2]] * 2, [None, None])])  # fmt: skip
def test_a_tier_that_is_dearer_and_no_better_is_named(quality, cost, dominators):
    assert [row.dominated_by for row in summary(a_matrix(quality, cost))] == dominators


def test_dominance_is_judged_on_the_prompts_that_both_have():
    quality = [[1, 1], [1, 1], [0, NAN], [0, NAN], [0, NAN]]
    small, large = summary(a_matrix(quality, [[1, 2]] * 5))
    assert small.quality == 0.4 and large.quality == 1.0, "the cheap one looks worse"
    assert large.dominated_by == "cheap", "but is as good wherever they meet"


def test_weights_and_clusters_count():
    matrix = make_matrix(60, seed=1)
    samples = tuple(replace(s, weight=3.0 if i < 20 else 1.0, cluster=f"c{i // 3}") for i, s in enumerate(matrix.samples))
    weighted = replace(matrix, samples=samples)
    w = np.r_[np.full(20, 3.0), np.ones(40)]
    row = summary(weighted)[0]
    assert row.quality == pytest.approx(np.average(matrix.quality[:, 0], weights=w))
    assert row.cost_per_1k_usd == pytest.approx(1000 * np.average(matrix.cost[:, 0], weights=w))
    assert row.quality_ci95 == pytest.approx(mean_interval(matrix.quality[:, 0], w, np.arange(60) // 3))
    assert row.quality_ci95 != pytest.approx(wilson(matrix.quality[:, 0].sum(), 60), abs=1e-3)


def test_by_request_type_adds_up_to_the_whole():
    matrix = make_matrix(90, seed=2)
    table = by_request_type(matrix)
    assert list(table.columns) == ["request_type", "tier", "n", "quality", "lo", "hi", "cost_per_1k_usd"]
    assert table["request_type"].drop_duplicates().tolist() == ["easy", "hard"], "the commonest first"
    for k, tier in enumerate(matrix.tiers):
        rows = table[table["tier"] == tier]
        assert rows["n"].sum() == 90
        assert (rows["n"] * rows["quality"]).sum() / 90 == pytest.approx(matrix.quality[:, k].mean())
        assert ((rows["lo"] <= rows["quality"]) & (rows["quality"] <= rows["hi"])).all()
