"""The ledger of a run: every request that was sent, what it cost, and what is not known."""

import pandas as pd
import streamlit as st

from tierwise.types import Run
from tierwise.ui import figures, parts, state
from tierwise.ui.parts import Figure

SHOWN = 1000
SAYS = {"answered": "answered", "refused": "refused, not billed", "unknown": "unknown, at worst case"}


def ledger(run: Run) -> None:
    """Sums that add up, a line for each tier, and the newest requests."""
    frame = state.store().attempts.frame(run.id)
    if not len(frame):
        st.caption("No request was sent: " + ("the models are simulated." if run.simulated else "every answer came from elsewhere."))
        return
    known, unknown = frame["cost_usd"].sum(), frame.loc[frame["cost_usd"].isna(), "counted_usd"].sum()
    unpriced = int((frame["counted_usd"].isna()).sum())
    parts.figures(
        [
            Figure("Requests", f"{len(frame):,}", f"{(frame['status'] == 'answered').sum():,} answered"),
            Figure("Paid", figures.md(figures.dollars(known)), "by the providers' own token counts"),
            Figure(
                "Not known",
                figures.md(figures.dollars(unknown)),
                figures.count((frame["status"] == "unknown").sum(), "request"),
                help="Cut off, timed out or without token counts: they may have been billed, and count at the most they can have cost.",
            ),
            Figure("Counted", figures.md(figures.dollars(known + unknown)), "against budget and cap"),
        ]
    )
    if unpriced:
        parts.notes(
            [f"{figures.count(unpriced, 'request')} of tiers without a price are in none of these sums."], icon=":material/warning:"
        )
    by_tier = frame.groupby("tier", sort=False).agg(
        requests=("id", "size"), answered=("status", lambda s: (s == "answered").sum()), refused=("status", lambda s: (s == "refused").sum()),
        unknown=("status", lambda s: (s == "unknown").sum()), paid=("cost_usd", "sum"), counted=("counted_usd", "sum"),
    )  # fmt: skip
    money = st.column_config.NumberColumn(format="$%.6f")
    st.dataframe(
        by_tier.reset_index(),
        hide_index=True,
        placeholder="",
        alt="Requests and dollars by tier",
        column_config={"paid": money, "counted": money},
    )
    newest = frame.iloc[::-1].head(SHOWN)
    shown = pd.DataFrame(
        {
            "request": newest["id"], "sent": newest["sent_at"], "prompt": newest["sample_id"], "tier": newest["tier"], "model": newest["model"],
            "how it ended": newest["status"].map(SAYS), "HTTP": newest["http_status"], "paid": newest["cost_usd"],
            "reserved": newest["reserved_usd"], "what was said": newest["error"],
        }
    )  # fmt: skip
    st.dataframe(
        shown, hide_index=True, placeholder="", height=360, alt="Requests, newest first",
        column_config={"paid": money, "reserved": money, "sent": st.column_config.DatetimeColumn(format="D MMM HH:mm:ss")},
    )  # fmt: skip
    st.caption(f"{'Newest ' + f'{SHOWN:,} of ' if len(frame) > SHOWN else ''}{figures.count(len(frame), 'request')}.")
