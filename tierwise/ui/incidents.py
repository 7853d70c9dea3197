"""A bug on a screen: its user sees a number, the log has the rest under the same number."""

import logging

import streamlit as st

from tierwise.server import logs, measures

log = logging.getLogger("tierwise.incident")


def report(error: Exception) -> bool:
    """For `st.App(on_script_error=...)`: True, as the message is drawn here. It says nothing of the code."""
    incident = logs.fresh_id()
    measures.INCIDENTS.add()
    logs.bind(incident=incident)
    log.error("incident %s: %s", incident, type(error).__name__, exc_info=error)
    with st.container(border=True, gap="small"):
        st.badge("Something went wrong in Tierwise", icon=":material/error:", color="red")
        st.text(
            f"Nothing you did caused it, and what was kept is safe. Reload the page to go on. Incident {incident}: the server's log says more."
        )
    return True
