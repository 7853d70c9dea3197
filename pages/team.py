"""Who can see a project and what they may do there, and who did what."""

import streamlit as st

from tierwise.ui import parts, state, team
from tierwise.ui.frame import require_frame

require_frame()

VIEWS = ["Members", "Audit", "Projects"]

store = state.store()
parts.header("People and audit", "Who can see a project, what they may do there, and who did what.")
store.require("manage")
views = VIEWS if store.person.admin else VIEWS[:2]
view = st.segmented_control(
    "View", views, default=views[0], required=True, key="team_view", bind="query-params", label_visibility="collapsed"
)
if view == "Members":
    team.members(store)
elif view == "Audit":
    team.audit(store)
else:
    team.projects(store)
