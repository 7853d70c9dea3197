"""Aims beyond loss and cost: request types, latency, and a price on wrong answers."""

from dataclasses import replace

import numpy as np
import pytest

from tests.conftest import make_matrix
from tierwise.errors import BadInput, NotReady
from tierwise.statistics.certify import Evidence, e_value, floor, prompts_needed, prompts_table
from tierwise.tuning.aims import Aim, parse_aim
from tierwise.tuning.references import RandomMix, references
from tierwise.tuning.tune import tune


@pytest.fixture(scope="module")
def matrix():
    m = make_matrix(300, seed=4)
    return replace(m, latency=np.tile([0.5, 2.0, 6.0], (300, 1)))


def test_aims_of_every_kind_are_read_and_said():
    aim = parse_aim("max-loss=0.02", "min-quality:legal advice=0.9", "max-latency-p95=4", "wrong-answer-usd=0.5")
    assert aim == Aim(0.02, None, None, (("legal advice", 0.9),), 4.0, 0.5)
    assert str(aim) == (
        "at most 2 points of loss and quality of 90.0% or more on legal advice and 95 % of requests within 4 s "
        "and least cost with $0.5 for a wrong answer"
    )
    assert parse_aim("min_quality:a=b=0.5").min_quality_by_type == (("a=b", 0.5),)
    for text in ("max-loss:legal=0.1", "min-quality:=0.9", "min-quality:x=2", "wrong-answer-usd=-1", "max-latency-p95=x"):
        with pytest.raises(BadInput):
            parse_aim(text)
    with pytest.raises(BadInput, match="twice"):
        parse_aim("min-quality:x=0.9", "min-quality:x=0.8")


def test_a_floor_on_a_request_type_holds(matrix):
    free = tune(matrix, Aim(max_loss=0.2), router="logistic")
    hard = matrix.request_types == "hard"
    rows = np.arange(300)

    def quality(tuning):
        return matrix.quality[rows, tuning.choice(tuning.chosen.thresholds)][hard].mean()

    wanted = (quality(free) + matrix.quality[hard, 2].mean()) / 2
    kept = tune(matrix, Aim(max_loss=0.2, min_quality_by_type=(("hard", wanted),)), router="logistic")
    assert quality(kept) >= wanted - 1e-9 > quality(free)
    assert kept.chosen.saving < free.chosen.saving
    with pytest.raises(NotReady, match="request type or on latency"):
        tune(matrix, Aim(max_loss=0.9, min_quality_by_type=(("hard", 1.0),)), router="table")
    assert tune(matrix, Aim(max_loss=0.2, min_quality_by_type=(("nobody's", 1.0),)), router="logistic").chosen == free.chosen


@pytest.mark.parametrize(("limit", "slow"), [(1.0, 1), (3.0, 2)])
def test_a_limit_on_latency_holds(matrix, limit, slow):
    tuned = tune(matrix, Aim(max_latency_p95_s=limit), router="logistic")
    seconds = matrix.latency[np.arange(300), tuned.choice(tuned.chosen.thresholds)]
    assert (seconds > limit).mean() <= 0.05 + 1e-9
    assert sum(tuned.chosen.share_by_tier[slow:]) <= 0.05 + 1e-9


def test_a_price_on_wrong_answers_is_the_least_total(matrix):
    for price in (0.0, 1e-4, 1e-3, 100.0):
        tuned = tune(matrix, Aim(wrong_answer_usd=price), router="logistic")
        p = tuned.frontier.points
        total = p.cost_per_1k + 1000 * price * (1 - p.quality)
        own = tuned.chosen.cost_per_1k_usd + 1000 * price * (1 - tuned.chosen.quality)
        assert own == pytest.approx(total.min())
    assert tuned.chosen.quality == pytest.approx(p.quality.max())
    assert tune(matrix, Aim(wrong_answer_usd=0.0), router="logistic").chosen.share_by_tier[0] == pytest.approx(1)


def test_the_random_mix_takes_every_aim(matrix):
    mix = references(matrix)["random_mix"]
    assert isinstance(mix, RandomMix)
    cheap, dear = mix.choose(Aim(wrong_answer_usd=0.0)), mix.choose(Aim(wrong_answer_usd=1e3))
    assert cheap.cost_per_1k_usd == pytest.approx(mix.cost_per_1k[0]) and dear.quality == pytest.approx(mix.quality[-1])
    assert mix.choose(Aim(max_latency_p95_s=1.0)).quality == pytest.approx(mix.quality[-1])
    assert mix.choose(Aim(min_quality_by_type=(("hard", 0.5),))).cost_per_1k_usd > 0


def test_the_plan_before_anything_is_run():
    table = prompts_table()
    assert [row["discordance"] for row in table] == [0.01, 0.02, 0.05, 0.1, 0.2]
    assert table[2]["0.02"] == prompts_needed(0.05, 0.02) and table[0]["0.05"] == floor(0.05)
    half = prompts_table(true_loss=0.5)
    assert 3.5 < half[3]["0.02"] / table[3]["0.02"] < 4.5


def test_an_e_value_stays_good_when_one_looks_after_every_prompt():
    """True loss at the limit: looking 12 times on the way to 600 prompts must not certify in more than a tenth of the runs."""
    rng, broken = np.random.default_rng(0), 0
    for _ in range(300):
        d = (rng.random(600) < 0.05).astype(float)
        broken += any(e_value(d[:n], 0.05)[0] >= 10 for n in range(50, 601, 50))
    assert broken / 300 <= 0.1 + 2 * np.sqrt(0.09 / 300)
    assert e_value(np.zeros(400), 0.02)[0] > 10
    assert e_value(np.ones(50), 0.02)[0] < 1


def test_an_e_value_does_not_depend_on_the_order_and_walks_a_path():
    rng = np.random.default_rng(1)
    d = (rng.random((500, 1)) < np.linspace(0, 0.1, 9)).astype(float)
    assert e_value(d[::-1], 0.05) == pytest.approx(e_value(d, 0.05))
    evidence = Evidence(d, None)
    assert 0 < evidence.walk(0.05, 0.1, anytime=True) <= evidence.walk(0.05, 0.1)
