"""Each tier's quality, cost and speed on the same prompts, with intervals, and every answer behind the numbers."""

import numpy as np
import pandas as pd
import streamlit as st

from tierwise.types import OutcomeMatrix, Run
from tierwise.ui import figures, parts, readings, state, tierpoints
from tierwise.ui.answers import answers_table
from tierwise.ui.frame import EVALSETS, RUN, TUNE, require_frame

require_frame()

SHOWN = 500
SHARE = {"min_value": 0.0, "max_value": 1.0, "format": "percent"}


def tier_table(rows: list) -> None:
    """One row a tier; differences are paired by prompt with the last tier."""
    last = rows[-1].tier
    frame = pd.DataFrame(
        {
            "tier": [r.tier for r in rows],
            "model": [r.model for r in rows],
            "quality": [r.quality for r in rows],
            "95 % interval": [figures.interval(*r.quality_ci95, 1) if r.quality_ci95 else "" for r in rows],
            "n": [r.n for r in rows],
            "against last tier": [
                ""
                if r.tier == last or r.paired_difference is None
                else f"{figures.points(r.paired_difference)} {figures.interval(*r.paired_difference_ci95, 1)}"
                for r in rows
            ],
            "$ per 1,000": [r.cost_per_1k_usd for r in rows],
            "p50, s": [r.latency_p50_s for r in rows],
            "p95, s": [r.latency_p95_s for r in rows],
            "unscored": [r.unscored for r in rows],
            "failed": [r.failed for r in rows],
            "cut off": [r.truncated_share for r in rows],
        }
    )
    st.dataframe(
        frame,
        hide_index=True,
        placeholder="",
        alt="Quality, cost and speed of each tier",
        column_config={
            "quality": st.column_config.ProgressColumn(**SHARE, help="Mean grade"),
            "cut off": st.column_config.NumberColumn(format="percent"),
            "against last tier": st.column_config.TextColumn(
                help="Mean grade minus the last tier's, paired by prompt, with its 95 % interval", width="medium"
            ),
            "$ per 1,000": st.column_config.NumberColumn(format="dollar"),
            "p50, s": st.column_config.NumberColumn(format="%.2f"),
            "p95, s": st.column_config.NumberColumn(format="%.2f"),
        },
    )
    parts.notes(
        [
            f"{r.tier} is dominated: {r.dominated_by} is at least as good and costs no more. Leave {r.tier} out."
            for r in rows
            if r.dominated_by
        ],
        icon=":material/warning:",
    )


def by_request_type(matrix: OutcomeMatrix) -> None:
    """Mean grade of each tier for each kind of request, with its interval."""
    from tierwise.summary import by_request_type

    long = by_request_type(matrix)
    long["shown"] = [
        f"{figures.percent(q, 2)} {figures.interval(lo, hi, 1)}" for q, lo, hi in zip(long["quality"], long["lo"], long["hi"], strict=True)
    ]
    wide = long.pivot(index="request_type", columns="tier", values="shown")[list(matrix.tiers)]
    prompts = long.groupby("request_type", sort=False)["n"].max()
    frame = wide.reindex(prompts.index).assign(graded=prompts).reset_index(names="request type")
    st.dataframe(
        frame[["request type", "graded", *matrix.tiers]],
        hide_index=True,
        placeholder="",
        alt="Mean grade by request type and tier with 95 % intervals",
    )
    st.caption("Mean grade with its 95 % interval.")


def prompt_table(run: Run, matrix: OutcomeMatrix) -> None:
    """Every prompt by tier; choosing a row opens its answers."""
    kinds = ["Tiers disagree", "All", "No tier is right"]
    kind = st.segmented_control("Show", kinds, default=kinds[0], required=True, key="show", label_visibility="collapsed")
    spread = np.nanmax(np.nan_to_num(matrix.quality, nan=-1), 1) - np.nanmin(np.nan_to_num(matrix.quality, nan=2), 1)
    keep = {
        "All": np.ones(len(matrix), bool),
        "Tiers disagree": spread > 1e-9,
        "No tier is right": np.nan_to_num(matrix.quality).max(1) < 0.5,
    }[kind]
    at = np.flatnonzero(keep)[:SHOWN]
    frame = pd.DataFrame(
        {
            "id": [matrix.samples[i].id for i in at],
            "prompt": [(matrix.samples[i].input or matrix.samples[i].chat()[-1]["content"])[:200] for i in at],
            "request type": matrix.request_types[at],
            **{t: matrix.quality[at, k] for k, t in enumerate(matrix.tiers)},
        }
    )
    columns = {t: st.column_config.NumberColumn(format="%.2f", width="small") for t in matrix.tiers}
    answers_table(run, frame, "prompts", columns, "Grade of each prompt on each tier")
    st.caption(f"{keep.sum():,} of {len(matrix):,} prompts{f', first {SHOWN} shown' if keep.sum() > SHOWN else ''}.")


runs = state.graded_runs()
if not runs:
    parts.header("Compare", "Each tier on the same prompts.")
    parts.empty(
        "Nothing to compare yet", "Run a prompt set over two tiers or more, or import outcomes recorded elsewhere.", "Start a run", RUN
    )
    st.stop()
run = parts.header_with(
    "Compare", "Each tier on the same prompts: what it gets right, what it costs, how long it takes.", lambda: state.choose_run(runs)
)
rows, matrix = readings.summary(run), readings.matrix(run)
tier_table(rows)
from tierwise.ui import charts  # noqa: E402  (slow to import; the table is drawn by now)

view = st.segmented_control(
    "View", ["By tier", "By request type", "By prompt"], default="By tier", required=True, key="compare_view", label_visibility="collapsed"
)
if view == "By tier":
    frame = tierpoints.tier_frame(run)
    if len(frame):
        st.altair_chart(charts.interval_chart(frame), key="intervals", alt="Mean grade of each tier with its 95 % interval")
elif view == "By request type":
    by_request_type(matrix)
else:
    prompt_table(run, matrix)
with st.container(horizontal=True):
    if len(run.tiers) > 1:
        parts.next_step("Tune", TUNE, icon=":material/tune:", run=run.id)
    else:
        parts.next_step("Run a second tier", RUN, set=run.evalset_id)
    if st.button("Import recorded outcomes", icon=":material/upload:", key="import"):
        st.switch_page(EVALSETS, query_params={"view": "Recorded outcomes"})
