"""The frame round every page: configuration, navigation and the guard for links that arrive first."""

import time

import streamlit as st

from tierwise import settings
from tierwise.server import logs, measures
from tierwise.ui import who
from tierwise.ui.parts import guard

HOME, EVALSETS, RUN = "pages/home.py", "pages/evalsets.py", "pages/run.py"
TRAFFIC, MODELS, LEDGER = "pages/traffic.py", "pages/models.py", "pages/ledger.py"
GRADE, COMPARE, TUNE, EXPORT = "pages/grade.py", "pages/compare.py", "pages/tune.py", "pages/export.py"
TEAM, SHARED = "pages/team.py", "pages/shared.py"
LOGO, ICON = (settings.ROOT / "docs" / "images" / name for name in ("logo.svg", "icon.svg"))
"""Files of our own: a named icon would be fetched from a font server."""


def pages() -> list[st.Page]:
    """Every screen, in the order of the work."""
    return [
        st.Page(HOME, title="Home", icon=":material/home:", default=True, help="Where you are and what comes next"),
        st.Page(EVALSETS, title="Evalsets", icon=":material/list_alt:", help="Prompt sets: upload, check, choose"),
        st.Page(TRAFFIC, title="Traffic", icon=":material/traffic:", help="What production sends, and a month of it"),
        st.Page(MODELS, title="Models", icon=":material/hub:", help="Providers and gateways, each tried with one call"),
        st.Page(RUN, title="Run", icon=":material/play_circle:", help="Send a prompt set to every tier"),
        st.Page(GRADE, title="Grade", icon=":material/rate_review:", help="Check the automatic grades by eye"),
        st.Page(COMPARE, title="Compare", icon=":material/bar_chart:", help="Quality, cost and speed of each tier"),
        st.Page(TUNE, title="Tune", icon=":material/tune:", help="Choose who answers what"),
        st.Page(EXPORT, title="Export", icon=":material/ios_share:", help="Take a policy to your gateway"),
        st.Page(LEDGER, title="Ledger", icon=":material/receipt_long:", help="Every request that was paid for"),
        st.Page(
            TEAM,
            title="Team",
            icon=":material/group:",
            help="People, roles, and who did what",
            visibility="visible" if who.administers() else "hidden",
        ),
        st.Page(SHARED, title="Shared", icon=":material/link:", visibility="hidden"),
    ]


def frame() -> st.Page:
    """Configure the app, register every page, and return the one to run."""
    st.set_page_config(page_title="Tierwise", page_icon=str(ICON), layout="wide")
    st.logo(str(LOGO), size="medium")
    page = st.navigation(pages(), position="hidden" if by_link() else "top")
    st.session_state["framed"] = True
    return page


def by_link() -> bool:
    """Whether somebody has opened a shared link: they see that page alone, and are not written down."""
    return "token" in st.query_params


def show() -> None:
    """Run the chosen page; what its user can mend is shown as a message."""
    page = frame()
    logs.bind(request=st.context.headers.get("X-Request-Id"))
    began, cpu = time.perf_counter(), time.thread_time()
    try:
        with guard():
            if not by_link():
                who.bar()
            page.run()
    finally:
        name = page.url_path or "home"
        measures.RERUNS.observe(name, time.perf_counter() - began)
        measures.RERUN_CPU.observe(name, time.thread_time() - cpu)


def require_frame() -> None:
    """Rerun through app.py when Streamlit opened this page on its own.

    Streamlit runs a deep-linked file in pages/ without app.py until the first
    st.navigation call after a server start.
    """
    if "framed" not in st.session_state:
        frame()
        st.rerun()
