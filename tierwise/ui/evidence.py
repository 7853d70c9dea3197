"""The numbers a policy was chosen on."""

import pandas as pd
import streamlit as st

from tierwise.errors import NotFound, NotReady
from tierwise.types import Policy
from tierwise.ui import figures, parts, readings, state
from tierwise.ui.parts import Figure


def evidence(policy: Policy, people: str = "") -> None:
    """The numbers the policy was chosen on and who says so, as they stand in its document; `people` is what they said of its answers."""
    from tierwise.report.facts import facts

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
    shares, price = expected.get("share_by_tier", {}), st.column_config.NumberColumn(format="$%.3g")
    frame = pd.DataFrame(
        [
            {
                "tier": t["name"],
                "share of requests": shares.get(t["name"]),
                "model": t["model"]["litellm_model"],
                "$ in, 1M": t.get("price", {}).get("input_per_1m"),
                "$ out, 1M": t.get("price", {}).get("output_per_1m"),
            }
            for t in document["tiers"]
        ]
    )
    st.dataframe(
        frame.dropna(axis=1, how="all"),
        hide_index=True,
        placeholder="",
        alt="Tiers of the policy, cheapest first, with their share of requests, model and prices",
        column_config={
            "share of requests": st.column_config.ProgressColumn("share", format="percent", min_value=0, max_value=1, width="small"),
            "$ in, 1M": price,
            "$ out, 1M": price,
        },
    )
    for name, said in [*facts(document), *([("Checked by people", people)] if people else [])]:
        with st.container(horizontal=True, wrap=False, vertical_alignment="top", gap="small"):
            st.caption(name, width=120)
            st.text(said, width="stretch")


def checked_by_people(policy: Policy) -> str:
    """How far people looked at the answers of the run that the policy was tuned on; empty where that is not here."""
    from tierwise.report.sections import people
    from tierwise.report.subject import Subject

    try:
        human = readings.human(state.store().runs.get(policy.run_id))
    except (NotFound, NotReady):
        return ""
    return people(Subject(policy.name, bool(policy.document.get("simulated")), human=human))
