"""Pieces that every screen shares. Text from files and models goes through `plain` or a table, never into Markdown or a label."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import NamedTuple

import streamlit as st

from tierwise.errors import NotAllowed, NotReady, NotSignedIn, StoreBusy, TierwiseError
from tierwise.types import Run


class Figure(NamedTuple):
    """One headline number. All three texts are ours: they are drawn as Markdown."""

    label: str
    value: str
    below: str
    tone: str = "gray"
    help: str | None = None


def header(title: str, says: str, simulated: bool = False) -> None:
    """The screen's name, what it is for, and whether its numbers are real."""
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        st.header(title, anchor=False, width="content")
        if simulated:
            simulated_badge()
    st.caption(says)


def header_with(title: str, says: str, choose: Callable[[], Run]) -> Run:
    """A header with the choice of a run at its right; returns the run."""
    left, right = st.columns([3, 2], gap="medium", vertical_alignment="bottom")
    with right:
        run = choose()
    with left:
        header(title, says, run.simulated)
    return run


def simulated_badge() -> None:
    st.badge(
        "Simulated",
        icon=":material/science:",
        color="orange",
        help="These models are simulated: no model was called and nothing was paid. "
        "The numbers show how Tierwise works, not how good a real model is.",
    )


def plain(text: str | None, *, code: bool = False, height: int | None = None, diff: bool = False) -> None:
    """Untrusted text, shown as it is: no Markdown, no HTML, no links, nothing fetched. `diff` colours lines by their + or -."""
    if code or diff:
        st.code(text or "", language="diff" if diff else None, wrap_lines=True, height=height or "content")
    else:
        st.text(text or "")


def figures(row: Sequence[Figure], columns: int | None = None) -> None:
    """Headline numbers of equal height, in one row unless told, that wrap on a narrow window."""
    with st.grid(columns or len(row), min_column_width=140, gap="small"):
        for f in row:
            st.metric(f.label, f.value, f.below, delta_color=f.tone, delta_arrow="off", help=f.help, border=True, height="stretch")


def empty(title: str, body: str, label: str, page: str, icon: str = ":material/arrow_forward:") -> None:
    """What a screen without data shows: why it is empty, and one button to mend that."""
    with st.container(border=True, horizontal_alignment="center", gap="small"):
        st.subheader(title, anchor=False, text_alignment="center")
        st.caption(body, text_alignment="center", width=560)
        if st.button(label, type="primary", icon=icon, key="empty"):
            st.switch_page(page)
        st.space("small")


def next_step(label: str, page: str, key: str = "next", icon: str = ":material/arrow_forward:", **query: str) -> None:
    """The way on, as the screen's one primary button."""
    if st.button(label, type="primary", icon=icon, key=key):
        st.switch_page(page, query_params=query)


@contextmanager
def guard(stop: bool = True) -> Iterator[None]:
    """Show what a user can mend as a message and stop there; anything else is a bug and is seen as one.

    Without `stop` the rest of the screen is drawn, for a part that the rest does not need.
    """
    try:
        yield
    except TierwiseError as error:
        complain(error)
        if stop:
            st.stop()


def complain(error: TierwiseError) -> None:
    """The message may quote a file or a model, so it is shown as text."""
    title = {
        StoreBusy: "The workspace is in use",
        NotReady: "Not ready yet",
        NotAllowed: "Not yours to do",
        NotSignedIn: "Not signed in",
    }.get(type(error), "That did not work")
    with st.container(border=True, gap="small"):
        st.badge(title, icon=":material/error:", color="red")
        plain(str(error))


def notes(lines: Sequence[str], icon: str = ":material/info:") -> None:
    """Plain remarks, one a line, that may name tiers or columns."""
    for line in lines:
        with st.container(horizontal=True, wrap=False, vertical_alignment="top", gap="xsmall"):
            st.markdown(icon, width="content")
            st.text(line, width="stretch")
