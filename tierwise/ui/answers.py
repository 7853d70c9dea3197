"""One prompt with the answers of every tier, in a side drawer."""

import math

import streamlit as st

from tierwise.types import Run
from tierwise.ui import figures, parts, readings


@st.dialog("One prompt, every tier", width="large", position="right")
def answers(run: Run, sample_id: str, chosen: dict[str, str] | None = None) -> None:
    """Show the prompt, its reference, and each tier's answer with its grade.

    `chosen` maps a tier's name to a word about it, such as 'now'.
    """
    sample = next(s for s in readings.evalset(run.evalset_id).samples if s.id == sample_id)
    outcomes = readings.outcomes(run)
    grades = readings.grades(run)
    if run.simulated:
        parts.simulated_badge()
    with st.container(horizontal=True, gap="small"):
        st.caption("Prompt")
        parts.plain(f"{sample.id} · {sample.request_type or 'untyped'}")
    text = "\n\n".join(m["content"] for m in sample.chat())
    parts.plain(text, code=True, height=260 if len(text) > 900 else None)
    if sample.reference is not None:
        st.caption("Right answer")
        parts.plain(sample.reference, code=True, height=160 if len(sample.reference) > 700 else None)
    for tier in run.tiers:
        mine = outcomes[(outcomes["sample_id"] == sample_id) & (outcomes["tier"] == tier.name)]
        graded = grades[(grades["sample_id"] == sample_id) & (grades["tier"] == tier.name)]
        with st.container(border=True, gap="xsmall"):
            with st.container(horizontal=True, vertical_alignment="center", gap="small"):
                parts.plain(tier.name)
                _grade_badge(graded)
                if chosen and tier.name in chosen:
                    st.badge(chosen[tier.name], color="blue")
                if len(mine):
                    st.caption(figures.md(_facts(mine.iloc[0])), width="content")
            if not len(mine):
                st.caption("No answer was asked for.")
                continue
            answer = mine.iloc[0]
            output = answer["output"] if isinstance(answer["output"], str) else ""
            parts.plain(output or "(no answer)", code=True, height=220 if len(output) > 900 else None)
            reason = [
                t
                for t in (answer["error"], *(graded[["reason", "explanation"]].iloc[-1] if len(graded) else ()))
                if isinstance(t, str) and t
            ]
            if reason:
                parts.plain(" · ".join(reason))


def _grade_badge(graded) -> None:
    value = graded["value"].iloc[-1] if len(graded) else math.nan
    if value is None or not math.isfinite(value):
        st.badge("Unscored", icon=":material/help:", color="gray")
    elif value >= 0.999:
        st.badge("Right", icon=":material/check:", color="green")
    elif value <= 0.001:
        st.badge("Wrong", icon=":material/close:", color="red")
    else:
        st.badge(figures.percent(value), icon=":material/percent:", color="orange")


def _facts(outcome) -> str:
    cost = outcome["cost_usd"]
    return f"{figures.dollars(cost * 1000)} per 1,000 · {figures.seconds(outcome['latency_s'])}"
