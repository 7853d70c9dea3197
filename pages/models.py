"""Where models are reached: a ready ladder for each provider and gateway, tried with one small call."""

import streamlit as st

from tierwise.errors import TierwiseError
from tierwise.ui import allowed, figures, ladder, parts, state
from tierwise.ui.frame import RUN, require_frame

require_frame()


def show_diagnosis(tier, told) -> None:
    """What a test call found, in words."""
    with st.container(border=True, gap="xsmall"):
        with st.container(horizontal=True, vertical_alignment="center", gap="small"):
            parts.plain(tier.name)
            st.badge(
                "Works" if told.ok else "Does not work",
                icon=":material/check:" if told.ok else ":material/error:",
                color="green" if told.ok else "red",
            )
            if told.cost_usd is not None:
                st.caption(figures.md(f"cost {figures.dollars(told.cost_usd)}"), width="content")
        parts.plain(told.says)
        if told.answer:
            parts.plain(f"It said: {told.answer[:200]}")


parts.header(
    "Models", "Choose where models are reached and try each with one small call. Keys stay in your environment; only their names are kept."
)
names = {k: v for k, v in ladder.titles().items() if k != ladder.SIMULATED}
left, right = st.columns([2, 1], gap="medium")
with right, st.container(border=True):
    preset = state.choose_by_id("Provider or gateway", names, "endpoint")
    if preset != ladder.OWN:
        from tierwise.endpoints.presets import ENDPOINTS

        entry = ENDPOINTS[preset]
        st.caption(entry.summary)
        for number, step in enumerate(entry.steps, 1):
            parts.plain(f"{number}. {step}")
    else:
        st.caption("Any model that LiteLLM calls: provider/name, or openai/name with the address of a compatible server.")
with left, st.container(border=True):
    st.markdown("**Tiers, cheapest first**")
    edited = ladder.edit(preset, "models")
    tiers: list = []
    try:
        tiers = ladder.tiers_of(edited)
    except TierwiseError as error:
        parts.complain(error)
    ladder.missing_keys(tiers)
    with st.container(horizontal=True):
        tried = st.button(
            "Test calls",
            icon=":material/network_check:",
            key="test",
            **allowed.to("run", "One request to each tier, of a few tokens. It is on the ledger.", not tiers),
        )
        if st.button("Use in a run", type="primary", icon=":material/play_circle:", key="use", disabled=not tiers):
            ladder.use(preset, edited)
            st.switch_page(RUN)
    if tried:
        from tierwise.endpoints.presets import test_call

        for tier in tiers:
            try:
                with st.spinner("Calling"):
                    told = test_call(state.store(), tier)
                show_diagnosis(tier, told)
            except TierwiseError as error:
                parts.complain(error)
