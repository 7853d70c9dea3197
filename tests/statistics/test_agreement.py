"""Agreement of raters: published worked examples, scikit-learn, and what must hold for any table."""

import time

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from sklearn.metrics import cohen_kappa_score

from tierwise.errors import BadInput, NotReady
from tierwise.statistics.agreement import ORDERED, USUAL, alpha, coefficients, gwet, kappa, raw_agreement
from tierwise.statistics.calibration import calibration, confusion, nearest
from tierwise.statistics.preferences import preferences

N = np.nan
KRIPPENDORFF = np.array(
    [
        [1, 2, 3, 3, 2, 1, 4, 1, 2, N, N, N],
        [1, 2, 3, 3, 2, 2, 4, 1, 2, 5, N, 3],
        [N, 3, 3, 3, 2, 3, 4, 2, 2, 5, 1, N],
        [1, 2, 3, 3, 2, 4, 4, 1, 2, 5, 1, N],
    ]
)
"""Krippendorff, Computing Krippendorff's alpha-reliability (2011), C and D; the same table is Gwet's cac.raw4raters in irrCAC."""


@pytest.mark.parametrize(("level", "published"), [("nominal", 0.743), ("ordinal", 0.815), ("interval", 0.849)])
def test_krippendorffs_worked_example(level, published):
    assert alpha(KRIPPENDORFF, level, draws=0).value == pytest.approx(published, abs=6e-4)


def test_gwets_worked_example():
    assert gwet(KRIPPENDORFF, draws=0).value == pytest.approx(0.77544, abs=1e-5)


def test_high_agreement_on_mostly_right_answers_has_a_low_kappa():
    table = np.repeat([[1.0, 0, 1, 0], [1.0, 0, 0, 1]], [90, 2, 5, 3], axis=1)
    assert raw_agreement(table, draws=0).value == pytest.approx(0.92)
    assert kappa(table, draws=0).value == pytest.approx(0.29, abs=0.005)
    assert gwet(table, draws=0).value == pytest.approx(0.91, abs=0.005)


@pytest.mark.parametrize(("ours", "theirs"), [("nominal", None), ("linear", "linear"), ("quadratic", "quadratic")])
@settings(max_examples=60, deadline=None)
@given(seed=st.integers(0, 10_000), k=st.integers(2, 6), n=st.integers(5, 80))
def test_kappa_is_that_of_scikit_learn(ours, theirs, seed, k, n):
    rng = np.random.default_rng(seed)
    a = rng.integers(0, k, n)
    b = np.where(rng.random(n) < 0.6, a, rng.integers(0, k, n))
    assume(len(np.unique(np.r_[a, b])) > 1)
    expected = cohen_kappa_score(a, b, weights=theirs, labels=range(k))
    assert kappa(np.array([a, b]), ours, range(k), draws=0).value == pytest.approx(expected, abs=1e-12)


def test_kappa_is_that_of_statsmodels():
    inter_rater = pytest.importorskip("statsmodels.stats.inter_rater", reason="statsmodels is not installed")
    rng = np.random.default_rng(3)
    a = rng.integers(0, 4, 200)
    b = np.where(rng.random(200) < 0.6, a, rng.integers(0, 4, 200))
    table = np.zeros((4, 4))
    np.add.at(table, (a, b), 1)
    for ours, theirs in (("nominal", None), ("linear", "linear"), ("quadratic", "quadratic")):
        expected = inter_rater.cohens_kappa(table, wt=theirs).kappa
        assert kappa(np.array([a, b]), ours, draws=0).value == pytest.approx(expected, abs=1e-12)


def tables(least: int = 2, most: int = 4):
    return st.tuples(st.integers(least, most), st.integers(3, 25), st.integers(0, 10_000)).map(
        lambda x: np.where(np.random.default_rng(x[2]).random(x[:2]) < 0.15, np.nan, np.random.default_rng(x[2] + 1).integers(0, 3, x[:2]))
    )


MANY_RATERS = [name for name in dict.fromkeys(USUAL + ORDERED) if not name.startswith("kappa")]


def values_of(table, which=MANY_RATERS):
    try:
        return np.array([c.value for c in coefficients(table, which, (0, 1, 2), draws=0)])
    except NotReady:
        assume(False)


@settings(max_examples=50, deadline=None)
@given(tables(), st.integers(0, 1000))
def test_the_order_of_items_and_raters_does_not_matter(table, seed):
    rng = np.random.default_rng(seed)
    moved = table[rng.permutation(len(table))][:, rng.permutation(table.shape[1])]
    np.testing.assert_allclose(values_of(moved), values_of(table), atol=1e-12)


@settings(max_examples=50, deadline=None)
@given(tables(2, 2))
def test_kappa_is_symmetric(table):
    which = [f"kappa {w}" for w in ("nominal", "linear", "quadratic")]
    np.testing.assert_allclose(values_of(table, which), values_of(table[::-1], which), atol=1e-12)


@settings(max_examples=50, deadline=None)
@given(st.lists(st.integers(0, 2), min_size=2, max_size=30), st.integers(2, 4))
def test_perfect_agreement_is_one(row, raters):
    assume(len(set(row)) > 1)
    which = [*MANY_RATERS, *(["kappa nominal", "kappa quadratic"] if raters == 2 else [])]
    assert values_of(np.array([row] * raters, float), which) == pytest.approx(1.0)


def test_random_ratings_agree_by_chance():
    table = np.random.default_rng(0).integers(0, 3, (2, 20_000)).astype(float)
    assert values_of(table, ["kappa nominal", "alpha ordinal", "gwet nominal"]) == pytest.approx(0, abs=0.03)


def test_intervals_cover_and_clusters_widen_them():
    rng = np.random.default_rng(1)
    hits = 0
    for seed in range(100):
        truth = rng.random(120) < 0.7
        table = np.array([np.where(rng.random(120) < 0.9, truth, ~truth) for _ in range(2)], float)
        c = coefficients(table, ("raw",), (0, 1), seed=seed, draws=400)[0]
        hits += c.low <= 0.82 <= c.high
    assert hits >= 88
    table = np.repeat(table, 5, axis=1)
    alone, together = (coefficients(table, ("gwet nominal",), clusters=x)[0] for x in (None, np.repeat(np.arange(120), 5)))
    assert together.high - together.low > 1.7 * (alone.high - alone.low)


def test_two_thousand_resamples_of_a_thousand_items_are_quick():
    rng = np.random.default_rng(0)
    a = rng.integers(0, 5, 1000)
    table = np.array([a, np.clip(a + rng.integers(-1, 2, 1000), 0, 4)], float)
    start = time.perf_counter()
    found = coefficients(table, draws=2000)
    assert time.perf_counter() - start < 5  # about one second on an idle core, for six coefficients
    assert all(c.low < c.value < c.high for c in found)


def test_one_category_has_no_kappa():
    found = {c.name: c.value for c in coefficients(np.ones((2, 10)), USUAL, (0, 1))}
    assert np.isnan(found["kappa nominal"]) and found["raw"] == 1 and found["gwet nominal"] == 1


def test_what_cannot_be_computed_is_said():
    with pytest.raises(NotReady):
        raw_agreement(np.array([[1, N], [N, 1]]))
    with pytest.raises(BadInput, match="scale"):
        raw_agreement(np.array([[1, 3], [1, 1]]), (0, 1))
    with pytest.raises(BadInput, match="two raters"):
        kappa(np.ones((3, 4)))


def test_a_lenient_judge_is_seen_in_calibration_and_confusion():
    rng = np.random.default_rng(0)
    judge = rng.random(2000)
    people = (rng.random(2000) < np.clip(judge - 0.2, 0, 1)).astype(float)
    found = calibration(judge, people)
    assert found.bias == pytest.approx(0.18, abs=0.03) and found.bias_ci95[0] < 0.18 < found.bias_ci95[1]
    assert found.ece == pytest.approx(0.18, abs=0.03) and found.ece_ci95[0] <= found.ece <= found.ece_ci95[1] + 0.01
    assert found.bins["n"].sum() == 2000 and (found.bins["people_low"] <= found.bins["people"]).all()
    table = confusion(judge, people)
    assert table["n"].sum() == 2000
    assert table.query("judge == 1 and people == 0")["n"].item() > table.query("judge == 0 and people == 1")["n"].item()


def test_grades_go_to_the_nearest_level():
    assert nearest(np.array([0.1, 0.5, 0.9, N]), (0, 1))[:3].tolist() == [0, 1, 1]
    assert nearest(np.array([0.4, 0.62]), (0, 0.25, 0.5, 0.75, 1)).tolist() == [0.5, 0.5]


def test_known_strengths_are_recovered_with_ties_and_a_first_position_bonus():
    """The truth of reference/agreement.py: -0.6, 0, 0.6; first 0.4; ties -0.3."""
    rng = np.random.default_rng(1)
    theta, bonus, nu, names = np.array([-0.6, 0.0, 0.6]), 0.4, -0.3, ["cheap", "mid", "frontier"]
    found, covered = [], 0
    for _ in range(40):
        i = rng.integers(0, 3, 300)
        j = (i + rng.integers(1, 3, 300)) % 3
        a, b = theta[i] + bonus, theta[j]
        p = np.exp(np.c_[a, b, nu + (a + b) / 2])
        p /= p.sum(1, keepdims=True)
        u = rng.random(300)
        y = np.where(u < p[:, 0], 1.0, np.where(u < p[:, 0] + p[:, 1], 0.0, 0.5))
        fit = preferences([names[x] for x in i], [names[x] for x in j], y, names=names)
        found.append([*fit.strength, fit.first_bonus, fit.ties])
        covered += int(((fit.strength_ci95[:, 0] <= theta) & (theta <= fit.strength_ci95[:, 1])).sum())
    assert np.mean(found, 0) == pytest.approx([*theta, bonus, nu], abs=0.06)
    assert covered / 120 > 0.9
    assert fit.chance("frontier", "cheap") > 0.6 and fit.chance("cheap", "frontier") == pytest.approx(1 - fit.chance("frontier", "cheap"))


def test_a_side_that_never_loses_stays_finite():
    fit = preferences(["a"] * 10, ["b"] * 10, np.ones(10))
    assert np.isfinite(fit.strength).all() and fit.strength[0] > fit.strength[1]
