"""What holds besides the aim on Tune: floors and pins by request type, latency, the router's own cost, and how the promise is tested."""

import json
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pandas as pd
import streamlit as st

from tierwise.tuning.aims import Aim
from tierwise.tuning.terms import Terms

MODES = {"standard": "Cross-fitted", "strict": "Strict split", "anytime": "Any time"}
KIND, FLOOR, PIN = "request type", "at least, %", "always to"


def show(request_types: Sequence[str], tiers: Sequence[str]) -> None:
    """The controls, behind a button that says how many are set."""
    count = _count(tiers)
    with st.popover(f"Limits and pins{f' ({count})' if count else ''}", icon=":material/rule:", width="stretch"):
        _show_types(request_types, tiers)
        left, right = st.columns(2)
        with left:
            _number("Latency, p95 at most (s)", "p95", "Nineteen in twenty requests must be answered within this time, every call counted.")
            _number("Router's own ms", "router_ms", "What the router itself takes; added to every request that no pin decides.")
        with right:
            st.number_input(
                "Promise may be wrong, %",
                1.0,
                50.0,
                10.0,
                1.0,
                key="delta",
                bind="query-params",
                help="The certificate's delta. Set it, and the aim, before you look at the numbers: a promise that was picked by looking "
                "is worth less than it says.",
            )
            _number("Router's own $ per 1,000", "router_usd", "0 for rules and small models; an embedding or a classifier costs something.")
        st.segmented_control(
            "Promise tested by",
            list(MODES),
            format_func=MODES.get,
            default="standard",
            required=True,
            key="mode",
            bind="query-params",
            help="Strict: half the prompts choose, half judge; exact from fewer prompts. Any time: stays good when asked again after "
            "adding prompts.",
        )


def mode() -> str:
    return st.session_state.get("mode") or "standard"


def delta() -> float:
    return round(float(st.session_state.get("delta") or 10.0), 6) / 100


def terms(tiers: Sequence[str]) -> Terms:
    """Pins and overhead as set."""
    pins = tuple((kind, tier) for kind, tier in _by_type("pins").items() if tier in tiers)
    return Terms(pins, _value("router_usd") / 1000, _value("router_ms") / 1000)


def limited(aim: Aim) -> Aim:
    """An aim with the limits set here."""
    floors = tuple((kind, float(least)) for kind, least in _by_type("floors").items())
    return replace(aim, min_quality_by_type=floors, max_latency_p95_s=_value("p95") or None)


def pin(kind: str, tier: str) -> None:
    """Pin one more request type. Only in a callback."""
    pins = _by_type("pins") | {kind: tier}
    _keep(_by_type("floors"), pins)
    # the table starts again from what is set
    st.session_state["by_type_round"] = st.session_state.get("by_type_round", 0) + 1


def _show_types(request_types: Sequence[str], tiers: Sequence[str]) -> None:
    if not request_types:
        st.caption("No prompt has a request type, so none can be pinned or given a floor.")
        return
    st.caption(
        "A floor is the least mean grade of a type. A pinned type goes to one tier whatever the thresholds, and nothing answers for it."
    )
    turn = st.session_state.get("by_type_round", 0)
    start = st.session_state.setdefault(f"by_type_start_{turn}_{len(request_types)}", _text(_by_type("floors"), _by_type("pins")))
    kept = json.loads(start)
    frame = pd.DataFrame(
        {
            KIND: list(request_types),
            FLOOR: pd.array([100 * kept["floors"][k] if k in kept["floors"] else None for k in request_types], dtype="Float64"),
            PIN: pd.array([p if (p := kept["pins"].get(k)) in tiers else None for k in request_types], dtype="string"),
        }
    )
    edited = st.data_editor(
        frame,
        hide_index=True,
        key=f"by_type_{turn}",
        disabled=[KIND],
        alt="Floors and pins by request type",
        height=min(38 * (len(request_types) + 1), 300),
        column_config={
            FLOOR: st.column_config.NumberColumn(min_value=0, max_value=100, step=1),
            PIN: st.column_config.SelectboxColumn(options=list(tiers)),
        },
    )
    rows = edited.to_dict("records")
    floors = {r[KIND]: float(r[FLOOR]) / 100 for r in rows if not pd.isna(r[FLOOR])}
    _keep(floors, {r[KIND]: r[PIN] for r in rows if isinstance(r[PIN], str) and r[PIN]})


def _number(label: str, key: str, says: str) -> None:
    st.number_input(label, min_value=0.0, value=None, key=key, bind="query-params", placeholder="none", help=says)


def _value(key: str) -> float:
    return float(st.session_state.get(key) or 0.0)


def _count(tiers: Sequence[str]) -> int:
    pins = [t for t in _by_type("pins").values() if t in tiers]
    return len(_by_type("floors")) + len(pins) + sum(bool(_value(k)) for k in ("p95", "router_ms", "router_usd"))


def _by_type(part: str) -> dict[str, Any]:
    """`floors` or `pins`, as last set here or by the link; what a link says wrongly is not set."""
    text = st.session_state.get("by_type") or st.query_params.get("by_type") or "{}"
    try:
        found = json.loads(text).get(part, {})
        good = {str(k): v for k, v in found.items() if (isinstance(v, str) if part == "pins" else 0 <= float(v) <= 1)}
    except (ValueError, TypeError, AttributeError):
        return {}
    return good


def _keep(floors: dict[str, float], pins: dict[str, str]) -> None:
    text = _text(floors, pins) if floors or pins else ""
    st.session_state["by_type"] = text or "{}"
    if text and st.query_params.get("by_type") != text:
        st.query_params["by_type"] = text
    elif not text:
        st.query_params.pop("by_type", None)


def _text(floors: dict[str, float], pins: dict[str, str]) -> str:
    return json.dumps({"floors": floors, "pins": pins}, ensure_ascii=False, separators=(",", ":"))
