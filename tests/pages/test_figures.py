"""Numbers as people read them."""

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tierwise.types import now
from tierwise.ui import figures


@pytest.mark.parametrize(
    ("amount", "text"),
    [
        (8.1, "$8.10"),
        (0.4231, "$0.42"),
        (0.01234, "$0.012"),
        (0.00000123, "$0.0000012"),
        (5960.4, "$5,960"),
        (0, "$0"),
        (-12.5, "−$12.50"),
        (None, "not known"),
        (float("nan"), "not known"),
    ],
)
def test_dollars(amount, text):
    assert figures.dollars(amount) == text


@given(st.floats(1e-8, 1e9))
def test_a_cost_is_never_rounded_to_nothing(amount):
    shown = figures.dollars(amount).replace("$", "").replace(",", "")
    assert float(shown) == pytest.approx(amount, rel=0.06)


def test_points_are_not_percent():
    assert figures.points(-0.045) == "−4.5 pts"
    assert figures.points(-0.0001) == "0.0 pts"
    assert figures.percent(0.953) == "95 %"
    assert figures.interval(-0.061, 0.002, 1) == "[−6.1, 0.2]"
    assert figures.interval(float("nan"), 1) == ""


def test_dollar_signs_do_not_start_a_formula():
    assert figures.md("$1 and $2") == "\\$1 and \\$2"


def test_ages_are_words():
    assert figures.ago(now() - timedelta(hours=3, minutes=5)) == "3 hours ago"
    assert figures.ago(now() - timedelta(days=1, hours=1)) == "1 day ago"
    assert figures.ago(now()) == "just now"
