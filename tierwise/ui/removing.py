"""Deleting something for good, which is asked twice."""

from collections.abc import Callable

import streamlit as st

from tierwise.ui import parts, state

ALSO = {
    "run": "Its answers, grades and human marks go too, and links to it open nothing any more. What it paid stays counted.",
    "prompt set": "Its prompts and right answers go too.",
    "policy": "Links to it open nothing any more. A gateway that has its files goes on as it is.",
}


def offer(kind: str, key: str, name: str, page: str) -> None:
    """A button for who may; `page` opens when it is done."""
    view = state.store()
    remove = {"run": view.removal.run, "prompt set": view.removal.evalset, "policy": view.removal.policy}[kind]
    if view.allows("delete") and st.button(f"Delete this {kind}…", icon=":material/delete:", key=f"delete_{kind[:6]}", type="tertiary"):
        _ask(kind, key, name, page, remove)


@st.dialog("Delete for good?")
def _ask(kind: str, key: str, name: str, page: str, remove: Callable[[str], str]) -> None:
    parts.plain(name)
    st.caption(f"{ALSO[kind]} This cannot be undone; a backup is the only way back.")
    if st.button("Delete", type="primary", icon=":material/delete:", key="delete_it"):
        with parts.guard():
            remove(key)
        st.switch_page(page, query_params={})
