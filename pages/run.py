"""Send a prompt set to every tier: the estimate stands before the button, and the run goes on without this page."""

import streamlit as st

from tierwise.errors import TierwiseError
from tierwise.ui import allowed, figures, ladder, parts, progress, readings, runform, state
from tierwise.ui.frame import MODELS, require_frame

require_frame()

shown = state.run_in_link()
if shown and "set" not in st.query_params:
    state.remember_evalset(shown.evalset_id)  # a link to a run is about its prompts
sets = state.evalsets()
parts.header("Run", "Every prompt goes to every tier once, and the answers are graded. You see the price first.")
if shown and shown.params.get("demo") is None and shown.kind != "recorded":
    progress.watch(shown)
if not sets:
    parts.empty(
        "No prompt set to run",
        "A run needs prompts. Upload yours, or take one of the shipped sets.",
        "Choose a prompt set",
        "pages/evalsets.py",
    )
    st.stop()

left, right = st.columns([2, 1], gap="medium")
with left:
    with st.container(border=True):
        chosen = state.choose_evalset(sets)
        scorer, options = runform.choose_scorer(readings.evalset(chosen.id))
    with st.container(border=True):
        st.markdown("**Tiers, cheapest first**")
        tiers: list = []
        try:
            tiers = ladder.tiers_of(ladder.edit(ladder.choose_preset(), "tiers"))
        except TierwiseError as error:
            parts.complain(error)
        ladder.missing_keys(tiers)
        if st.button("Other providers and gateways, test calls", icon=":material/hub:", key="to_models", type="tertiary"):
            st.switch_page(MODELS)
with right, st.container(border=True):
    st.markdown("**Before you start**")
    if len(tiers) < 1:
        st.caption("Turn on at least one tier.")
        st.stop()
    price = st.container(gap="small")
    with parts.guard():
        settings = runform.choose_settings(chosen, tiers)
        estimate = runform.estimate(chosen.id, tuple(tiers), settings)
    with price:
        runform.show_estimate(estimate, simulated=all(t.simulated for t in tiers))
        runform.show_grading(chosen, tiers, settings, scorer, options)
    budget = runform.choose_budget(estimate)
    name = st.text_input(
        "Name of the run", f"{chosen.name[:80]}, {figures.count(len(tiers), 'tier')}", key=f"run_name_{chosen.id}", max_chars=120
    )
    finished = shown is not None and shown.status == "done" and shown.evalset_id == chosen.id and not shown.params.get("demo")
    if st.button(
        "Start the run",
        type="secondary" if finished else "primary",
        icon=":material/play_arrow:",
        key="start",
        width="stretch",
        **allowed.to("run"),
    ):
        with parts.guard():
            run = runform.start(chosen, tiers, name.strip() or chosen.name, scorer, options, budget, settings)
        st.switch_page("pages/run.py", query_params={"set": chosen.id, "run": run.id})
