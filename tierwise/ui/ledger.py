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
    tiers = state.store().attempts.by_tier(run.id)
    if not len(tiers):
        st.caption("No request was sent: " + ("the models are simulated." if run.simulated else "every answer came from elsewhere."))
        return
    total = tiers.drop(columns=["tier", "purpose"]).sum()
    parts.figures(
        [
            Figure("Requests", f"{total['requests']:,.0f}", f"{total['answered']:,.0f} answered"),
            Figure("Paid", figures.md(figures.dollars(total["paid"])), "by the providers' own token counts"),
            Figure(
                "Not known",
                figures.md(figures.dollars(total["not_known"])),
                figures.count(total["unknown"], "request"),
                help="Cut off, timed out or without token counts: they may have been billed, and count at the most they can have cost.",
            ),
            Figure("Counted", figures.md(figures.dollars(total["paid"] + total["not_known"])), "against budget and cap"),
        ]
    )
    if total["unpriced"]:
        parts.notes(
            [f"{figures.count(total['unpriced'], 'request')} of tiers without a price are in none of these sums."],
            icon=":material/warning:",
        )
    money = st.column_config.NumberColumn(format="$%.6f")
    st.dataframe(
        tiers.rename(columns={"not_known": "not known", "purpose": "for"}).replace({"for": {"answer": "answers", "grade": "grading"}}),
        hide_index=True,
        placeholder="",
        alt="Requests and dollars by tier",
        column_config={"paid": money, "not known": money},
    )
    prices = run.params.get("prices", {})
    if prices:
        sources = {t: "as typed" if p["source"] == "tier" else p["source"] for t, p in prices.items()}
        told = [f"{t} {sources[t]}{', ' + p['as_of'] if p.get('as_of') else ''}" for t, p in prices.items()]
        parts.plain(f"Prices, fixed when the run was planned: {'; '.join(told)}.")
    newest = state.store().attempts.frame(run.id, newest=SHOWN)
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
    st.caption(f"{'Newest ' + f'{SHOWN:,} of ' if total['requests'] > SHOWN else ''}{figures.count(total['requests'], 'request')}.")
