"""What Tune is set to: the aim, the router, and one threshold a boundary. All of it lives in the URL."""

import math
from collections.abc import Sequence
from itertools import pairwise

import numpy as np
import streamlit as st

from tierwise.tuning.aims import Aim
from tierwise.types import OutcomeMatrix, Run

LOSS, COST, VALUE = "Loss", "Budget", "Value"
AIMS = [LOSS, COST, VALUE]
DEFAULT_POINTS = 2.0
CHART = "frontier"


def aim(matrix: OutcomeMatrix) -> Aim:
    """What is aimed at, as last chosen."""
    kind = st.session_state.get("aim", LOSS)
    if kind == COST:
        return Aim(max_cost_per_1k=float(st.session_state.get("dollars") or _half_price(matrix)))
    if kind == VALUE:
        return Aim(wrong_answer_usd=float(st.session_state.get("wrong") or 0.0))
    return Aim(max_loss=round(float(st.session_state.get("points", DEFAULT_POINTS)), 6) / 100)


def show_aim(matrix: OutcomeMatrix) -> None:
    """The question that the screen is solved for."""
    kind = st.segmented_control(
        "Aim",
        AIMS,
        default=LOSS,
        required=True,
        key="aim",
        bind="query-params",
        width="stretch",
        help="Loss: the cheapest way within a loss of quality. Budget: the best quality for a price. Value: the least of calls and wrong "
        "answers together, when you can say what a wrong answer costs.",
    )
    if kind == COST:
        st.session_state.setdefault("dollars", _half_price(matrix))
        st.number_input("Spend at most, $ per 1,000 requests", min_value=0.0, key="dollars", bind="query-params", format="%.4g")
    elif kind == VALUE:
        st.session_state.setdefault("wrong", 0.05)
        st.number_input(
            "A wrong answer costs, $",
            min_value=0.0,
            key="wrong",
            bind="query-params",
            format="%.4g",
            help="A request costs its calls, plus this times what its grade lacks of 1.",
        )
    else:
        st.number_input(
            "Lose at most, points of quality",
            0.0,
            50.0,
            DEFAULT_POINTS,
            0.5,
            key="points",
            bind="query-params",
            format="%.1f",
            help="How far mean quality may fall below always using the last tier. One point is one wrong answer more in a hundred.",
        )


def grain(scores: np.ndarray) -> float:
    """The step of the sliders: fine enough that neighbouring scores fall apart."""
    gaps = [float(np.diff(d).min()) for s in np.atleast_2d(scores.T) if len(d := np.unique(s[np.isfinite(s)])) > 1]
    return 0.001 if min(gaps, default=1.0) > 0.0012 else 0.0001


def snap(thresholds: Sequence[float], step: float) -> tuple[float, ...]:
    """Thresholds as the sliders can show them: rounded down, which keeps every prompt on its side; 1 + step is 'never'."""
    top = round(1 + step, 6)
    return tuple(top if not math.isfinite(t) or t > 1 else max(0.0, round(math.floor(t / step + 1e-6) * step, 6)) for t in thresholds)


def keys(boundaries: int) -> list[str]:
    return [f"t{i + 1}" for i in range(boundaries)]


def settle(run: Run, recommended: Sequence[float], question: tuple, offered: list[tuple[float, ...]]) -> None:
    """Put the sliders on the recommended point when the question is new; a link's own thresholds stand on the first visit."""
    st.session_state["offered"] = offered
    asked = [run.id, question]
    before = st.session_state.get("solved")
    if before is None:
        for key, value in zip(keys(len(recommended)), recommended, strict=True):
            st.session_state.setdefault(key, value)
    elif before != asked:
        move(recommended)
    st.session_state["solved"] = asked


def move(thresholds: Sequence[float]) -> None:
    """Set every slider. Only before they are drawn, or in a callback."""
    for key, value in zip(keys(len(thresholds)), thresholds, strict=True):
        st.session_state[key] = value


def show_thresholds(tuning, step: float, count: int) -> tuple[float, ...]:
    """The thresholds as they stand, a slider each: one a boundary, which push each other so that they stay in order; of a cascade one before
    the first calls and one after them, which are free of each other."""
    rule = getattr(tuning, "cascade", None)
    names = [f"{a} → {b}" for a, b in pairwise(tuning.tiers)]
    if rule:
        names = [f"{rule.escalate_to} at once, from", f"Keep {rule.keep}'s answer, below"]
    slots, values = [], []
    for i, key in enumerate(keys(count)):
        st.text(names[i])
        values.append(
            st.slider(
                f"Threshold {i + 1}",
                0.0,
                round(1 + step, 6),
                step=step,
                key=key,
                bind="query-params",
                format="%.3f" if step >= 0.001 else "%.4f",
                on_change=None if rule else _push,
                args=() if rule else (i, count),
                label_visibility="collapsed",
            )
        )
        slots.append(st.empty())
    here = tuple(float(v) for v in values)
    for slot, says in zip(slots, _cascade_says(tuning, here) if rule else _says(tuning.point(here).share_by_tier), strict=True):
        slot.caption(says)
    return here


def _says(shares: Sequence[float]) -> list[str]:
    ups = [sum(shares[i + 1 :]) for i in range(len(shares) - 1)]
    return [f"{up:.0%} of prompts go on from here" if up > 1e-12 else "no prompt goes on from here" for up in ups]


def _cascade_says(tuning, here: Sequence[float]) -> list[str]:
    kept, again, *_, straight = tuning.shares(here)
    return [f"{straight:.0%} of prompts skip the first calls", f"{kept:.0%} kept, {again:.0%} asked again"]


def _push(moved: int, boundaries: int) -> None:
    value = st.session_state[keys(boundaries)[moved]]
    for i, key in enumerate(keys(boundaries)):
        if i < moved:
            st.session_state[key] = min(st.session_state[key], value)
        elif i > moved:
            st.session_state[key] = max(st.session_state[key], value)


def follow_click() -> None:
    """A step of the frontier was clicked: put the sliders there."""
    chosen = st.session_state[CHART]["selection"].get("pick") or []
    place = next((p["step"] for p in chosen if "step" in p), None)
    offered = st.session_state.get("offered", [])
    if place is not None and 0 <= int(place) < len(offered):
        move(offered[int(place)])


def _half_price(matrix: OutcomeMatrix) -> float:
    whole = matrix.cost[matrix.complete]
    return float(f"{whole[:, -1].mean() * 500:.3g}") if len(whole) else 1.0
