"""Choose who answers what: opens solved, and every slider is for disagreeing with it."""

import streamlit as st

from tierwise.ui import parts, state
from tierwise.ui.bench import bench
from tierwise.ui.frame import RUN, require_frame

require_frame()

runs = state.graded_runs()
if not runs:
    parts.header("Tune", "Choose who answers what.")
    parts.empty("Nothing to tune yet", "Tuning needs a graded run over two tiers or more.", "Start a run", RUN)
    st.stop()
run = parts.header_with(
    "Tune", "The cheapest way to choose a tier for each request that keeps the quality you ask for.", lambda: state.choose_run(runs)
)
if len(run.tiers) < 2:
    parts.empty(
        "One tier only", "With one tier there is nothing to choose between. Run the same prompts over a second one.", "Add a tier", RUN
    )
    st.stop()
bench(run)
