"""What Tune is set to: the aim, the router, and one threshold a boundary. All of it lives in the URL."""

import json
import math
from collections.abc import Sequence

import numpy as np
import streamlit as st

from tierwise.types import OutcomeMatrix, Run

LOSS, COST = "Lose at most", "Spend at most"
AIMS = [LOSS, COST]
DEFAULT_POINTS = 2.0
CHART = "frontier"


def aim(matrix: OutcomeMatrix) -> tuple[str, float]:
    """The field of frontier.Aim that is set, with its value, as last chosen."""
    if st.session_state.get("aim", LOSS) == COST:
        return "max_cost_per_1k", float(st.session_state.get("dollars") or _half_price(matrix))
    return "max_loss", round(float(st.session_state.get("points", DEFAULT_POINTS)), 6) / 100


def show_aim(matrix: OutcomeMatrix) -> None:
    """The question that the screen is solved for."""
    kind = st.segmented_control("Aim", AIMS, default=LOSS, required=True, key="aim", bind="query-params", width="stretch")
    if kind == COST:
        st.session_state.setdefault("dollars", _half_price(matrix))
        st.number_input("US dollars per 1,000 requests", min_value=0.0, key="dollars", bind="query-params", format="%.4g")
    else:
        st.number_input(
            "Points of quality",
            0.0,
            50.0,
            DEFAULT_POINTS,
            0.5,
            key="points",
            bind="query-params",
            format="%.1f",
            help="How far mean quality may fall below always using the last tier. One point is one wrong answer more in a hundred.",
        )


def show_router(request_types: Sequence[str]) -> str:
    """Which router scores the prompts; its options as JSON text, empty where it has none to set."""
    from tierwise.routers import ROUTERS

    entries = {"auto": "Best measured here"} | {
        n: r.title
        for n, r in ROUTERS.items()
        if getattr(r, "exportable", True) and not getattr(r, "needs_options", False) and n != "random"
    }
    st.selectbox(
        "Router",
        list(entries),
        format_func=entries.get,
        key="router",
        bind="query-params",
        help="Gives each prompt a score: how hard it looks before any model is asked.",
    )
    if router() != "rules":
        return ""
    from tierwise.ui.rules import edit_rules

    return json.dumps({"rules": json.loads(edit_rules(request_types))})


def router() -> str:
    return st.session_state.get("router") or "auto"


def grain(scores: np.ndarray) -> float:
    """The step of the sliders: fine enough that neighbouring scores fall apart."""
    distinct = np.unique(scores[np.isfinite(scores)])
    gap = float(np.diff(distinct).min()) if len(distinct) > 1 else 1.0
    return 0.001 if gap > 0.0012 else 0.0001


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


def show_thresholds(tuning, step: float, boundaries: int) -> tuple[float, ...]:
    """One slider a boundary, and the thresholds as they stand; a slider pushes its neighbours so that they stay in order."""
    slots, values = [], []
    for i, key in enumerate(keys(boundaries)):
        st.text(f"{tuning.tiers[i]} → {tuning.tiers[i + 1]}")
        values.append(
            st.slider(
                f"Threshold {i + 1}",
                0.0,
                round(1 + step, 6),
                step=step,
                key=key,
                bind="query-params",
                format="%.3f" if step >= 0.001 else "%.4f",
                on_change=_push,
                args=(i, boundaries),
                label_visibility="collapsed",
            )
        )
        slots.append(st.container())
    here = tuple(float(v) for v in np.maximum.accumulate(values))
    shares = tuning.point(here).share_by_tier
    for i, slot in enumerate(slots):
        up = sum(shares[i + 1 :])
        slot.caption(f"{up:.0%} of prompts go on from here" if up > 1e-12 else "no prompt goes on from here")
    return here


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
