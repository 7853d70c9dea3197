"""The tiers of a run side by side: one row each, and by kind of request."""

import math

import pandas as pd
import streamlit as st

from tierwise.types import OutcomeMatrix, Run
from tierwise.ui import figures, parts, readings

SHARE = {"min_value": 0.0, "max_value": 1.0, "format": "percent"}
COVERED = 0.1
"""A correction is shown for a tier when at most this share of the prompts is from groups in which nobody has graded it."""
CUT_OFF = 0.01


def tier_table(run: Run, rows: list, shared: bool = False) -> None:
    """One row a tier; differences are paired by prompt with the last tier. Whoever has a link only does not see what people said."""
    last, found = rows[-1].tier, [None] * len(rows) if shared else corrected(run)
    frame = pd.DataFrame(
        {
            "tier": [r.tier for r in rows],
            "model": [r.model for r in rows],
            "quality": [r.quality for r in rows],
            "95 % interval": [figures.interval(*r.quality_ci95, 1) if r.quality_ci95 else "" for r in rows],
            "n": [r.n for r in rows],
            "corrected by people": [correction(c) for c in found],
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
    if not frame["corrected by people"].any():
        frame = frame.drop(columns="corrected by people")
    st.dataframe(
        frame,
        hide_index=True,
        placeholder="",
        alt="Quality, cost and speed of each tier",
        column_config={
            "quality": st.column_config.ProgressColumn(**SHARE, help="Mean grade"),
            "corrected by people": st.column_config.TextColumn(
                help="What people would say of all prompts, from the prompts they graded and the automatic grades of all: mean, "
                "95 % interval, and n, the number of human grades. The view Human grades has the correction in full.",
                width="medium",
            ),
            "cut off": st.column_config.NumberColumn(format="percent"),
            "against last tier": st.column_config.TextColumn(
                help="Mean grade minus the last tier's, paired by prompt, with its 95 % interval", width="medium"
            ),
            "$ per 1,000": st.column_config.NumberColumn(format="dollar"),
            "p50, s": st.column_config.NumberColumn(format="%.2f"),
            "p95, s": st.column_config.NumberColumn(format="%.2f"),
        },
    )
    people = [c for c in found if c is not None]
    if people:
        least, most = min(c.humans for c in people), max(c.humans for c in people)
        n = f"{most:,}" if least == most else f"{least:,} to {most:,}"
        shifts = ", ".join(f"{t.name} {figures.points(c.difference)}" for t, c in zip(run.tiers, found, strict=True) if c is not None)
        parts.plain(f"Corrected by {n} human grades a tier: {shifts} against the automatic grades.")
    parts.notes(remarks(rows) + ([] if shared else served(run)), icon=":material/warning:")
    if not shared:
        parts.notes(spread(run))


def spread(run: Run) -> list[str]:
    """How much a tier's grade of one prompt varies from answer to answer, where there are several."""
    repeats = int(run.params.get("repeats", 1))
    if repeats < 2:
        return []
    grades = readings.grades(run)
    mine = grades[grades["scorer"] == readings.matrix(run).scorer].drop_duplicates(["sample_id", "tier", "repeat"], keep="last")
    varies = mine.groupby(["tier", "sample_id"])["value"].std().groupby("tier").mean()
    told = ", ".join(f"{t.name} {100 * varies[t.name]:.1f}" for t in run.tiers if t.name in varies and math.isfinite(varies[t.name]))
    return [f"{repeats} answers a prompt. Standard deviation of the grade from answer to answer, in points: {told}."] if told else []


def served(run: Run) -> list[str]:
    """Tiers that were answered under another model's name: a fallback or an alias on the way."""
    if run.kind != "live":
        return []
    found = []
    seen = readings.figures(run).groupby(["tier", "served_model"]).size()
    for tier in run.tiers:
        names = seen[tier.name] if tier.name in seen.index.get_level_values(0) else {}
        others = {name: n for name, n in dict(names).items() if not tier.served_by(name)}
        if others:
            listed = ", ".join(list(others)[:3])
            found.append(
                f"{figures.count(sum(others.values()), 'answer')} of {tier.name} came under another model's name ({listed}): "
                "look for a fallback or an alias in the gateway before you believe its figures."
            )
    return found


def remarks(rows: list) -> list[str]:
    """What a reader should know of a tier before believing its numbers."""
    found = []
    last = rows[-1]
    for r in rows:
        if r.dominated_by:
            found.append(f"{r.tier} is dominated: {r.dominated_by} is at least as good and costs no more. Leave {r.tier} out.")
        if r.truncated_share > CUT_OFF:
            loss = " Every loss here is counted against it, so routing may look better than it is." if r is last and len(rows) > 1 else ""
            share = figures.percent(r.truncated_share)
            found.append(f"{share} of the answers of {r.tier} were cut off at the token limit: its quality is understated.{loss}")
    return found


def corrected(run: Run) -> list:
    """One `corrected.Corrected` a tier, None where people have graded too little of it."""
    return [c if c is not None and c.uncovered <= COVERED else None for c in readings.corrected(run)]


def correction(found) -> str:
    if found is None:
        return ""
    return f"{figures.percent(found.value, 1)} {figures.interval(found.low, found.high, 1)}, n = {found.humans:,}"


def by_request_type(matrix: OutcomeMatrix) -> None:
    """Mean grade of each tier for each kind of request, with its interval."""
    from tierwise.grading.summary import by_request_type

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
