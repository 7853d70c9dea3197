"""Whose traffic the figures of Tune are for: the prompt set's own mix, or that of a log."""

import streamlit as st

from tierwise.errors import NotReady
from tierwise.ui import figures, parts, readings, state
from tierwise.ui.question import Question

OWN = ""


def choose() -> str | None:
    """The profile chosen, or None; the link's on the first visit."""
    profiles = {p.id: p for p in state.store().traffic.list() if p.mix}
    if not profiles:
        st.session_state["traffic"] = OWN
        return None
    if st.session_state.get("traffic") not in {OWN, *profiles}:
        wanted = st.query_params.get("traffic")
        st.session_state["traffic"] = wanted if wanted in profiles else OWN
        _follow()
    st.selectbox(
        "Traffic",
        [OWN, *profiles],
        format_func=lambda i: f"{profiles[i].name} · {profiles[i].requests:,} requests" if i else "This prompt set's own mix",
        key="traffic",
        on_change=_follow,
        help="Weigh every figure by the request types of a log, so that it says what happens on your traffic.",
    )
    return st.session_state["traffic"] or None


def _follow() -> None:
    chosen = st.session_state["traffic"]
    if not chosen:
        st.query_params.pop("traffic", None)
        return
    st.query_params["traffic"] = chosen
    per_month = state.store().traffic.get(chosen).per_month
    if per_month:
        st.session_state["volume"] = round(per_month)


def month(asked: Question, tuning, volume: int) -> None:
    """How the prompts stand for the traffic, and a month of it at the recommended point, held-out."""
    if not asked.traffic:
        return
    profile = state.store().traffic.get(asked.traffic)
    found, apart = _projected(asked.project, asked, volume)
    with st.container(border=True, gap="small"):
        if found is not None:
            low, high = (figures.dollars(x) for x in found.saved_ci95)
            st.markdown(
                figures.md(
                    f"**A month of this traffic:** the recommended point saves {figures.dollars(found.saved)} [{low}, {high}] of "
                    f"{figures.dollars(found.frontier_cost)}, held-out, at {found.requests:,.0f} requests."
                )
            )
        parts.plain(tuning.traffic.words)
        parts.notes((*apart, *(found.notes if found is not None else ())), icon=":material/warning:")
        st.caption(
            f"Of the {profile.requests:,} requests in the log, {tuning.traffic.unmatched_share:.0%} are of types that no prompt has."
        )


@st.cache_resource(max_entries=24, show_spinner=False)
def _projected(project: str, asked: Question, volume: int):
    """The projection, or None where nothing is known of the volume; and in words how far prompts and traffic are apart."""
    from tierwise.traffic import difference, project
    from tierwise.tuning.heldout import WIDER_SAVING

    solved, profile = readings.tuning(asked), state.store().traffic.get(asked.traffic)
    apart = difference(profile, readings.weighed(asked._replace(traffic=None)).samples).words
    try:
        return project(solved.matrix, solved.heldout.paid, profile, float(volume), wider=WIDER_SAVING), apart
    except NotReady:
        return None, apart
