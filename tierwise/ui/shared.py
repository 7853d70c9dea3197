"""The page behind a link. It holds what `open_link` gave it and no store, so there is nothing it could start or write."""

import pandas as pd
import streamlit as st

from tierwise.access.sharing import Shared, open_link
from tierwise.errors import NotFound
from tierwise.ui import comparing, figures, parts, who
from tierwise.ui.evidence import evidence


def show(token: str) -> None:
    """One run or one policy, or the one answer to every link that does not open."""
    who.identity()  # with a login, links are for people who have signed in
    try:
        found = open_link(who.whole(), token)
    except NotFound as error:
        parts.header("Nothing here", str(error))
        return
    if found.policy is not None:
        _policy(found)
    else:
        _run(found)
    share = found.share
    st.caption(f"For reading, until {share.expires_at:%d %b %Y %H:%M} UTC.")


def _policy(found: Shared) -> None:
    policy, document = found.policy, found.policy.document
    parts.header("A shared policy", "Which tier serves a request, and what to expect of it.", simulated=bool(document.get("simulated")))
    parts.plain(f"{policy.name}, version {policy.version}")
    evidence(policy)


def _run(found: Shared) -> None:
    from tierwise.grading.summary import summary

    run, matrix = found.run, found.matrix
    parts.header("A shared run", "Each tier on the same prompts: what it gets right, what it costs, how long it takes.", run.simulated)
    parts.plain(run.name)
    if matrix is None:
        st.caption("Nothing of it is graded yet.")
    else:
        comparing.tier_table(run, summary(matrix), shared=True)
        st.caption(f"n = {figures.count(len(matrix), 'prompt')}; intervals are of 95 %.")
        st.markdown("**By request type**")
        comparing.by_request_type(matrix)
    if found.answers:
        st.markdown("**Prompts and answers**")
        frame = pd.DataFrame(found.answers)[["prompt", "reference", "tier", "output", "grade"]]
        st.dataframe(frame, hide_index=True, placeholder="", alt="Prompts with the answers of each tier and their grades")
        if found.more:
            st.caption(f"{found.more:,} more rows are not shown.")
