"""The numbers a policy was chosen on."""

import pandas as pd
import streamlit as st

from tierwise.types import Policy
from tierwise.ui import figures, parts
from tierwise.ui.parts import Figure


def evidence(policy: Policy) -> None:
    """The numbers the policy was chosen on, as they stand in its document."""
    document = policy.document
    expected, promise = document.get("expected", {}), document.get("certificate")

    def said(name: str, form, span) -> tuple[str, str]:
        estimate = expected.get(name)
        if not estimate:
            return "not known", ""
        return form(estimate["value"]), span(*estimate["ci95"]) if estimate.get("ci95") else ""

    loss, loss_span = said("loss", lambda v: figures.points(-v), lambda low, high: figures.interval(-high, -low, 1))
    saving, saving_span = said("saving", lambda v: figures.percent(-v), lambda low, high: figures.interval(-high, -low))
    cost, _ = said("cost_per_1k_usd", figures.dollars, lambda *_: "")
    row = [
        Figure("Quality", loss, loss_span, help="Paired by prompt, with its 95 % interval; read off held-out prompts."),
        Figure("Cost", saving, saving_span, "green"),
        Figure("Cost per 1,000 requests", cost, f"n = {expected.get('n', 0):,} prompts"),
        Figure(
            "Guarantee",
            "Certified" if promise and promise["status"] == "certified" else "None",
            f"loss ≤ {promise['epsilon'] * 100:g} pts, {1 - promise['delta']:.0%} sure" if promise else "not asked for",
        ),
    ]
    parts.figures(row, columns=2)
    shares = expected.get("share_by_tier", {})
    if shares:
        frame = pd.DataFrame({"tier": list(shares), "share of requests": list(shares.values())})
        st.dataframe(
            frame,
            hide_index=True,
            placeholder="",
            alt="Share of requests by tier",
            column_config={"share of requests": st.column_config.ProgressColumn(format="percent", min_value=0, max_value=1)},
        )
