"""Where you are: the working example or your newest run, and the next step as one button."""

import pandas as pd
import streamlit as st

from tierwise.ui import figures, parts, readings, sharing, state, tierpoints, uploads
from tierwise.ui.frame import COMPARE, RUN, TUNE, require_frame
from tierwise.ui.parts import Figure

require_frame()

RECENT = 8


def headline(run) -> bool:
    """The run's numbers before any routing. False when it has none to show."""
    matrix = readings.matrix(run)
    at = tierpoints.references(matrix)
    if at is None:
        return False
    saving = 1 - at.oracle.cost / at.frontier.cost if at.frontier.cost else 0.0
    left, right = st.columns([1, 1], gap="medium")
    with left:
        demo, busy = bool(run.params.get("demo")), st.session_state.get("home_file") is not None
        st.markdown("**A working example**" if demo else "**Your newest run**")
        parts.plain(run.name)
        row = [
            Figure(
                "Always the top tier",
                figures.percent(at.frontier.quality),
                f"{figures.dollars(at.frontier.cost)} per 1,000",
                help="Mean grade and cost when every request goes to the last tier.",
            ),
            Figure(
                "Always the cheapest",
                figures.percent(at.cheapest.quality),
                f"{figures.dollars(at.cheapest.cost)} per 1,000",
                help="Mean grade and cost when every request goes to the first tier.",
            ),
            Figure(
                "A perfect router",
                figures.percent(at.oracle.quality),
                f"costs {figures.percent(saving)} less",
                "green",
                help="The cheapest tier that answers each prompt right: the ceiling for any router on these tiers.",
            ),
        ]
        parts.figures(row)
        st.caption(
            f"n = {figures.count(at.n, 'prompt')}, {len(run.tiers)} tiers. "
            "Tuning shows how close a router can come to that ceiling, and how sure it is."
        )
        if st.button(
            "Tune the demo" if demo else "Tune this run", type="secondary" if busy else "primary", icon=":material/tune:", key="next"
        ):
            st.switch_page(TUNE, query_params={"run": run.id})
    with right:
        from tierwise.ui import charts

        chart = charts.ladder_chart(
            tierpoints.tier_frame(run), tierpoints.mix_frame(at.cheapest, at.frontier), tierpoints.point_frame(at.oracle)
        )
        st.altair_chart(chart, key="ladder", alt="Quality against cost of each tier, with 95 % intervals")
        sharing.ladder(run, matrix)
    return True


def recent(runs) -> None:
    """The newest runs; choosing one opens it."""
    frame = pd.DataFrame(
        {
            "run": [r.name for r in runs],
            "tiers": [", ".join(t.name for t in r.tiers[:5]) for r in runs],
            "status": [r.status for r in runs],
            "models": [r.kind for r in runs],
            "made": [figures.ago(r.created_at) for r in runs],
        }
    )
    picked = st.dataframe(
        frame,
        hide_index=True,
        placeholder="",
        on_select="rerun",
        selection_mode="single-row",
        key="recent",
        alt="Recent runs",
        column_config={"run": st.column_config.TextColumn(width="medium")},
    )
    if picked.selection.rows:
        run = runs[picked.selection.rows[0]]
        st.switch_page(RUN if run.status in ("planned", "running") else COMPARE, query_params={"run": run.id})


runs = state.runs()
ready = [r for r in runs if r.status == "done"]
newest = ready[0] if ready else None
parts.header(
    "Which model does each prompt really need?",
    "Run your prompts over cheap and strong models, see what each answers as well as the best, "
    "and take away a routing policy for your gateway.",
    simulated=newest is not None and newest.simulated,
)
if newest is None:
    with st.container(border=True):
        st.subheader("Nothing run yet", anchor=False)
        st.caption("Upload prompts below, or start from one of the shipped sets. The simulated tiers need no key.")
        if st.button("Choose a shipped set", type="primary", icon=":material/list_alt:", key="empty"):
            st.switch_page("pages/evalsets.py", query_params={"view": "Shipped sets"})
else:
    with st.container(border=True):
        if not headline(newest):
            st.caption("This run has no prompts that are graded and priced on every tier yet.")
            parts.next_step("Compare", COMPARE, run=newest.id)
with st.container(border=True):
    st.markdown("**Your own prompts**")
    uploads.new_evalset("home")
if runs:
    st.markdown("**Recent runs**")
    recent(runs[:RECENT])
