"""Deleting something for good, after a second question."""

import streamlit as st

from tierwise.ui import parts, state

ALSO = {
    "run": "Its answers, grades and human marks go too, and links to it open nothing any more. What it paid stays counted.",
    "prompt set": "Its prompts and right answers go too.",
    "policy": "Links to it open nothing any more. A gateway that has its files goes on as it is.",
}


def offer(kind: str, key: str, name: str, page: str) -> None:
    """For who may; `page` opens when it is done."""
    view = state.store()
    if not view.allows("delete"):
        return
    with st.popover("Delete…", icon=":material/delete:", type="tertiary", width="content", help=f"This {kind}, for good."):
        parts.plain(name)
        st.caption(f"{ALSO[kind]} Only a backup brings it back.")
        if st.button(f"Delete this {kind}", icon=":material/delete:", key=f"delete_{key}"):
            with parts.guard():
                {"run": view.removal.run, "prompt set": view.removal.evalset, "policy": view.removal.policy}[kind](key)
            st.switch_page(page, query_params={})
