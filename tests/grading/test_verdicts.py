"""Pairwise verdicts of people and judges become strengths with intervals that hold what they should."""

import numpy as np
import pandas as pd
import pytest

from tierwise.grading.grades import matrix
from tierwise.grading.verdicts import strengths, verdicts
from tierwise.scorers import scorer_ref
from tierwise.statistics.preferences import preferences
from tierwise.store.reviews import Comparison
from tierwise.types import Grade

NAMES = ["a", "b", "c"]


def compared(rng, true, prompts: int, bonus: float = 0.4, ties: float = -0.3):
    """Every pair of each prompt, with a strength of the prompt's own that ties its comparisons together."""
    first, second, result, prompt = [], [], [], []
    for p in range(prompts):
        own = true + rng.normal(0, 0.4, 3)
        for i, j in ((0, 1), (1, 2), (2, 0)):
            u = np.array([own[i] + bonus, own[j], ties + (own[i] + own[j] + bonus) / 2])
            chance = np.exp(u - u.max())
            result.append((1.0, 0.0, 0.5)[rng.choice(3, p=chance / chance.sum())])
            first.append(NAMES[i]), second.append(NAMES[j]), prompt.append(p)
    return first, second, np.array(result), np.array(prompt)


def test_intervals_by_resampling_prompts_hold_the_true_order():
    true = np.array([-0.6, 0.0, 0.6])
    fits = [preferences(*compared(np.random.default_rng(s), true, 120), names=NAMES, draws=80) for s in range(40)]
    ends = np.stack([f.strength_ci95 for f in fits])
    found = np.mean([f.strength for f in fits], axis=0)
    assert found == pytest.approx(true, abs=0.12)  # the prompts' own strengths draw it in a little
    held = ((ends[..., 0] <= found) & (found <= ends[..., 1])).mean()
    assert 0.88 <= held <= 1.0
    assert np.mean([f.first_bonus for f in fits]) == pytest.approx(0.4, abs=0.12)
    assert (fits[0].rate == sorted(fits[0].rate)).all() and fits[0].compared.tolist() == [240, 240, 240]
    assert all(lo < r < hi for r, (lo, hi) in zip(fits[0].rate, fits[0].rate_ci95, strict=True))


def test_whom_a_tier_was_compared_with_moves_its_rate_and_not_its_strength():
    rng, true = np.random.default_rng(1), {"weak": -1.5, "middle": 0.0, "strong": 1.5}
    first = ["middle"] * 600 + ["middle"] * 60 + ["weak"] * 60
    second = ["weak"] * 600 + ["strong"] * 60 + ["strong"] * 60
    result = np.array([float(rng.random() < 1 / (1 + np.exp(true[b] - true[a]))) for a, b in zip(first, second, strict=True)])
    fit = preferences(first, second, result, names=list(true), ordered=np.zeros(len(first), bool), draws=50)
    assert fit.rate[1] > 0.7 and fit.strength == pytest.approx(list(true.values()), abs=0.35)
    assert np.isnan(fit.first_bonus) and fit.chance("strong", "weak") > 0.9


def test_prompts_and_not_comparisons_are_the_unit():
    result = np.tile([1.0, 1.0, 0.0], 10)
    alone = preferences(["a"] * 30, ["b"] * 30, result, draws=200)
    together = preferences(["a"] * 300, ["b"] * 300, np.tile(result, 10), clusters=np.tile(np.arange(30), 10), draws=200)
    narrow = preferences(["a"] * 300, ["b"] * 300, np.tile(result, 10), draws=200)
    width = [float(np.ptp(f.strength_ci95[0])) for f in (alone, together, narrow)]
    assert width[1] == pytest.approx(width[0], rel=0.35) and width[2] < 0.6 * width[1]


def test_verdicts_of_people_and_judges_are_read_from_the_store(store, demo):
    m = matrix(store, demo.id)
    cheap, mid, top = m.tiers
    ids = [s.id for s in m.samples[:6]]
    ref = scorer_ref("pairwise_judge", {"model": "openai/j", "against": mid})
    store.grades.note_scoring(demo.id, ref, "pairwise_judge", {"model": "openai/j", "against": mid})
    store.grades.add(demo.id, [Grade(i, t, v, ref) for i, v in zip(ids, (0, 0, 0.5, 1, None, 0), strict=True) for t in (cheap,)])
    store.grades.add(demo.id, [Grade(i, mid, 0.5, ref) for i in ids] + [Grade(ids[0], top, 1.0, ref)])
    assert set(verdicts(store, demo.id)["by"]) == {ref}
    for i, result in zip(ids, (1.0, 0.0, 0.5, 1.0, 1.0, None), strict=True):
        store.reviews.add_comparison(demo.id, Comparison(i, cheap, top, result, "Ana"))
    store.reviews.add_comparison(demo.id, Comparison(ids[0], top, cheap, 1.0, "Ana"))
    rows = verdicts(store, demo.id)
    people, judge = rows[rows["by"] == "people"], rows[rows["by"] == ref]
    assert len(people) == 5 and people["ordered"].all() and people["result"].iloc[-1] == 1.0
    assert len(judge) == 6 and not judge["ordered"].any() and set(judge["second_tier"]) == {mid}
    found = strengths(store, demo.id)
    assert list(found) == ["people", ref] and found[ref].names == (cheap, mid, top)
    assert found[ref].strength[0] < found[ref].strength[1] < found[ref].strength[2]
    assert isinstance(rows, pd.DataFrame) and strengths(store, demo.id)[ref].n == 6


def test_without_verdicts_there_is_nothing_to_fit(store, demo):
    assert len(verdicts(store, demo.id)) == 0 and strengths(store, demo.id) == {}
