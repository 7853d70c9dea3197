"""What people said: the corrected quality of each tier, and how far the automatic grades can be trusted."""

import pandas as pd
import streamlit as st

from tierwise.errors import NotReady
from tierwise.types import Run
from tierwise.ui import comparing, figures, parts, readings, steadiness
from tierwise.ui.frame import GRADE

NAMES = {
    "raw": "Same grade",
    "gwet nominal": "Gwet's AC1",
    "gwet quadratic": "Gwet's AC2",
    "kappa nominal": "Cohen's kappa",
    "kappa quadratic": "Cohen's kappa, weighted",
    "alpha nominal": "Krippendorff's alpha",
    "alpha ordinal": "Krippendorff's alpha, ordinal",
}


def human_grades(run: Run) -> None:
    """Corrections, agreement, confusion, calibration, and pairwise preferences, each with its interval."""
    human = readings.human(run)
    strengths = readings.strengths(run)
    if not human.prompts and not strengths:
        st.caption("Nobody has graded an answer of this run yet. Twenty answers show whether the automatic grades can be trusted.")
    else:
        if human.prompts:
            _corrections(run)
            left, right = st.columns(2, gap="medium")
            with left:
                _agreement("People and the automatic grades", human.against_judge)
                _calibration(human)
            with right:
                _agreement("People with each other", human.between_people)
                _confusion(human)
            st.markdown("**Over time**")
            steadiness.over_time(run)
        for by, fit in strengths.items():
            _preferences(by, fit)
    if st.button("Grade answers", key="to_grade", icon=":material/rate_review:"):
        st.switch_page(GRADE, query_params={"run": run.id})


def _corrections(run: Run) -> None:
    found = [(t.name, c) for t, c in zip(run.tiers, comparing.corrected(run), strict=True) if c is not None]
    if not found:
        st.caption("Too few grades by people yet to correct a tier's quality: each tier needs ten, from every group of prompts.")
        return
    frame = pd.DataFrame(
        {
            "tier": [name for name, _ in found],
            "automatic": [c.judge for _, c in found],
            "correction": [100 * c.difference for _, c in found],
            "corrected": [c.value for _, c in found],
            "95 % interval": [figures.interval(c.low, c.high, 1) for _, c in found],
            "human grades": [c.humans for _, c in found],
            "worth": [c.worth for _, c in found],
            "prompts": [c.n for _, c in found],
        }
    )
    st.markdown("**Quality corrected by people**")
    st.dataframe(
        frame,
        hide_index=True,
        placeholder="",
        alt="Quality of each tier as corrected by people",
        column_config={
            "automatic": st.column_config.NumberColumn(format="percent", help="Mean automatic grade of all prompts"),
            "correction": st.column_config.NumberColumn(format="%+.1f pts", help="Below 0 the automatic grades are lenient"),
            "corrected": st.column_config.NumberColumn(format="percent", help="What people would say of all prompts"),
            "worth": st.column_config.NumberColumn(format="%.0f", help="As many grades by people alone would give as short an interval"),
        },
    )


def _agreement(title: str, measure) -> None:
    st.markdown(f"**{title}**")
    try:
        found = measure()
    except NotReady as error:
        st.caption(str(error))
        return
    frame = pd.DataFrame(
        {
            "measure": [NAMES[c.name] for c in found],
            "value": [c.value for c in found],
            "95 % interval": [f"[{c.low:.2f}, {c.high:.2f}]" for c in found],
            "answers": [c.n for c in found],
        }
    )
    st.dataframe(
        frame, hide_index=True, placeholder="", alt=title, column_config={"value": st.column_config.NumberColumn(format="%.2f")}
    )  # fmt: skip
    st.caption("1 is perfect, 0 is chance. Where most answers are right kappa and alpha are low in spite of good agreement; trust AC.")


def _confusion(human) -> None:
    from tierwise.statistics.calibration import confusion

    st.markdown("**When the automatic grade says so, people say**")
    try:
        table = confusion(human.judge.ravel(), human.human.ravel(), human.scale)
    except NotReady as error:
        st.caption(str(error))
        return
    names = {0.0: "wrong", 1.0: "right"} if len(human.scale) == 2 else {v: f"{v:g}" for v in human.scale}
    table = table.dropna()
    shares = zip(table["share"], table["low"], table["high"], strict=True)
    table = table.assign(shown=[f"{s:.0%} {figures.interval(low, high)}" for s, low, high in shares])
    wide = table.pivot(index="judge", columns="people", values="shown").rename(index=names, columns=names)
    totals = table.groupby("judge")["n"].sum().rename(index=names)
    st.dataframe(
        wide.assign(answers=totals).reset_index(names="automatic"),
        hide_index=True,
        placeholder="",
        alt="What people say for each automatic grade, in shares with 95 % intervals",
    )


def _calibration(human) -> None:
    from tierwise.statistics.calibration import calibration

    try:
        found = calibration(human.judge.ravel(), human.human.ravel(), human.clusters.repeat(len(human.tiers)))
    except NotReady:
        return
    st.markdown("**Calibration**")
    bias = f"{figures.points(found.bias)} {figures.interval(*found.bias_ci95, 1)}"
    st.caption(
        f"The automatic grades are off by {bias} on average, and by {figures.points(found.ece)} "
        f"{figures.interval(*found.ece_ci95, 1)} within bins (expected calibration error); n = {found.n:,} answers."
    )
    if len(found.bins) > 2:
        b = found.bins
        frame = pd.DataFrame(
            {
                "automatic grade": [f"{lo:g} to {hi:g}" for lo, hi in zip(b["low"], b["high"], strict=True)],
                "mean": b["judge"],
                "people": b["people"],
                "95 % interval": [figures.interval(lo, hi) for lo, hi in zip(b["people_low"], b["people_high"], strict=True)],
                "answers": b["n"],
            }
        )
        st.dataframe(frame, hide_index=True, placeholder="", alt="Human grades by automatic grade")


def _preferences(by: str, fit) -> None:
    if by == "people":
        st.markdown("**Which answer people prefer**")
    else:
        st.markdown("**Which answer a judge prefers**")
        parts.plain(by)
    last = fit.names[-1]
    frame = pd.DataFrame(
        {
            "tier": list(fit.names),
            "strength": fit.strength,
            "95 % interval": [f"[{lo:.2f}, {hi:.2f}]" for lo, hi in fit.strength_ci95],
            "preferred to the last": ["" if n == last else f"{fit.chance(n, last):.0%}" for n in fit.names],
            "won, ties half": [f"{r:.0%} {figures.interval(*ci)}" for r, ci in zip(fit.rate, fit.rate_ci95, strict=True)],
            "compared": fit.compared,
        }
    )
    st.dataframe(
        frame,
        hide_index=True,
        placeholder="",
        alt="Strength of each tier by pairwise verdicts, with the share of comparisons it won",
        column_config={
            "strength": st.column_config.NumberColumn(format="%.2f", help="Log-odds; they sum to 0. Intervals resample prompts"),
            "won, ties half": st.column_config.TextColumn(help="Depends on whom a tier was compared with; strength does not"),
        },
    )
    says = f"{fit.n:,} verdicts; Bradley-Terry with ties."
    low, high = fit.first_bonus_ci95
    if low == low:
        seen = "no sign that it matters" if low <= 0 <= high else f"the one on the {'left' if low > 0 else 'right'} is favoured"
        says += f" Order on the screen: {seen} ({fit.first_bonus:+.2f} [{low:.2f}, {high:.2f}])."
    else:
        says += " The judge saw both orders; where its verdict turned with the order, it counts as a tie."
    st.caption(says)
