"""Policies on one score and on two, against brute force."""

import itertools
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tierwise.tuning.lattice import ESCALATED, KEPT, STRAIGHT, Line, Plane, assign, lattice


@st.composite
def cascaded(draw):
    """Two scores with ties, three actions with any values, weights."""
    n, rng = draw(st.integers(1, 12)), np.random.default_rng(draw(st.integers(0, 10_000)))
    scores = rng.integers(0, draw(st.integers(1, 8)) + 1, (n, 2)) / 8
    return scores, rng.integers(0, 5, (n, 3)) / 4, rng.random((n, 3)), rng.integers(1, 4, n).astype(float)


@given(cascaded())
@settings(max_examples=120, deadline=None)
def test_a_plane_holds_every_pair_of_thresholds(data):
    scores, quality, cost, weights = data
    plane, rows, w = Plane(*data, resolution=60), np.arange(len(scores)), weights / weights.sum()
    other = np.random.default_rng(0).random(quality.shape)
    read = plane.read(other)
    for i in range(len(plane.quality)):
        action = assign(scores, plane.thresholds(i))
        for values, means in ((quality, plane.quality), (cost, plane.cost), (other, read)):
            assert means[i] == pytest.approx(w @ values[rows, action])
    marks = [[-1.0, *sorted(set(column)), math.inf] for column in scores.T]
    reached = {(round(q, 9), round(c, 9)) for q, c in zip(plane.quality, plane.cost, strict=True)}
    for pair in itertools.product(*marks):
        action = assign(scores, np.array(pair))
        assert (round(float(w @ quality[rows, action]), 9), round(float(w @ cost[rows, action]), 9)) in reached


def test_actions_of_a_cascade():
    scores = np.array([[0.2, 0.1], [0.2, 0.9], [0.8, 0.1]])
    assert assign(scores, np.array([0.5, 0.5])).tolist() == [KEPT, ESCALATED, STRAIGHT]
    assert (assign(scores, np.array([0.0, 0.5])) == STRAIGHT).all()


def test_both_paths_run_from_the_frontier_to_the_cheapest():
    rng = np.random.default_rng(0)
    scores, quality = rng.random((300, 2)), (rng.random((300, 3)) < [0.7, 0.9, 0.9]).astype(float)
    cost, weights = np.tile([1.0, 6.0, 5.0], (300, 1)), np.ones(300)
    plane = lattice(scores, quality, cost, weights, 300)
    line = lattice(scores[:, 0], quality, np.sort(cost, axis=1), weights, 300)
    assert isinstance(plane, Plane) and isinstance(line, Line)
    assert len(plane.quality) <= 103**2
    for policies, own in ((plane, scores), (line, scores[:, 0])):
        path = policies.path(40)
        assert path.shape == (41, 2)
        assert (assign(own, path[0]) == 2).all()
        assert (assign(own, path[-1]) == 0).all()
        moved = [np.mean(assign(own, a) != assign(own, b)) for a, b in itertools.pairwise(path)]
        assert max(moved) < 0.25


def test_a_line_reads_anything_at_its_policies():
    rng = np.random.default_rng(1)
    scores, quality, cost = rng.integers(0, 9, 40) / 8, rng.random((40, 3)), np.cumsum(rng.random((40, 3)), 1)
    line = Line(scores, quality, cost, np.ones(40), 50)
    assert line.read(quality) == pytest.approx(line.quality) and line.read(cost) == pytest.approx(line.cost)
    at = assign(scores, line.thresholds(7))
    assert line.quality[7] == pytest.approx(quality[np.arange(40), at].mean())
