"""Every prompt by tier, filtered and in pages: the browser gets one page, however many prompts there are."""

import math

import numpy as np
import pandas as pd
import streamlit as st

from tierwise.types import OutcomeMatrix, Run
from tierwise.ui import figures, readings
from tierwise.ui.answers import answers_table

PAGE = 100
DIFFER, ALL, REGRESSED, NONE_RIGHT, UNSCORED, FLAGGED = (
    "Tiers disagree", "All", "Worse than a baseline", "No tier is right", "Unscored", "Flagged",
)  # fmt: skip
KINDS = (DIFFER, ALL, REGRESSED, NONE_RIGHT, UNSCORED, FLAGGED)


def prompt_table(run: Run, matrix: OutcomeMatrix) -> None:
    """Choose which prompts; a row's button opens its answers."""
    with st.container(horizontal=True, vertical_alignment="bottom", gap="small"):
        kind = st.segmented_control(
            "Show", KINDS, default=DIFFER, required=True, key="show", label_visibility="collapsed", bind="query-params"
        )
        baseline = len(matrix.tiers) - 1
        if kind == REGRESSED and len(matrix.tiers) > 1:
            baseline = matrix.tiers.index(st.selectbox("Baseline", matrix.tiers, baseline, key="baseline", width=200, bind="query-params"))
        order = chosen(matrix, kind, baseline, flagged(run) if kind == FLAGGED else set())
        pages = max(1, math.ceil(len(order) / PAGE))
        page = 1
        if pages > 1:
            key = f"page_{KINDS.index(kind)}_{baseline}"
            page = st.number_input(f"Page of {pages:,}", 1, pages, 1, key=key, width=160, bind="query-params")
    at = order[(page - 1) * PAGE : page * PAGE]
    frame = pd.DataFrame(
        {
            "id": [matrix.samples[i].id for i in at],
            "prompt": [(matrix.samples[i].input or matrix.samples[i].chat()[-1]["content"])[:200] for i in at],
            "request type": matrix.request_types[at],
            **{t: matrix.quality[at, k] for k, t in enumerate(matrix.tiers)},
        }
    )
    if not len(frame):
        st.caption("No such prompt.")
        return
    columns = {t: st.column_config.NumberColumn(format="%.2f", width="small") for t in matrix.tiers}
    answers_table(run, frame, "prompts", columns, "Grade of each prompt on each tier")
    first = f", {(page - 1) * PAGE + 1:,} to {(page - 1) * PAGE + len(at):,} shown" if pages > 1 else ""
    says = " (people's flags)" if kind == FLAGGED else ""
    st.caption(f"{len(order):,} of {figures.count(len(matrix), 'prompt')}{says}{first}.")


def chosen(matrix: OutcomeMatrix, kind: str, baseline: int, marked: set[str]) -> np.ndarray:
    """Positions of the prompts of a kind, in the order of the set; those worse than the baseline with the worst first."""
    q = matrix.quality
    best, worst = np.fmax.reduce(q, 1), np.fmin.reduce(q, 1)
    if kind == REGRESSED:
        drop = q[:, baseline] - worst
        at = np.flatnonzero(np.nan_to_num(drop) > 1e-9)
        return at[np.argsort(-drop[at], kind="stable")]
    keep = {
        ALL: np.ones(len(q), bool),
        DIFFER: np.nan_to_num(best - worst) > 1e-9,
        NONE_RIGHT: np.nan_to_num(best, nan=1.0) < 0.5,
        UNSCORED: ~np.isfinite(q).all(1),
        FLAGGED: np.array([s.id in marked for s in matrix.samples], bool),
    }[kind]
    return np.flatnonzero(keep)


def flagged(run: Run) -> set[str]:
    """Prompts with a flag that stands."""
    marks = readings.marks(run)
    flags = marks[marks["kind"].isin(["flag", "unflag"])].drop_duplicates(["sample_id", "tier", "author"], keep="last")
    return set(flags.loc[flags["kind"] == "flag", "sample_id"])
