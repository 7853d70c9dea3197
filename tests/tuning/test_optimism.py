"""The margin that a policy needs because it was chosen by how it looked."""

import numpy as np
import pytest

from tests.statistics.test_certify import simulated
from tierwise.tuning.aims import Aim
from tierwise.tuning.heldout import Folded
from tierwise.tuning.lattice import Line, Plane, assign
from tierwise.tuning.optimism import margin, smoothed


def test_smoothing_keeps_means_and_evens_out():
    rng = np.random.default_rng(0)
    scores, weights = rng.random(500), rng.integers(1, 4, 500).astype(float)
    values = (rng.random((500, 2)) < scores[:, None]).astype(float)
    smooth = smoothed(scores, values, weights)
    assert np.average(smooth, axis=0, weights=weights) == pytest.approx(np.average(values, axis=0, weights=weights))
    assert np.corrcoef(smooth[:, 0], scores)[0, 1] > 0.95
    assert smooth.std() < 0.7 * values.std()
    assert smoothed(scores, np.full((500, 1), 0.3), weights) == pytest.approx(np.full((500, 1), 0.3))
    assert smoothed(np.array([0.5]), np.array([[1.0]]), np.ones(1)) == pytest.approx(1.0)


@pytest.mark.parametrize("n", [60, 2000])
def test_the_margin_is_never_negative_and_shrinks_with_prompts(n):
    matrix, scores, _ = simulated(n, 0)
    line = Line(scores, matrix.quality, matrix.cost, np.ones(n), 300)
    lost = matrix.quality[:, -1:] - matrix.quality
    found = margin(line, scores, lost, np.ones(n))
    assert (found >= 0).all() and found[line.frontier] == 0
    assert found.mean() < (0.05 if n == 60 else 0.015)
    two = np.stack([scores, scores], 1)
    plane = Plane(two, matrix.quality, matrix.cost, np.ones(n), 60)
    assert (margin(plane, two, lost, np.ones(n)) >= 0).all()


def test_an_aim_is_met_on_average_by_prompts_that_took_no_part():
    """60 sets of 200 prompts, aim 3 points: what is chosen by the observed loss alone loses too much."""
    _, fresh, right = simulated(20_000, 999)
    rows, losses, naive = np.arange(20_000), [], []
    for seed in range(60):
        matrix, scores, _ = simulated(200, seed)
        folded = Folded(matrix, {"r": scores}, np.arange(200) % 5, Aim(max_loss=0.03))
        line = Line(scores, matrix.quality, matrix.cost, np.ones(200), 300)
        bold = line.thresholds(Aim(max_loss=0.03).pick(line.cost, line.quality, line.quality[line.frontier]))
        for into, thresholds in ((losses, folded.thresholds("r")), (naive, bold)):
            into.append((right[:, -1] - right[rows, assign(fresh, thresholds)]).mean())
    assert np.mean(losses) < 0.03 + 0.002 < 0.03 + 0.008 < np.mean(naive)
    assert np.mean(losses) > 0.005


def test_a_margin_narrows_a_choice_and_never_refuses_one():
    aim = Aim(max_loss=0.02)
    cost, quality = np.array([1.0, 2.0, 3.0]), np.array([0.88, 0.89, 0.90])
    assert aim.pick(cost, quality, 0.90) == 0
    assert aim.pick(cost, quality, 0.90, margin=np.array([0.01, 0.005, 0.0])) == 1
    assert aim.pick(cost, quality, 0.90, margin=0.5) == 0
