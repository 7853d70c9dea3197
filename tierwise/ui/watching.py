"""A policy in use: what it takes to watch it, and what its shadow pairs say."""

import pandas as pd
import streamlit as st

from tierwise.types import Policy
from tierwise.ui import allowed, figures, parts, readings, replaying, state

VIEWS = ("Plan", "Shadow pairs", "Traffic", "Learning policies")
WORDS = {"holds": ("green", ":material/check:"), "look": ("orange", ":material/visibility:"), "tune again": ("red", ":material/refresh:")}


def keep_watching(policy: Policy) -> None:
    """Shadow sampling planned, its pairs read, the traffic compared, and what learning as one goes would do; one at a time."""
    st.markdown("**Keep watching it**")
    view = st.segmented_control(
        "Watch", VIEWS, default=VIEWS[0], required=True, key="watch", label_visibility="collapsed", bind="query-params"
    )
    with st.container(border=True), parts.guard(stop=False):
        {VIEWS[0]: _plan, VIEWS[1]: _pairs, VIEWS[2]: _traffic, VIEWS[3]: _learning}[view](policy)


def _volume() -> tuple[float, float]:
    """Requests a day and the share shadowed: the same in the two views that ask for them."""
    a_day = st.number_input("Requests a day", 1, 1_000_000_000, 10_000, 1_000, key="watch_volume", width=160, persist_state="session")
    rate = st.number_input("Shadowed, %", 0.1, 100.0, 5.0, 1.0, key="watch_rate", width=140, persist_state="session")
    return a_day, rate / 100


@st.fragment
def _learning(policy: Policy) -> None:
    with parts.guard(stop=False):
        st.caption(
            "Every tier answered every prompt of the run, so policies that learn as they go can be replayed on it as if it were your traffic: "
            "what they would have served, paid and missed, beside a static policy of the same make."
        )
        with st.container(horizontal=True):
            a_day, rate = _volume()
        replaying.learning(policy, a_day, rate)


def _plan(policy: Policy) -> None:
    from tierwise.adaptive import plan, with_shadow

    st.caption("Let the last tier answer a few of the requests sent down as well, and grade both answers: the alarm then sees a loss.")
    with st.container(horizontal=True):
        a_day, rate = _volume()
        grading = st.number_input("Grading a pair, $", 0.0, 100.0, 0.0, 0.001, format="%.4f", key="watch_grading", width=160)
    found = plan(policy, a_day, rate, grading_usd=grading)
    row = [
        parts.Figure("Pairs a day", f"{found.pairs_a_day:,.0f}", f"tolerate {found.tolerated * 100:.1f} pts"),
        parts.Figure(
            "Price a day",
            "not known" if found.price_a_day is None else figures.dollars(found.price_a_day),
            "" if found.price_share is None else f"{found.price_share:.1%} of the saving",
        ),
        parts.Figure("Between false alarms", f"≥ {found.false_alarm_days:,.0f} days", "on average, if nothing changes"),
    ]
    parts.figures(row)
    if found.delays:
        frame = pd.DataFrame(
            [
                {"loss of routed-down requests": f"{d.loss * 100:.0f} pts", "pairs": d.pairs, "days until seen (median, simulated)": d.days}
                for d in found.delays
            ]
        )
        st.dataframe(frame.round(1), hide_index=True, placeholder="", alt="Days until a loss is seen, by its size")
    if st.button("Write it into the policy", key="watch_save", icon=":material/save:", **allowed.to("tune")):
        kept = state.store().policies.add(with_shadow(policy, rate))
        st.query_params["policy"] = kept.id
        st.rerun()


def _pairs(policy: Policy) -> None:
    from tierwise.adaptive import pairs_of, read_pairs, standing
    from tierwise.adaptive.pairs import SIDES

    runs = {r.id: r for r in state.graded_runs() if {t.name for t in r.tiers} == set(SIDES)}
    chosen = None
    if runs:
        chosen = st.selectbox(
            "Graded run of pairs",
            list(runs),
            None,
            format_func=lambda i: runs[i].name,
            key=f"pairs_run_{policy.id}",
            placeholder="or a file, below",
        )
    st.caption(
        "A file with the grades of both answers, a row a pair: columns served and frontier (0 to 1), time if known. The log of the LiteLLM hook "
        "holds answers: import it under Evalsets as results, grade that run, and choose it here."
    )
    given = st.file_uploader("Shadow pairs", type=["csv", "tsv", "jsonl", "json", "parquet", "xlsx"], key=f"pairs_{policy.id}")
    if chosen is None and given is None:
        return
    pairs = pairs_of(readings.matrix(runs[chosen])) if chosen else read_pairs(given.getvalue(), given.name)
    found = standing(policy, pairs)
    _shown(found)
    low, high = found.loss_ci95
    said = f"Routed-down answers lose {found.loss * 100:.1f} points [{low * 100:.1f}, {high * 100:.1f}] over {len(pairs):,} pairs."
    parts.notes([said], icon=":material/info:")


def _traffic(policy: Policy) -> None:
    from tierwise.adaptive import drift, standing
    from tierwise.ui import packing

    sets = state.store().evalsets.list()
    by_id = {info.id: info for info in sets}
    if not sets:
        st.caption("Draw a prompt set from the present traffic first.")
        return
    st.caption("Compares what is asked now with the prompts that the policy was tuned on.")
    key = st.selectbox("Prompts of now", list(by_id), format_func=lambda i: by_id[i].name, key=f"drift_{policy.id}")
    if st.button("Compare", key="drift_go", icon=":material/play_arrow:"):
        _shown(standing(policy, (), drift(policy, packing.samples(policy), state.store().evalsets.get(key).samples)))


def _shown(found) -> None:
    from tierwise.adaptive.advice import PLAIN

    color, icon = WORDS[found.word]
    st.badge(PLAIN[found.word], icon=icon, color=color)
    parts.notes([*found.reasons, found.next_step], icon=":material/arrow_right:")
