"""Money: every request of a run with what it cost, and what the day has cost."""

import streamlit as st

from tierwise import settings
from tierwise.types import now
from tierwise.ui import figures, parts, state
from tierwise.ui.frame import RUN, require_frame
from tierwise.ui.ledger import ledger

require_frame()

runs = [r for r in state.runs() if r.kind == "live"]
if not runs:
    parts.header("Ledger", "Every request that was paid for.")
    parts.empty("Nothing was paid yet", "A run on real models writes each request here before it is sent.", "Plan a run", RUN)
    st.stop()
run = parts.header_with(
    "Ledger", "Every request is written here before it is sent. What is not known counts at its worst.", lambda: state.choose_run(runs)
)
cap, today = settings.daily_cap_usd(), state.store().attempts.counted_on(now().date())
of = f" of the day's cap of {figures.dollars(cap)}" if cap is not None else "; no cap is set (TIERWISE_DAILY_CAP_USD)"
st.caption(figures.md(f"Today, all runs and test calls: {figures.dollars(today)}{of}."))
ledger(run)
parts.next_step("Open the run", RUN, run=run.id, icon=":material/play_circle:")
