"""One prompt with the answers of every tier, in a side drawer."""

import difflib
import math
from collections.abc import Callable, Mapping

import pandas as pd
import streamlit as st

from tierwise.types import Run
from tierwise.ui import figures, parts, readings, state

WORDS = 1500
"""Of each answer, as many are compared: the comparison takes quadratic time."""


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
    outcomes = state.store().runs.outcomes(run.id, sample_ids=[sample_id])
    grades = readings.grades(run)
    marks = readings.marks(run)
    marks = marks[marks["sample_id"] == sample_id]
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
    matrix = readings.matrix(run)
    counts, at = matrix.quality, {s.id: i for i, s in enumerate(matrix.samples)}
    for k, tier in enumerate(run.tiers):
        mine = outcomes[(outcomes["sample_id"] == sample_id) & (outcomes["tier"] == tier.name)]
        graded = grades[(grades["sample_id"] == sample_id) & (grades["tier"] == tier.name)]
        with st.container(border=True, gap="xsmall"):
            with st.container(horizontal=True, vertical_alignment="center", gap="small"):
                parts.plain(tier.name)
                _grade_badge(counts[at[sample_id], k] if sample_id in at else math.nan)
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
            if isinstance(answer["error"], str) and answer["error"]:
                parts.plain(answer["error"])
            _all_grades(graded, marks[(marks["tier"] == tier.name) & ~marks["kind"].isin(["criterion", "uncriterion"])])
    if len(run.tiers) > 1:
        _differences(run, outcomes[outcomes["sample_id"] == sample_id])


def _all_grades(graded: pd.DataFrame, marks: pd.DataFrame) -> None:
    """Every grade of one answer, the newest first, with comments and flags."""
    rows = [
        (r.created_at, r.author, r.scorer, r.value, " · ".join(t for t in (r.reason, r.explanation) if isinstance(t, str) and t))
        for r in graded.itertuples()
    ]
    rows += [(r.created_at, r.author, r.kind, None, r.text) for r in marks.itertuples()]
    frame = pd.DataFrame(sorted(rows, reverse=True, key=lambda r: r[0]), columns=["when", "by", "how", "grade", "note"])
    if len(frame):
        st.dataframe(
            frame[["grade", "by", "how", "note", "when"]],
            hide_index=True,
            placeholder="",
            row_height=28,
            alt="Every grade of this answer, newest first",
            column_config={
                "grade": st.column_config.NumberColumn(format="%.2f", width="small"),
                "note": st.column_config.TextColumn(width="medium"),
                "when": st.column_config.DatetimeColumn(format="DD MMM, HH:mm", help="UTC"),
            },
        )


def _differences(run: Run, mine: pd.DataFrame) -> None:
    """The words in which two answers differ."""
    texts = {r.tier: r.output for r in mine.drop_duplicates("tier").itertuples() if isinstance(r.output, str) and r.output}
    names = [t.name for t in run.tiers if t.name in texts]
    if len(names) < 2:
        return
    with st.expander("Differences in words", icon=":material/difference:"):
        with st.container(horizontal=True, gap="small"):
            a = st.selectbox("From", names, 0, key="diff_from")
            b = st.selectbox("To", names, len(names) - 1, key="diff_to")
        parts.plain(word_diff(texts[a], texts[b]), diff=True)


def word_diff(a: str, b: str) -> str:
    """Runs of words, one a line: `- ` only in the first, `+ ` only in the second, two spaces in both (long runs shortened)."""
    one, two = a.split()[:WORDS], b.split()[:WORDS]
    if one == two:
        return "  The same words."
    lines = []
    for kind, i, j, k, n in difflib.SequenceMatcher(None, one, two, autojunk=False).get_opcodes():
        if kind == "equal":
            same = one[i:j]
            lines.append("  " + " ".join(same if len(same) <= 24 else [*same[:10], "…", *same[-10:]]))
        else:
            lines += [f"- {' '.join(one[i:j])}"] * (j > i) + [f"+ {' '.join(two[k:n])}"] * (n > k)
    return "\n".join(lines)


def _grade_badge(value: float) -> None:
    if not math.isfinite(value):
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
