"""Human-corrected quality: covers the truth where the judge does not, and honours how prompts were drawn."""

import numpy as np
import pytest

from tierwise.errors import NotReady
from tierwise.grading.queue import queue
from tierwise.statistics.corrected import corrected_loss, corrected_mean, corrected_tiers
from tierwise.types import OutcomeMatrix, Run, Sample, Tier

N, TIERS, HUMANS = 1000, 3, 100


def flipped(rng: np.random.Generator, human: np.ndarray, lenient, harsh) -> np.ndarray:
    """A judge that passes a share of the wrong answers and fails a share of the right ones; either may differ by cell."""
    u = rng.random(human.shape)
    return np.where(human == 1, u >= harsh, u < lenient).astype(float)


def by_position(rng: np.random.Generator, human: np.ndarray) -> np.ndarray:
    """A judge that is kind to the answer it reads first and harsh to the others, whichever tier that is."""
    first = rng.integers(0, TIERS, len(human))[:, None] == np.arange(TIERS)
    return flipped(rng, human, np.where(first, 0.7, 0.1), np.where(first, 0.0, 0.25))


JUDGES = {
    "lenient": lambda rng, h: flipped(rng, h, 0.35, 0.05),
    "very lenient": lambda rng, h: flipped(rng, h, 0.6, 0.02),
    "harsh": lambda rng, h: flipped(rng, h, 0.03, 0.3),
    "noisy": lambda rng, h: flipped(rng, h, 0.25, 0.25),
    "by position": by_position,
    "kind to the top tier": lambda rng, h: flipped(rng, h, np.array([0.1, 0.2, 0.7]), np.array([0.2, 0.1, 0.02])),
    "kind to the cheapest": lambda rng, h: flipped(rng, h, np.array([0.7, 0.4, 0.1]), np.array([0.0, 0.05, 0.2])),
    "in shades of grey": lambda rng, h: np.round(np.clip(0.25 + 0.5 * h + rng.normal(0, 0.2, h.shape), 0, 1) * 20) / 20,
}


def judged_run(seed: int, judge: str = "lenient"):
    """1,000 prompts x 3 tiers: what people would say, and one of the judges.

    Returns the judge's matrix, the human grades, a policy's choice, and the true (expected) mean grade of each tier and loss.
    """
    rng = np.random.default_rng(seed)
    hard = rng.random(N)
    chance = np.clip(np.array([0.95, 1.05, 1.12])[None] - np.array([0.75, 0.5, 0.35])[None] * hard[:, None], 0, 1)
    human = (chance > rng.random((N, 1)) * 0.6 + rng.random((N, TIERS)) * 0.4).astype(float)
    choice = np.digitize(hard + rng.normal(0, 0.1, N), [0.35, 0.7])
    graded = JUDGES[judge](rng, human)
    tiers = tuple(Tier(t, f"test/{t}") for t in ("cheap", "mid", "top"))
    run = Run(f"r{seed}", "judged", "e", "recorded", tiers, "done")
    samples = tuple(Sample(f"s{i}", f"prompt {i}") for i in range(N))
    flags = np.zeros((N, TIERS), bool)
    return OutcomeMatrix(run, samples, graded, np.ones((N, TIERS)), np.ones((N, TIERS)), flags, flags), human, choice


@pytest.fixture(scope="module")
def truth():
    """Mean human grade of each tier and loss of the policy, over 400,000 prompts."""
    runs = [judged_run(100_000 + s) for s in range(400)]
    tiers = np.mean([h.mean(0) for _, h, _ in runs], axis=0)
    loss = np.mean([(h[:, -1] - h[np.arange(N), c]).mean() for _, h, c in runs])
    return tiers, float(loss)


def drawn(items, matrix, human, count, every_tier):
    """The human grades of the first prompts of a queue, and every prompt's stratum."""
    at = {s.id: i for i, s in enumerate(matrix.samples)}
    names = {t: k for k, t in enumerate(matrix.tiers)}
    given = np.full(human.shape, np.nan)
    strata = np.empty(len(human), object)
    for item in items:
        strata[at[item.sample_id]] = item.stratum
        if item.position < count:
            for t in item.tiers:
                given[at[item.sample_id], names[t]] = human[at[item.sample_id], names[t]]
    return given, strata.astype(str)


@pytest.mark.parametrize("judge", JUDGES)
def test_corrected_intervals_cover_where_the_judge_does_not(truth, judge, capsys):
    """The bar: at least 88 % of 200 repeats at nominal 90 %, with 100 human grades, for each tier and for the policy's loss.

    All 200 repeats of the lenient judge and 60 of each other are run here; docs/grading.md has 200 of all of them.
    """
    repeats = 200 if judge == "lenient" else 60
    tiers, loss = truth
    hits, judge_hits, loss_hits, loss_judge, widths, gains = np.zeros(TIERS), np.zeros(TIERS), 0, 0, [], []
    for seed in range(repeats):
        matrix, human, choice = judged_run(seed, judge)
        given, strata = drawn(queue(matrix, choice, seed, every_tier=True), matrix, human, HUMANS, True)
        for k, c in enumerate(corrected_tiers(matrix.quality, given, strata=strata, level=0.90)):
            hits[k] += c.low <= tiers[k] <= c.high
            half = 1.645 * matrix.quality[:, k].std() / np.sqrt(N)
            judge_hits[k] += abs(matrix.quality[:, k].mean() - tiers[k]) <= half
        given, strata = drawn(queue(matrix, choice, seed), matrix, human, HUMANS, False)
        c = corrected_loss(matrix.quality, given, choice, strata=strata, level=0.90)
        loss_hits += c.low <= loss <= c.high
        d = matrix.quality[:, -1] - matrix.quality[np.arange(N), choice]
        loss_judge += abs(d.mean() - loss) <= 1.645 * d.std() / np.sqrt(N)
        widths.append(c.high - c.low)
        gains.append(c.worth / c.humans)
    with capsys.disabled():
        print(
            f"\n{judge}: coverage by tier {np.round(hits / repeats, 3)}, judge alone {np.round(judge_hits / repeats, 3)}; "
            f"loss {loss_hits / repeats:.3f}, judge alone {loss_judge / repeats:.3f}; width {np.mean(widths):.3f}, "
            f"worth {np.median(gains):.2f} x"
        )
    least = 0.88 if repeats == 200 else 0.9 - 2 * np.sqrt(0.09 / repeats)
    assert (hits / repeats >= least).all() and loss_hits / repeats >= least
    assert judge_hits.min() / repeats < 0.5
    if judge == "lenient":
        assert np.median(gains) > 1.4


def test_a_uniform_sample_gives_ppi_plus_plus():
    """theta = mean H + lam (mean_N J - mean_m J), se^2 = var(H - lam J)/m + lam^2 var(J)/N up to how the sample is part of the prompts."""
    rng = np.random.default_rng(0)
    truth = rng.random(4000)
    judge, human = np.clip(truth + rng.normal(0, 0.1, 4000) + 0.1, 0, 1), np.full(4000, np.nan)
    at = rng.choice(4000, 200, replace=False)
    human[at] = truth[at]
    c = corrected_mean(judge, human, level=0.9)
    lam = np.cov(human[at], judge[at])[0, 1] / judge.var()
    theta = human[at].mean() + c.lam * (judge.mean() - judge[at].mean())
    assert c.lam == pytest.approx(lam, abs=0.02) and c.value == pytest.approx(theta, abs=1e-9)
    error = np.sqrt((human[at] - c.lam * judge[at]).var(ddof=1) / 200 + c.lam**2 * judge.var() / 4000)
    assert np.sqrt(c.variance) == pytest.approx(error, rel=0.05)
    assert c.judge == pytest.approx(0.6, abs=0.03) and c.difference == pytest.approx(c.value - c.judge)
    assert c.worth > 2 * c.humans  # a judge that follows people is worth many human grades


def test_a_useless_judge_is_not_trusted():
    rng = np.random.default_rng(0)
    human = np.full(1000, np.nan)
    human[:100] = rng.random(100) < 0.7
    c = corrected_mean(rng.random(1000), human)
    assert c.lam < 0.3 and c.value == pytest.approx(np.nanmean(human), abs=0.03)


def test_strata_drawn_unevenly_are_weighted_back():
    """Half of the grades come from a tenth of the prompts; the mean of the human grades alone would be far off."""
    hits = []
    for seed in range(60):
        rng = np.random.default_rng(seed)
        strata = (np.arange(1000) < 100).astype(int)
        human_all = (rng.random(1000) < np.where(strata == 1, 0.2, 0.9)).astype(float)
        human = np.full(1000, np.nan)
        for at in (rng.choice(100, 50, replace=False), 100 + rng.choice(900, 50, replace=False)):
            human[at] = human_all[at]
        c = corrected_mean(np.full(1000, 0.5), human, strata=strata, level=0.9)
        hits.append(c.low <= 0.83 <= c.high)
        assert abs(c.value - 0.83) < abs(np.nanmean(human) - 0.83)
    assert np.mean(hits) >= 0.85


def test_clusters_widen_the_interval():
    rng = np.random.default_rng(0)
    group = np.repeat(np.arange(100), 10)
    truth = (rng.random(100) < 0.6)[group].astype(float)
    human = np.where(group < 20, truth, np.nan)
    judge = np.full(1000, 0.5)
    alone, together = corrected_mean(judge, human), corrected_mean(judge, human, clusters=group)
    assert together.high - together.low > 2 * (alone.high - alone.low)


def test_weights_count():
    judge, human = np.full(4, 0.5), np.array([1.0, 0.0, np.nan, np.nan])
    assert corrected_mean(judge, human, weights=np.array([3.0, 1.0, 1.0, 1.0])).value == pytest.approx(0.75)


def test_a_policy_that_never_leaves_the_last_tier_has_nothing_to_ask():
    matrix, human, _ = judged_run(1)
    with pytest.raises(NotReady):
        corrected_loss(matrix.quality, human, np.full(N, 2))


def test_groups_that_nobody_graded_are_said():
    human = np.r_[np.ones(20), np.full(80, np.nan)]
    c = corrected_mean(np.ones(100), human, strata=(np.arange(100) >= 40).astype(int))
    assert c.uncovered == pytest.approx(0.6) and c.humans == 20 and c.low < 1.0


def test_without_a_judge_people_alone_decide():
    human = np.r_[np.ones(30), np.zeros(10), np.full(60, np.nan)]
    c = corrected_mean(np.full(100, np.nan), human)
    assert c.value == pytest.approx(0.75) and np.isnan(c.judge) and c.lam == 0


def test_agreeing_with_the_judge_leaves_some_doubt():
    judge = np.r_[np.ones(500), np.zeros(500)]
    human = np.where(np.arange(1000) % 20 == 0, judge, np.nan)
    c = corrected_mean(judge, human)
    assert c.value == pytest.approx(0.5) and c.high - c.low > 0.06
