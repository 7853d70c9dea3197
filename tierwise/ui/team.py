"""Members with their roles, projects, and the audit log."""

from datetime import timedelta

import pandas as pd
import streamlit as st

from tierwise.access import services
from tierwise.access.roles import ACTIONS, MAY, ROLES, SAYS
from tierwise.access.view import View
from tierwise.types import now
from tierwise.ui import figures, parts, who

REMOVE = "no member"
SHOWN = 500
DAYS = {1: "Last day", 7: "Last week", 30: "Last month", 0: "All time"}


def members(store: View) -> None:
    """Who is in the project looked at; adding, changing and taking out."""
    project = store.in_project
    found = services.members(store, project)
    parts.plain(project.name)
    if found:
        frame = pd.DataFrame(
            {
                "person": [m.person.name for m in found],
                "e-mail": [m.person.email for m in found],
                "role": [m.role for m in found],
                "last seen": [figures.ago(m.person.seen_at) if m.person.seen_at else "not yet" for m in found],
            }
        )
        st.dataframe(frame, hide_index=True, placeholder="", alt="Members of this project with their roles")
    else:
        st.caption("Nobody was added yet. Admins of the workspace see every project without being added.")
    if not who.team():
        st.caption("People sign in on a server for a team: docs/team.md tells how. Until then you are the only one, and may do everything.")
        return
    left, right = st.columns(2, gap="medium")
    with left, st.form("add_member", clear_on_submit=True):
        st.markdown("**Add somebody**")
        email = st.text_input("E-mail", max_chars=254, placeholder="They need not have signed in yet")
        role = st.selectbox("Role", ROLES, index=2)
        if st.form_submit_button("Add", icon=":material/person_add:", type="primary"):
            with parts.guard():
                services.invite(store, email, project, role)
            _changed()
    with right, st.form("change_member"):
        st.markdown("**Change a role**")
        people = {p.id: p for p in services.people(store)} if store.person.admin else {m.person.id: m.person for m in found}
        chosen = st.selectbox("Person", list(people), format_func=lambda i: people[i].label, placeholder="Nobody yet")
        to = st.selectbox("Role", [*ROLES, REMOVE], key="change_to")
        if st.form_submit_button("Change", icon=":material/manage_accounts:") and chosen:
            with parts.guard():
                services.set_role(store, project, people[chosen], None if to == REMOVE else to)
            _changed()
    with st.expander("What each role may do", icon=":material/rule:"):
        table = pd.DataFrame({"may": [SAYS[a] for a in ACTIONS], **{r: ["yes" if a in MAY[r] else "" for a in ACTIONS] for r in ROLES}})
        st.dataframe(table, hide_index=True, placeholder="", alt="What each role may do")


def projects(store: View) -> None:
    """All projects, a new one, and who administers the workspace."""
    found = services.projects(store)
    frame = pd.DataFrame({"project": [p.name for p in found], "made": [figures.ago(p.created_at) for p in found]})
    st.dataframe(frame, hide_index=True, placeholder="", alt="Projects of this workspace")
    left, right = st.columns(2, gap="medium")
    with left, st.form("add_project", clear_on_submit=True):
        st.markdown("**New project**")
        name = st.text_input("Name", max_chars=80)
        if st.form_submit_button("Make it", icon=":material/create_new_folder:"):
            with parts.guard():
                services.add_project(store, name)
            _changed()
    people = {p.id: p for p in services.people(store)}
    if not people:
        return
    with right, st.form("set_admin"):
        st.markdown("**Admins of the workspace**")
        parts.plain(", ".join(p.label for p in people.values() if p.admin) or "Nobody by name")
        chosen = st.selectbox("Person", list(people), format_func=lambda i: people[i].label, key="admin_person")
        admin = st.segmented_control("Workspace", ["Admin", "No admin"], default="Admin", required=True, key="admin_is")
        if st.form_submit_button("Change", icon=":material/admin_panel_settings:"):
            with parts.guard():
                services.set_admin(store, people[chosen], admin == "Admin")
            _changed()


def audit(store: View) -> None:
    """The log with filters, newest first, and as a file."""
    everything = store.person.admin and st.toggle(
        "Every project", key="audit_all", help="Also what concerns no project, such as signing in."
    )
    project = None if everything else store.in_project
    whole = services.audit(store, project, newest=5000)
    with st.container(horizontal=True, gap="small"):
        days = st.selectbox("Since", list(DAYS), index=2, format_func=DAYS.get, key="audit_days", width=160)
        person = st.selectbox("Who", [None, *sorted(set(whole["person"]))], format_func=_anybody, key="audit_person", width=260)
        action = st.selectbox("What", [None, *sorted(set(whole["action"]))], format_func=_anything, key="audit_action", width=180)
    given = {"person": person, "action": action, "since": now() - timedelta(days=days) if days else None}
    rows = services.audit(store, project, newest=SHOWN, **given)
    if not len(rows):
        st.caption("Nothing fits.")
        return
    shown = rows.drop(columns="object_id").rename(
        columns={"done_at": "when", "person": "who", "action": "did", "kind": "to", "object": "name"}
    )
    st.dataframe(shown, hide_index=True, placeholder="", alt="The audit log, newest first")
    with st.container(horizontal=True, vertical_alignment="center"):
        st.download_button(
            "Download",
            lambda: services.audit_csv(store, project, **given),
            "tierwise-audit.csv",
            "text/csv",
            key="audit_csv",
            icon=":material/download:",
            on_click="ignore",
            help="For spreadsheets: text that would be a formula is made harmless.",
        )
        st.caption(f"{figures.count(len(rows), 'line')}{', the newest' if len(rows) == SHOWN else ''}. Times are UTC.")


def _anybody(label: str | None) -> str:
    return label or "Anybody"


def _anything(label: str | None) -> str:
    return label or "Anything"


def _changed() -> None:
    who.forget()
    st.rerun()
