"""What production sends: kinds of request, what they cost, how far the prompt set is from them, and a month under a policy."""

import streamlit as st

from tierwise.ui import allowed, cacheview, parts, state, trafficform, trafficview
from tierwise.ui.frame import RUN, TUNE, require_frame

require_frame()

VIEWS = ["Profile", "Upload a log", "Type in counts", "Caching"]


def show_view(view: str) -> None:
    st.session_state["source"] = view


def way_on(profile) -> None:
    """The one primary button: a prompt set from the traffic while its prompts are here, else tuning with its volume."""
    runs = [r for r in state.graded_runs() if len(r.tiers) > 1]
    with st.container(horizontal=True, vertical_alignment="bottom"):
        if state.store().traffic.kept(profile.id):
            n = st.number_input("Prompts", 10, 5000, 200, 10, key="draw_n", width=120)
            if st.button("Make a prompt set from it", type="primary", icon=":material/playlist_add:", key="draw", **allowed.to("import")):
                trafficform.draw(state.store().traffic.prompts(profile.id), profile.name, int(n))
        elif runs:
            parts.next_step("Tune at this volume", TUNE, icon=":material/tune:", volume=str(round(profile.per_month or 1_000_000)))
        else:
            parts.next_step("Run a prompt set", RUN)


profiles = state.store().traffic.list()
state.open_profile_view(VIEWS[0])
left, right = st.columns([3, 2], gap="medium", vertical_alignment="bottom")
with left:
    parts.header("Traffic", "What your users really ask, what it costs now, and whether your prompts look like it.")
view = st.segmented_control("View", VIEWS, default=VIEWS[0], required=True, key="source", bind="query-params", label_visibility="collapsed")
if view == VIEWS[1]:
    trafficform.upload()
elif view == VIEWS[2]:
    trafficform.counts()
elif view == VIEWS[3]:
    graded = state.graded_runs()
    if graded:
        with right:
            run = state.choose_run(graded)
        cacheview.caching(run)
        parts.next_step("Tune", TUNE, icon=":material/tune:", run=run.id)
    else:
        parts.empty("Nothing to replay yet", "A cache is replayed on the graded answers of a run.", "Start a run", RUN)
elif not profiles:
    with st.container(border=True, horizontal_alignment="center", gap="small"):
        st.subheader("Using the prompt set's own mix", anchor=False, text_alignment="center")
        st.caption(
            "Every figure works as it is. With a log of your gateway, figures follow what is really asked, "
            "and a month is projected from it.",
            text_alignment="center",
            width=560,
        )
        st.button("Upload a log", type="primary", icon=":material/upload:", key="empty", on_click=show_view, args=(VIEWS[1],))
        st.space("small")
    trafficview.story()
else:
    with right:
        profile = state.choose_profile(profiles)
    trafficview.headline(profile)
    way_on(profile)
    trafficview.mix(profile)
    trafficview.paid(profile)
    trafficview.month(profile)
    trafficview.story()
