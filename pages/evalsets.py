"""Prompt sets: what there is, what is in it, and files coming in."""

import pandas as pd
import streamlit as st

from tierwise.evalsets import load_shipped, shipped
from tierwise.ui import allowed, figures, parts, readings, removing, sharing, state, uploads
from tierwise.ui.frame import EVALSETS, RUN, require_frame

require_frame()

VIEWS = ["In this workspace", "Upload a file", "Shipped sets", "Recorded outcomes", "A bundle"]


def workspace() -> None:
    """The list, and the chosen set below it."""
    sets = state.evalsets()
    if not sets:
        parts.empty(
            "No prompt sets yet",
            "Bring prompts of your own, or take one of the sets that come with Tierwise.",
            "Upload prompts",
            "pages/home.py",
            icon=":material/upload:",
        )
        return
    wanted = st.text_input(
        "Search",
        placeholder="Search by name or request type",
        key="search",
        label_visibility="collapsed",
        icon=":material/search:",
        live=True,
    )
    found = [s for s in sets if wanted.lower() in " ".join((s.name, *s.request_types)).lower()]
    if not found:
        st.caption("No prompt set matches.")
        return
    runs = {r.evalset_id: r for r in reversed(state.runs())}
    frame = pd.DataFrame(
        {
            "name": [s.name for s in found],
            "prompts": [s.size for s in found],
            "with right answer": [s.with_reference / max(1, s.size) for s in found],
            "request types": [", ".join(s.request_types) for s in found],
            "last run": [figures.ago(runs[s.id].created_at) if s.id in runs else "never" for s in found],
            "version": [s.digest[:8] for s in found],
        }
    )
    linked = next((i for i, s in enumerate(found) if s.id == st.query_params.get("set")), 0)
    picked = st.dataframe(
        frame,
        hide_index=True,
        placeholder="",
        on_select="rerun",
        selection_mode="single-row-required",
        selection_default={"selection": {"rows": [linked]}},
        key="sets",
        alt="Prompt sets of this workspace",
        column_config={
            "name": st.column_config.TextColumn(width="medium"),
            "with right answer": st.column_config.ProgressColumn(format="percent", min_value=0, max_value=1),
            "version": st.column_config.TextColumn(help="Start of the content's SHA-256: equal content is the same version"),
        },
    )
    rows = picked.selection.rows
    chosen = found[rows[0]] if rows and rows[0] < len(found) else found[linked]
    if chosen.id != found[linked].id:
        state.remember_evalset(chosen.id)
    with st.container(border=True):
        with st.container(horizontal=True, vertical_alignment="center", horizontal_alignment="distribute"):
            parts.plain(f"{chosen.name} · {chosen.size:,} prompts · {chosen.with_reference:,} with a right answer")
            with st.container(horizontal=True, width="content"):
                sharing.prompt_set(chosen)
                if st.button("Run it", type="primary", icon=":material/play_arrow:", key="run_it"):
                    st.switch_page(RUN, query_params={"set": chosen.id})
                removing.offer("prompt set", chosen.id, chosen.name, EVALSETS)
        uploads.samples_table(readings.evalset(chosen.id))


def shipped_sets() -> None:
    """Sets written for this project, each with its card."""
    with st.grid(2, min_column_width=320, gap="small"):
        for entry in shipped():
            with st.container(border=True, height="stretch"):
                st.markdown(f"**{entry.title}**")
                st.caption(f"{figures.count(entry.size, 'prompt')} · written for Tierwise, free to use")
                with st.container(horizontal=True):
                    if st.button("Use this set", key=f"use_{entry.name}", icon=":material/add:", **allowed.to("import")):
                        st.switch_page(RUN, query_params={"set": state.store().evalsets.add(load_shipped(entry.name)).id})
                    with st.popover("About", type="tertiary", icon=":material/description:", width="content"):
                        st.markdown(entry.card_markdown)


parts.header("Evalsets", "A prompt set is what every tier is measured on. Bring prompts that look like your traffic.")
view = st.segmented_control("View", VIEWS, default=VIEWS[0], required=True, key="view", bind="query-params", label_visibility="collapsed")
if view == VIEWS[1]:
    uploads.new_evalset("evalsets")
elif view == VIEWS[2]:
    shipped_sets()
elif view == VIEWS[3]:
    uploads.recorded("evalsets")
elif view == VIEWS[4]:
    uploads.bundle()
else:
    workspace()
