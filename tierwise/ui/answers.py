"""One prompt with the answers of every tier, in a side drawer."""

import math
from collections.abc import Callable, Mapping

import pandas as pd
import streamlit as st

from tierwise.types import Run
from tierwise.ui import figures, parts, readings


def answers_table(
    run: Run, frame: pd.DataFrame, key: str, columns: Mapping[str, object], alt: str, chosen: Callable[[str], dict[str, str]] | None = None
) -> None:
    """A table of prompts whose last column opens the answers. `frame` has the sample's `id`, which is not shown."""
    ids, state_key = list(frame["id"]), f"{key}_open"
    st.dataframe(
        frame.drop(columns="id").assign(answers="Read"),
        hide_index=True,
        placeholder="",
        height=min(36 * (len(frame) + 1) + 3, 400),
        key=key,
        alt=alt,
        column_config={
            **columns,
            "prompt": st.column_config.TextColumn(width="large"),
            "answers": st.column_config.ButtonColumn("", type="tertiary", key=f"{key}_read", on_click=_open, args=(key, ids)),
        },
    )
    opened = st.session_state.pop(state_key, None)
    if opened is not None:
        answers(run, opened, chosen(opened) if chosen else None)


def _open(key: str, ids: list[str]) -> None:
    click = st.session_state.get(f"{key}_read")
    if click is not None and 0 <= click["row"] < len(ids):
        st.session_state[f"{key}_open"] = ids[click["row"]]


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
