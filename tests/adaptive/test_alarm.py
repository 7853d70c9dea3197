"""The alarm over shadow pairs: how often it cries wolf, how soon it sees a loss, and where it says that the loss began."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tierwise.adaptive import Alarm, first_alarms, pairs_to_alarm, run_length
from tierwise.adaptive.alarm import BETS
from tierwise.errors import BadInput

LOSSES = st.lists(st.sampled_from([-1.0, 0.0, 0.0, 0.5, 1.0]), max_size=80)


def by_hand(losses, tolerated):
    """The recursion as written, one bet at a time."""
    levels = []
    m = [0.0] * len(BETS)
    for d in losses:
        m = [(1 + x) * (1 + bet * (d - tolerated)) for x, bet in zip(m, BETS, strict=True)]
        levels.append(sum(m) / len(m))
    return levels


@given(LOSSES, st.sampled_from([0.0, 0.03, 0.1]))
@settings(max_examples=60, deadline=None)
def test_it_is_the_published_recursion(losses, tolerated):
    alarm, levels = Alarm(tolerated, 50).after(losses), by_hand(losses, tolerated)
    assert alarm.level == pytest.approx(levels[-1] if levels else 0.0)
    first = next((i for i, level in enumerate(levels, 1) if level >= 50), None)
    assert alarm.rang_at == first
    assert first_alarms(np.array([losses]).reshape(1, -1), tolerated, 50)[0] == (first or 0)


@given(LOSSES, LOSSES)
@settings(max_examples=40, deadline=None)
def test_it_goes_on_where_it_stopped(before, after):
    assert Alarm(0.03).after(before).after(after) == Alarm(0.03).after([*before, *after])


def test_false_alarms_are_as_rare_as_promised():
    """At the edge of what is tolerated: the mean number of pairs to a false alarm is at least the limit, within its own error."""
    mean, error = run_length(0.05, 200, runs=300)
    assert mean > 200 - 2 * error
    assert mean < 200 * 4, "an alarm that never rings would pass the first line"


def test_under_what_is_tolerated_false_alarms_are_rarer_still():
    edge, _ = run_length(0.05, 100, runs=200)
    under, _ = run_length(0.05, 100, loss=0.02, runs=200)
    assert under > 1.15 * edge


@pytest.mark.parametrize(("loss", "published"), [(0.06, 244), (0.10, 130), (0.20, 56)])
def test_pairs_to_see_a_loss(loss, published):
    """Medians of statistics that were simulated elsewhere, with another share of wins."""
    median, low, high = pairs_to_alarm(loss, 0.03, 1000.0)
    assert low < median < (high or np.inf)
    assert published / 2 < median < published * 2


def test_larger_losses_are_seen_sooner():
    medians = [pairs_to_alarm(loss, 0.03)[0] for loss in (0.06, 0.08, 0.12, 0.2, 0.4)]
    assert medians == sorted(medians, reverse=True)


def test_it_says_where_the_change_began():
    """A change from 2 to 20 points at pair 400."""
    found = []
    for seed in range(40):
        rng = np.random.default_rng(seed)
        losses = np.concatenate([rng.random(400) < 0.02, rng.random(400) < 0.2]).astype(float)
        alarm = Alarm(0.03).after(losses)
        if alarm.rang_at and alarm.rang_at > 400:
            found.append((alarm.rang_at, alarm.change_at))
    rang, began = np.array(found).T
    assert len(found) >= 34, "false alarms are rare"
    assert 400 < np.median(rang) < 480
    assert abs(np.median(began) - 401) < 30
    assert "Tune again" in alarm.says


@pytest.mark.parametrize("wins", [0.0, 0.05])
def test_the_chance_of_a_false_alarm_within_some_pairs_is_bounded(wins):
    """P(it rings within t pairs) <= t / limit at the edge of what is tolerated, however often one looks."""
    rng = np.random.default_rng(0)
    u = rng.random((1000, 300))
    rang = first_alarms((u < 0.05 + wins).astype(float) - (u > 1 - wins), 0.05, 1000)
    for t in (50, 100, 300):
        share = ((rang > 0) & (rang <= t)).mean()
        assert share <= t / 1000 + 2 * np.sqrt(t / 1000 * (1 - t / 1000) / 1000)
    assert (rang > 0).any(), "an alarm that never rings would pass as well"


def test_words():
    assert "No shadow pair" in Alarm().says
    assert "No alarm after 10" in Alarm().after([0.0] * 10).says
    assert "evidence is growing" in Alarm(0.0, 100).after([1.0] * 7).says


@pytest.mark.parametrize("losses", [[0.0, 2.0], [float("nan")], [-1.5]])
def test_a_loss_is_a_difference_of_grades(losses):
    with pytest.raises(BadInput, match="Pair"):
        Alarm().after(losses)


@pytest.mark.parametrize("settings", [{"tolerated": 1.0}, {"tolerated": float("nan")}, {"limit": 1.0}])
def test_settings_that_make_no_alarm(settings):
    with pytest.raises(BadInput):
        Alarm(**settings)
