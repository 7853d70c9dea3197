"""Each tier's quality, cost and speed on the same prompts, with intervals, and every answer behind the numbers."""

import streamlit as st

from tierwise.ui import comparing, parts, promptmatrix, readings, removing, rescoring, sharing, sides, state, tierpoints, verdicts
from tierwise.ui.frame import EVALSETS, HOME, RUN, TUNE, require_frame

require_frame()

VIEWS = ["By tier", "By request type", "By prompt", "Human grades", "Scorers", "Another run"]

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
parts.notes(st.session_state.pop("bundle_notes", []))
rows, matrix = readings.summary(run), readings.matrix(run)
comparing.tier_table(run, rows)
from tierwise.ui import charts  # noqa: E402  (slow to import; the table is drawn by now)

view = st.segmented_control(
    "View", VIEWS, default=VIEWS[0], required=True, key="compare_view", label_visibility="collapsed", bind="query-params"
)
if view == "By tier":
    frame = tierpoints.tier_frame(run)
    if len(frame):
        st.altair_chart(charts.interval_chart(frame), key="intervals", alt="Mean grade of each tier with its 95 % interval")
elif view == "By request type":
    comparing.by_request_type(matrix)
elif view == "By prompt":
    promptmatrix.prompt_table(run, matrix)
elif view == "Scorers":
    rescoring.scorers(run)
elif view == "Another run":
    sides.two_runs(run)
else:
    verdicts.human_grades(run)
sharing.run_downloads(run, matrix)
with st.container(horizontal=True):
    if len(run.tiers) > 1:
        parts.next_step("Tune", TUNE, icon=":material/tune:", run=run.id)
    else:
        parts.next_step("Run a second tier", RUN, set=run.evalset_id)
    if st.button("Import recorded outcomes", icon=":material/upload:", key="import"):
        st.switch_page(EVALSETS, query_params={"view": "Recorded outcomes"})
    removing.offer("run", run.id, run.name, HOME)
