"""Two policies on the same prompts, or two runs tier by tier: the figures of each, and what lies between them, paired by prompt."""

import pandas as pd
import streamlit as st

from tierwise.errors import TierwiseError
from tierwise.types import Policy, Run
from tierwise.ui import figures, parts, readings, state

SHARE, PER_1K = st.column_config.NumberColumn(format="percent"), st.column_config.NumberColumn(format="$%.3g")


def two_policies(policy: Policy, policies: list[Policy]) -> None:
    """Another saved policy beside this one, on a run that both can decide."""
    others = {p.id: f"{p.name}, {p.version}" for p in policies if p.id != policy.id}
    runs = {r.id: f"{r.name} ({r.created_at:%Y-%m-%d})" for r in state.graded_runs() if len(r.tiers) > 1}
    if not others or not runs:
        return
    with st.expander(
        "Beside another policy", icon=":material/compare_arrows:", key="beside_open", on_change="rerun", bind="query-params"
    ) as shown:
        if not shown.open:
            return
        left, right = st.columns(2)
        with left:
            other = state.choose_by_id("Policy", others, "beside")
        with right:
            on = state.choose_by_id("On the prompts of", runs, "on", policy.run_id if policy.run_id in runs else None)
        try:
            _policies(policy, next(p for p in policies if p.id == other), next(r for r in state.graded_runs() if r.id == on))
        except TierwiseError as error:  # the rest of the screen stands
            parts.complain(error)


def _policies(a: Policy, b: Policy, run: Run) -> None:
    from tierwise.policy.sidebyside import compare_policies
    from tierwise.tuning.answers import answers_of

    matrix = readings.matrix(run)
    cascade = any("cascade" in p.document for p in (a, b))
    both = compare_policies(a, b, matrix, answers_of(readings.outcomes(run), matrix) if cascade else None)
    if both.simulated:
        parts.simulated_badge()
    frame = pd.DataFrame(
        [
            {
                "policy": f"{e.policy.name}, {e.policy.version}",
                "quality": e.quality,
                "against top tier": f"{figures.points(-e.loss)} {figures.interval(-e.loss_ci95[1], -e.loss_ci95[0], 1)}",
                "$ per 1,000": e.cost_per_1k_usd,
                "saving": e.saving,
                "n": e.n,
            }
            for e in both.evaluations
        ]
    )
    columns = {"quality": SHARE, "saving": SHARE, "$ per 1,000": PER_1K}
    st.dataframe(frame, hide_index=True, placeholder="", alt="Two policies on the same prompts", column_config=columns)
    low, high = both.quality.ci95
    st.caption(
        f"The second is {figures.points(both.quality.value)} {figures.interval(low, high, 1)} against the first, paired by prompt, "
        f"n = {both.quality.n:,}. They serve {figures.percent(both.agree)} of the prompts from the same model."
    )
    fitted = [e.policy.name for e in both.evaluations if e.same_prompts]
    parts.notes([f"{name} was tuned on these very prompts: its figures are fitted, not held-out." for name in fitted])


def two_runs(run: Run) -> None:
    """Another run beside this one, tier by tier; tiers are paired by name, then by model."""
    others = {r.id: f"{r.name} ({r.created_at:%d %b %Y %H:%M})" for r in state.graded_runs() if r.id != run.id}
    if not others:
        st.caption("There is no other graded run yet.")
        return
    other = state.choose_by_id("Beside", others, "beside", width=420)
    try:
        _runs(run, next(r for r in state.graded_runs() if r.id == other))
    except TierwiseError as error:
        parts.complain(error)


def _runs(a: Run, b: Run) -> None:
    from tierwise.policy.sidebyside import compare_runs

    both = compare_runs(readings.matrix(a), readings.matrix(b))
    between = {d.what: d for d in both.differences}
    rows = []
    for x, y in both.tiers:
        apart = between.get(x.tier) if x is not None and y is not None else None
        rows.append(
            {
                "tier": x.tier if x is not None else y.tier,
                "this run": _quality(x),
                "the other": _quality(y),
                "the other against this": f"{figures.points(apart.value)} {figures.interval(*apart.ci95, 1)}" if apart else "",
                "n": apart.n if apart else None,
                "this, $ per 1,000": x.cost_per_1k_usd if x is not None else None,
                "the other, $ per 1,000": y.cost_per_1k_usd if y is not None else None,
            }
        )
    if any(both.simulated):
        parts.simulated_badge()
    columns = {"this, $ per 1,000": PER_1K, "the other, $ per 1,000": PER_1K}
    st.dataframe(pd.DataFrame(rows), hide_index=True, placeholder="", alt="Two runs tier by tier", column_config=columns)
    shared = figures.count(both.shared, "prompt")
    st.caption(
        f"They share {shared}; differences are paired by prompt, with their 95 % intervals." if both.shared else "They share no prompt."
    )


def _quality(row) -> str:
    return "no such tier" if row is None else f"{figures.percent(row.quality, 1)} {figures.interval(*row.quality_ci95, 1)}, n = {row.n:,}"
