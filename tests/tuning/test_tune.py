"""Tuning end to end: honest on noise, exact in its arithmetic, clear about what is missing."""

import json
import math
from dataclasses import replace

import numpy as np
import pytest

from tests.conftest import make_matrix
from tierwise.errors import BadInput, NotFound, NotReady
from tierwise.routers import ROUTERS
from tierwise.statistics.intervals import tango
from tierwise.tuning.frontier import Aim, assign, sweep
from tierwise.tuning.heldout import WIDER_LOSS, Folded
from tierwise.tuning.transfer import aligned
from tierwise.tuning.tune import by_request_type, flips, monthly, tune
from tierwise.types import OutcomeMatrix


@pytest.fixture(scope="module")
def matrix() -> OutcomeMatrix:
    return make_matrix(240, seed=4)


@pytest.fixture(scope="module")
def tuning(matrix):
    return tune(matrix, Aim(max_loss=0.03))


def test_the_chosen_point_keeps_the_aim_and_is_no_bolder_than_what_is_seen(tuning, matrix):
    best = sweep(tuning.scores, matrix.quality, matrix.cost, matrix.weights).choose(Aim(max_loss=0.03))
    assert tuning.chosen.loss <= best.loss <= 0.03 + 1e-9
    assert 0.05 < tuning.chosen.saving <= best.saving
    assert tuning.chosen == tuning.point(tuning.chosen.thresholds)


def test_the_json_has_exactly_the_keys_promised(tuning):
    data = json.loads(json.dumps(tuning.to_json(), allow_nan=False))
    keys = "run router tiers n chosen heldout certificate metrics baselines candidates verdict warnings policy"
    assert list(data) == keys.split()
    assert set(data["chosen"]) == {"thresholds", "share_by_tier"} and list(data["chosen"]["share_by_tier"]) == data["tiers"]
    assert set(data["heldout"]) == {"loss", "loss_ci95", "saving", "saving_ci95", "quality", "cost_per_1k_usd", "method"}
    assert set(data["certificate"]) == {"status", "epsilon", "delta", "saving", "prompts_needed"}
    assert set(data["metrics"]) == {"aiq", "apgr", "cpt50", "cpt80"}
    assert list(data["baselines"]) == ["always_cheapest", "always_frontier", "zero_router", "coin_flip", "oracle"]
    assert all(set(b) == {"quality", "cost_per_1k_usd", "saving", "loss"} for b in data["baselines"].values())
    assert [set(c) for c in data["candidates"]] == [{"router", "saving", "loss"}] * 6
    assert data["certificate"]["epsilon"] == 0.03 and data["certificate"]["delta"] == 0.1


def test_held_out_figures_are_those_of_the_recommended_thresholds_with_the_flattery_taken_off(tuning, matrix):
    """By hand: cost at the recommended thresholds; loss there, plus what each fold's policy loses more on it than where it was chosen."""
    held, rows = tuning.heldout, np.arange(240)
    here = tuning.choice(tuning.chosen.thresholds)
    assert held.paid == pytest.approx(matrix.cost[rows, here])
    assert held.saving == pytest.approx(tuning.chosen.saving) and held.cost_per_1k_usd == pytest.approx(tuning.chosen.cost_per_1k_usd)
    scores, fold = tuning.scored.scores, tuning.scored.crossed.fold
    folded = Folded(matrix, {"r": scores}, fold, Aim(max_loss=0.03))
    lost, seen, unseen = matrix.quality[:, -1:] - matrix.quality, [], 0.0
    for k in range(5):
        tier = assign(scores, folded.thresholds("r", (k,)))
        seen.append(lost[rows, tier][fold != k].mean())
        unseen += lost[rows, tier][fold == k].sum() / 240
    alone = folded.held_out(dict.fromkeys(range(5), "r"), "r", np.array(tuning.chosen.thresholds))
    assert alone.loss == pytest.approx(tuning.chosen.loss + unseen - np.mean(seen))
    assert held.quality == pytest.approx(matrix.quality[:, -1].mean() - held.loss)
    for value, (low, high) in ((held.loss, held.loss_ci95), (held.saving, held.saving_ci95), (held.quality, held.quality_ci95)):
        assert low < value < high
    assert held.saving_ci95[1] - held.saving_ci95[0] < 0.3
    score = tango(int((lost[rows, here] > 0).sum()), int((lost[rows, here] < 0).sum()), 240)
    assert held.loss_ci95[1] - held.loss_ci95[0] == pytest.approx(WIDER_LOSS * (score[1] - score[0]))


def test_an_outside_recomputation_seldom_finds_less_than_was_claimed():
    """Deployed on prompts that took no part, at the seeds tried: 24 draws of 100 prompts, 400 others."""
    worse = 0
    for seed in range(24):
        whole = make_matrix(500, seed=100 + seed)
        tuned = tune(whole.take(np.arange(100)), Aim(max_loss=0.04), router="table", seed=seed)
        rest, at = whole.take(np.arange(100, 500)), np.arange(400)
        tier = assign(tuned.scored.deployed.score(rest.samples), tuned.chosen.thresholds)
        loss = (rest.quality[:, -1] - rest.quality[at, tier]).mean()
        saving = 1 - rest.cost[at, tier].mean() / rest.cost[:, -1].mean()
        worse += loss > tuned.heldout.loss_ci95[1] or saving < tuned.heldout.saving_ci95[0]
    assert worse <= 3


def test_no_fold_takes_part_in_its_own_thresholds(matrix):
    """Changing the grades of a fold leaves its thresholds as they were."""
    scores, fold = np.random.default_rng(0).random(240), np.arange(240) % 5
    before = Folded(matrix, {"r": scores}, fold, Aim(max_loss=0.02))
    changed = matrix.quality.copy()
    changed[fold == 2] = 1 - changed[fold == 2]
    after = Folded(replace(matrix, quality=changed), {"r": scores}, fold, Aim(max_loss=0.02))
    assert np.array_equal(before.thresholds("r", (2,)), after.thresholds("r", (2,)))
    assert np.array_equal(before.path("r", (2,)), after.path("r", (2,)))
    assert any(not np.array_equal(before.thresholds("r", (k,)), after.thresholds("r", (k,))) for k in (0, 1, 3, 4))
    assert before.best(["r", "r"], (2,)) == "r"


def test_an_interval_has_width_even_when_no_prompt_differs():
    m = make_matrix(60, seed=1)
    same = replace(m, quality=np.ones_like(m.quality))
    held = tune(same, router="table").heldout
    assert held.loss == 0 and held.loss_ci95[0] < 0 < held.loss_ci95[1]
    clustered = replace(same, samples=tuple(replace(s, cluster=f"c{i // 2}") for i, s in enumerate(same.samples)))
    held = tune(clustered, router="table").heldout
    assert held.loss_ci95[0] < 0 < held.loss_ci95[1]


def test_a_router_that_sees_difficulty_is_routable(tuning):
    assert tuning.verdict == "routable"
    assert tuning.metrics["apgr"] > 0.6
    assert tuning.baselines["coin_flip"].cost_per_1k_usd == pytest.approx(tuning.heldout.cost_per_1k_usd)
    assert tuning.heldout.quality > tuning.baselines["coin_flip"].quality


def test_moving_thresholds_is_a_look_up(tuning, matrix):
    for thresholds in ((0.0, 0.0), (0.2, 0.7), (0.5, 0.5), (math.inf, math.inf)):
        point, choice = tuning.point(thresholds), tuning.choice(thresholds)
        assert point.quality == pytest.approx(matrix.quality[np.arange(240), choice].mean())
        assert point.share_by_tier == pytest.approx([(choice == k).mean() for k in range(3)])
    assert tuning.point((0.5, 0.5)).share_by_tier[1] == 0
    with pytest.raises(BadInput):
        tuning.point((0.7, 0.2))
    with pytest.raises(BadInput):
        tuning.choice((0.7,))


def test_another_aim_does_not_score_the_prompts_again(matrix, tuning, monkeypatch):
    def refuse(*args, **kwargs):
        raise AssertionError("scored again")

    tune(matrix, Aim(max_loss=0.03))
    monkeypatch.setattr("tierwise.tuning.scoring.cross_fitted_scores", refuse)
    cheap = tune(matrix, Aim(max_cost_per_1k=tuning.chosen.cost_per_1k_usd / 2))
    assert cheap.chosen.cost_per_1k_usd <= tuning.chosen.cost_per_1k_usd / 2
    assert cheap.certificate.epsilon == 0.02


@pytest.mark.parametrize("router", ["rules", "table", "tree", "logistic"])
def test_the_deployed_router_sends_the_shares_that_tuning_shows(matrix, router):
    """The policy's own scores, against the thresholds as tuned: a group is never parted between tuning and deployment."""
    tuned = tune(matrix, Aim(max_loss=0.1), router=router)
    deployed = tuned.scored.deployed.score(matrix.samples)
    shares = [(assign(deployed, tuned.chosen.thresholds) == k).mean() for k in range(3)]
    assert shares == pytest.approx(tuned.chosen.share_by_tier, abs=0.1)


def test_ranks_are_brought_to_deployed_groups():
    ranks = (np.arange(100) + 0.5) / 100
    deployed = np.repeat([0.2, 0.5, 0.9], [30, 50, 20])[np.random.default_rng(0).permutation(100)]
    scores = aligned(ranks, deployed, np.ones(100))
    assert [(scores == v).sum() for v in np.unique(scores)] == [30, 50, 20]
    assert np.unique(scores).tolist() == pytest.approx([0.1, 0.35, 0.7])
    assert (np.diff(scores) >= 0).all()
    assert aligned(ranks, ranks, np.ones(100)) is ranks


def test_small_differences_between_routers_are_noise(matrix):
    """Six copies of noise: the last one named is kept; a router that is far better is taken."""
    rng = np.random.default_rng(0)
    scores = {f"r{i}": rng.random(240) for i in range(6)}
    folded = Folded(matrix, scores, np.arange(240) % 5, Aim(max_loss=0.03))
    assert folded.best(list(scores)) == "r5"
    knows = matrix.quality[:, -1] - matrix.quality[:, :-1].mean(1) + rng.normal(0, 0.1, 240)
    better = Folded(matrix, {"knows": knows, **scores}, np.arange(240) % 5, Aim(max_loss=0.03))
    assert better.best(["knows", *scores]) == "knows"
    assert set(better.nested(["knows", *scores]).values()) == {"knows"}


def test_tiers_can_be_chosen_and_ordered(matrix):
    two = tune(matrix, router="table", tiers=["cheap", "test/frontier"])
    assert two.tiers == ("cheap", "frontier") and len(two.chosen.thresholds) == 1
    assert two.run.tiers == (matrix.run.tiers[0], matrix.run.tiers[2])
    assert two.baselines["always_frontier"].quality == pytest.approx(matrix.quality[:, 2].mean())
    wrong = tune(matrix, router="table", tiers=["frontier", "cheap"])
    assert any("not in order of cost" in w for w in wrong.warnings)
    with pytest.raises(NotFound, match="no tier 'big'"):
        tune(matrix, tiers=["cheap", "big"])
    with pytest.raises(BadInput, match="twice"):
        tune(matrix, tiers=["cheap", "cheap"])
    with pytest.raises(NotReady, match="one tier"):
        tune(matrix, tiers=["cheap"])


def test_what_cannot_be_is_refused(matrix):
    with pytest.raises(NotReady, match=r"No thresholds give at most \$0 per 1,000"):
        tune(matrix, Aim(max_cost_per_1k=0.0), router="table")
    with pytest.raises(NotReady, match="No thresholds give quality of 100"):
        tune(make_matrix(240, seed=9, signal=0.1), Aim(min_quality=1.0), router="table")
    with pytest.raises(NotFound, match="no router called"):
        tune(matrix, router="magic")
    with pytest.raises(BadInput, match="delta"):
        tune(matrix, delta=1.0)


def test_graded_values_weights_and_clusters_go_through():
    m = make_matrix(200, seed=5)
    rng = np.random.default_rng(0)
    samples = tuple(replace(s, cluster=f"c{i // 4}", weight=1.0 + i % 3) for i, s in enumerate(m.samples))
    graded = replace(m, quality=(m.quality * 0.75 + 0.25 * rng.integers(0, 2, m.quality.shape)), samples=samples)
    tuned = tune(graded, Aim(max_loss=0.1), router="table")
    w = graded.weights / graded.weights.sum()
    assert tuned.heldout.quality == pytest.approx(w @ graded.quality[:, -1] - tuned.heldout.loss)
    assert tuned.heldout.cost_per_1k_usd == pytest.approx(1000 * w @ tuned.heldout.paid)
    assert tuned.certificate.units == 50 and "STaR" in tuned.certificate.method
    assert set(tuned.band) >= {"cost", "quality", "low", "high"}
    fold = tuned.scored.crossed.fold
    assert all(len(set(fold[graded.clusters == c])) == 1 for c in range(50))


def test_the_band_lies_around_the_path(tuning):
    band = tuning.band
    assert (band["low"] <= band["quality"] + 1e-9).all() and (band["quality"] <= band["high"] + 1e-9).all()
    assert band["cost"].iloc[0] == pytest.approx(tuning.frontier.cost_per_1k_usd)
    assert band["quality"].iloc[0] == pytest.approx(tuning.frontier.quality)


def test_prompts_that_change_tier_worst_first(tuning, matrix):
    a, b = tuning.choice((0.0, 0.0)), tuning.choice((0.6, 0.9))
    frame = flips(matrix, a, b)
    columns = "sample_id request_type from_tier to_tier quality_from quality_to cost_from cost_to prompt"
    assert list(frame) == columns.split()
    assert len(frame) == (a != b).sum()
    assert (frame["quality_to"] - frame["quality_from"]).is_monotonic_increasing
    assert frame.equals(tuning.flips((0.0, 0.0), (0.6, 0.9)))
    row = frame.iloc[0]
    at = next(i for i, s in enumerate(matrix.samples) if s.id == row["sample_id"])
    assert (row["from_tier"], row["to_tier"]) == (matrix.tiers[a[at]], matrix.tiers[b[at]])
    assert row["cost_to"] == matrix.cost[at, b[at]] and matrix.samples[at].input.startswith(row["prompt"][:100])
    assert flips(tuning, a, a).empty


def test_figures_by_request_type_add_up(tuning, matrix):
    point = tuning.point((0.3, 0.8))
    frame = tuning.by_request_type((0.3, 0.8))
    assert frame.equals(by_request_type(tuning, tuning.choice((0.3, 0.8))))
    assert frame["n"].sum() == 240 and frame["n"].is_monotonic_decreasing
    assert np.average(frame["quality"], weights=frame["n"]) == pytest.approx(point.quality)
    assert np.average(frame["cost_per_1k"], weights=frame["n"]) == pytest.approx(point.cost_per_1k_usd)
    assert frame[["share_cheap", "share_mid", "share_frontier"]].sum(axis=1).tolist() == pytest.approx([1] * len(frame))
    assert ((frame["loss_low"] <= frame["loss"]) & (frame["loss"] <= frame["loss_high"])).all()


def test_a_month_in_dollars(tuning):
    month = tuning.monthly(tuning.chosen, 100_000)
    assert month.frontier_cost == pytest.approx(100 * tuning.frontier.cost_per_1k_usd)
    assert month.saved == pytest.approx(tuning.chosen.saving * month.frontier_cost)
    low, high = month.saved_ci95
    assert low < tuning.heldout.saving * month.frontier_cost < high
    assert tuning.monthly(tuning.point((0.1, 0.2)), 100).saved_ci95 is None
    assert monthly(tuning.chosen, 0.0, 0).saved == 0


def test_progress_is_told_and_reaches_the_end():
    heard = []
    tune(make_matrix(60, seed=3), router="table", progress=lambda what, fraction: heard.append((what, fraction)))
    assert heard[0][1] == 0 and heard[-1] == ("Done", 1.0)
    assert [f for _, f in heard] == sorted(f for _, f in heard)


def test_the_same_seed_gives_the_same_answer():
    one, two = (tune(make_matrix(120, seed=6), router="tree", seed=3).to_json() for _ in range(2))
    assert one == two


def test_the_perfect_router_is_a_ceiling_without_a_spec(matrix):
    tuned = tune(matrix, router="oracle")
    assert tuned.router_spec is None
    assert tuned.heldout.saving > 0.9 * tuned.baselines["oracle"].saving
    assert all(name in ROUTERS for name in ("oracle", "random"))
