"""Making a link for a colleague, and taking it back."""

import streamlit as st

from tierwise.access import sharing
from tierwise.ui import parts, state

DAYS = {7: "a week", 30: "a month", 90: "three months"}


def share_button(kind: str, object_id: str) -> None:
    """A form behind a button; the link is shown once, since its token is kept nowhere."""
    store = state.store()
    if not store.allows("share"):
        return
    with st.popover("Share…", icon=":material/link:", help="A link that shows this for reading, and nothing else."):
        days = st.selectbox("Opens for", list(DAYS), index=1, format_func=DAYS.get, key=f"share_days_{object_id}")
        texts = kind == "run" and st.checkbox(
            "With prompts and answers", key=f"share_texts_{object_id}", help="Otherwise figures alone; no text of yours is on the page."
        )
        if st.button("Make a link", icon=":material/add_link:", key=f"share_make_{object_id}"):
            with parts.guard():
                token = sharing.share(store, kind, object_id, int(days), bool(texts))
            st.code(_address(token), language=None, wrap_lines=True)
            st.caption("Copy it now: it is not kept, and cannot be shown again.")
        for link in sharing.links(store, object_id):
            with st.container(horizontal=True, vertical_alignment="center"):
                st.text(
                    f"Until {link.expires_at:%d %b %Y}, {'with texts' if link.texts else 'figures alone'}, by {link.made_by}",
                    width="stretch",
                )
                if st.button("Take back", key=f"share_back_{link.id}", type="tertiary", icon=":material/link_off:"):
                    sharing.revoke(store, link.id)
                    st.rerun()


def _address(token: str) -> str:
    """The page for links beside the page that is open."""
    here = (st.context.url or "/").split("?")[0].rstrip("/")
    base, _, last = here.rpartition("/")
    return f"{base if last in PAGES or not last else here}/shared?token={token}"


PAGES = ("compare", "export")
