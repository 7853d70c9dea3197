"""What a tuning says of itself: verdicts, warnings, promises; and recorded ladders, where there are any."""

from dataclasses import replace

import numpy as np
import pytest

from tests.conftest import make_matrix, recorded_matrix
from tierwise.errors import NotReady
from tierwise.tuning.frontier import Aim
from tierwise.tuning.tune import tune


def test_noise_is_not_routable():
    """The hash router knows nothing, so it must not be said to pay; at most one run in ten may look as if it did."""
    found = [tune(make_matrix(300, seed=s), router="random") for s in range(12)]
    verdicts = [f.verdict for f in found]
    assert verdicts.count("routable") <= 3 and verdicts.count("not routable") >= 6
    assert np.mean([f.heldout.quality - f.baselines["coin_flip"].quality for f in found]) < 0.01


def test_few_prompts_are_called_too_few():
    tuned = tune(make_matrix(60, seed=2), Aim(max_loss=0.02), router="table")
    assert tuned.verdict == "too few prompts" and tuned.certificate.status == "none"
    assert any("Only 60" in w for w in tuned.warnings)
    assert tune(make_matrix(4, seed=2), router="table").verdict == "too few prompts"
    assert tune(make_matrix(6, seed=2)).n == 6


def test_a_policy_carries_the_promise_only_with_the_certified_thresholds():
    pytest.importorskip("tierwise.evalsets")
    from tierwise.policy import make_policy

    tuned = tune(make_matrix(600, seed=4), Aim(max_loss=0.05), router="logistic")
    promise = tuned.certificate
    assert promise.status == "certified" and promise.thresholds != tuned.chosen.thresholds
    recommended = make_policy(tuned, "x").document
    assert recommended["certificate"]["status"] == "none" and "saving" not in recommended["certificate"]
    assert "certified ones are" in recommended["notes"][0]
    certified = make_policy(tuned, "x", promise.thresholds).document
    assert certified["certificate"]["status"] == "certified" and certified["certificate"]["saving"] == pytest.approx(promise.saving)
    assert "certificate" not in make_policy(tuned, "x", (0.1, 0.2)).document


def test_incomplete_prompts_are_left_out_and_counted():
    m = make_matrix(130, seed=7)
    quality, cost = m.quality.copy(), m.cost.copy()
    quality[:7, 1], cost[120:, 0] = np.nan, np.nan
    tuned = tune(replace(m, quality=quality, cost=cost), router="table")
    assert tuned.n == len(tuned.matrix) == 113
    assert any(w.startswith("17 of 130 prompts are left out") for w in tuned.warnings)
    with pytest.raises(NotReady, match="No answer of mid is graded"):
        tune(replace(m, quality=np.where([[False, True, False]], np.nan, m.quality)))
    with pytest.raises(NotReady, match="cost of cheap is not known"):
        tune(replace(m, cost=np.where([[True, False, False]], np.nan, m.cost)))


def test_warnings_name_what_a_user_should_know():
    m = make_matrix(150, seed=8)
    quality = m.quality.copy()
    quality[:, 0], quality[:, 1] = 0.0, 1.0
    flags = np.zeros((150, 3), bool)
    flags[:15, 2] = True
    run = replace(m.run, kind="simulated")
    samples = tuple(replace(s, request_type=None, input=s.input if i else m.samples[1].input) for i, s in enumerate(m.samples))
    odd = replace(m, quality=quality, truncated=flags, failed=flags, run=run, samples=samples)
    told = " ".join(tune(odd, router="logistic").warnings)
    for words in ("simulated", "Only 150", "frontier: the last tier", "beaten by mid", "10% of the answers of frontier were cut off",
                  "10% of the calls to frontier failed", "No prompt has a request type", "1 prompts repeat",
                  "mid alone does about as well"):  # fmt: skip
        assert words in told, words


@pytest.mark.parametrize(
    ("models", "n", "saving"),
    [
        (["gpt-4o-mini-2024-07-18", "gpt-4o-2024-08-06"], 900, 0.3),
        (["claude-3-haiku-20240307", "claude-3-5-haiku-20241022", "claude-3-5-sonnet-20241022"], 1600, 0.1),
    ],
)
def test_recorded_ladders_are_routable(recorded, models, n, saving):
    tuned = tune(recorded_matrix(recorded / "zeroeval.parquet", models, n), Aim(max_loss=0.02))
    assert tuned.verdict == "routable"
    assert tuned.heldout.saving > max(saving, tuned.baselines["zero_router"].saving)
    assert tuned.heldout.loss < 0.035
    assert tuned.certificate.status == "certified" and tuned.certificate.saving < tuned.chosen.saving + 0.05
    assert tuned.metrics["apgr"] > 0.6


def test_an_interval_of_saving_holds_nothing_that_no_policy_could_save():
    for seed in range(4):
        matrix = make_matrix(120, seed=seed)
        held = tune(matrix, router="table").heldout
        w = matrix.weights / matrix.weights.sum()
        least, most = 1 - w @ matrix.cost.max(1) / (w @ matrix.cost[:, -1]), 1 - w @ matrix.cost.min(1) / (w @ matrix.cost[:, -1])
        low, high = held.saving_ci95
        assert least - 1e-9 <= low <= held.saving <= high <= most + 1e-9
