"""People grade answers: one at a time, blind, by keyboard; every key press is kept at once."""

import streamlit as st

from tierwise.ui import grader, gradesetup, parts, state, steadiness, who
from tierwise.ui.frame import COMPARE, RUN, require_frame

require_frame()

runs = state.graded_runs()
if not runs:
    parts.header("Grade", "People check the automatic grades.")
    parts.empty("Nothing to grade yet", "Run a prompt set over two tiers or more; its answers are graded here.", "Start a run", RUN)
    st.stop()
run = parts.header_with(
    "Grade", "What people say of the answers, and whether the automatic grades can be trusted.", lambda: state.choose_run(runs)
)
session, rater = state.grading_session(run), state.rater()
if not gradesetup.readable(run):
    gradesetup.nothing_to_read(run)
    parts.next_step("Compare tiers", COMPARE, run=run.id)
elif not state.store().allows("grade"):
    parts.notes([f"A {state.store().role} of this project reads what others grade. An admin of the project can change that."])
    parts.next_step("Human grades", COMPARE, icon=":material/bar_chart:", run=run.id, compare_view="Human grades")
elif session is None or not rater or st.session_state.get("grade_new"):
    gradesetup.setup(run, session)
else:
    grader.card(run, session, rater)
    gradesetup.settles(run, session)
    if st.toggle("Agreement over time", key="steady", help="Whether people and the judge grade the same way from beginning to end."):
        steadiness.over_time(run)
    with st.container(horizontal=True, vertical_alignment="center"):
        parts.next_step("See what changed", COMPARE, icon=":material/bar_chart:", run=run.id, compare_view="Human grades")
        if st.button("Ask something else", key="another", icon=":material/add:", help="A new queue, for the policy as it is now."):
            st.session_state["grade_new"] = True
            st.rerun()
        if not who.team() and st.button("Somebody else grades", key="leave", icon=":material/person:"):
            state.remember_rater("")
            st.rerun()
        parts.plain(f"Grading as {rater}")
