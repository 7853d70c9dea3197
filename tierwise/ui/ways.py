"""Who is asked first on Tune: a router that looks at the prompt alone, or a cascade that looks at the first answers."""

import json
from collections.abc import Sequence

import streamlit as st

from tierwise.tuning import drawn
from tierwise.tuning.cascade import PREFIX, Cascade
from tierwise.types import OutcomeMatrix, Run
from tierwise.ui import readings

ROUTER, CASCADE = "Router", "Cascade"
BEST = "Best measured here"


def router() -> str:
    """As `tune --router` names it."""
    if st.session_state.get("way") == CASCADE:
        return st.session_state.get("cascade") or PREFIX
    return st.session_state.get("router") or "auto"


def use(name: str) -> None:
    """Switch to a router or a cascade by its name. Only in a callback."""
    st.session_state["way"] = CASCADE if name.partition(":")[0] == PREFIX else ROUTER
    st.session_state["cascade" if st.session_state["way"] == CASCADE else "router"] = name


def show(run: Run, tiers: tuple[str, ...], request_types: Sequence[str]) -> str:
    """The choice, and the router's options as JSON text, empty where it has none to set."""
    found = readings.cascades(run, tiers)
    if found:
        st.segmented_control(
            "Decides by",
            [ROUTER, CASCADE],
            default=ROUTER,
            required=True,
            key="way",
            bind="query-params",
            width="stretch",
            help="A router reads the prompt before any model is asked. A cascade asks cheap models first and keeps their answer when a sign "
            "speaks for it; every call is paid.",
        )
    else:
        st.session_state["way"] = ROUTER
    if st.session_state["way"] == CASCADE:
        _show_cascades(found)
        return ""
    return _show_routers(request_types)


def whole(run: Run, matrix: OutcomeMatrix) -> bool:
    """Whether every prompt of a very large set is read; so from the start where people graded some, since few of those would be drawn."""
    if not drawn.large(matrix):
        return False
    return st.toggle(
        f"Read all {len(matrix):,} prompts",
        bool(readings.human(run).prompts),
        key="whole",
        bind="query-params",
        help=f"Takes minutes. Without it {drawn.MOST:,} are drawn at random, which widens the intervals and nothing else.",
    )


def _show_routers(request_types: Sequence[str]) -> str:
    from tierwise.routers import ROUTERS

    entries = {"auto": BEST} | {
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


def _show_cascades(found: Sequence[Cascade]) -> None:
    named = {PREFIX: BEST} | {c.name: label(c) for c in found}
    if st.session_state.get("cascade") not in named:
        st.session_state["cascade"] = PREFIX
    st.selectbox(
        "Asks first",
        list(named),
        format_func=named.get,
        key="cascade",
        help="Whom it asks first, and what speaks for keeping the answer. Two models agree, repeats of one model agree "
        "(self-consistency), or a confidence came with the answer (confidence_<tier> in the prompts' metadata).",
    )


def label(c: Cascade) -> str:
    """A cascade in a few words; tier names are a person's text."""
    who = " and ".join(c.calls)
    return {
        "agreement": f"{who}, if they agree",
        "repeats": f"{c.calls[0]} {c.repeats} times, if it agrees with itself",
        "confidence": f"{who}, if it is sure",
    }[c.sign]
