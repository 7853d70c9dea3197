"""What the evidence says of a solved run, in words: held-out figures, the certificate, whose opinion it is, warnings, what was learned."""

import pandas as pd
import streamlit as st

from tierwise.tuning.cascade import PREFIX
from tierwise.tuning.tune import CASCADE_PAYS
from tierwise.ui import figures, opinions, parts

VERDICTS = {
    "routable": ("Routing pays here", ":material/check_circle:", "green"),
    "not routable": ("Routing does not pay here", ":material/block:", "orange"),
    "too few prompts": ("Too few prompts to tell", ":material/hourglass_empty:", "orange"),
}
HOW = {
    "standard": "Each prompt was judged by a router that had not seen it",
    "anytime": "Each prompt was judged by a router that had not seen it",
    "strict": "Router and thresholds were chosen on the other half of the prompts",
}


def show(tuning) -> None:
    """The box below the chart."""
    held, promise = tuning.heldout, tuning.certificate
    word, icon, color = VERDICTS.get(tuning.verdict, (str(tuning.verdict), ":material/info:", "gray"))
    with st.container(border=True, gap="small"):
        with st.container(horizontal=True, vertical_alignment="center", gap="small"):
            st.badge(word, icon=icon, color=color)
            certified = promise.status == "certified"
            st.badge(
                "Certified" if certified else "Not certified",
                icon=":material/verified:" if certified else ":material/info:",
                color="green" if certified else "gray",
            )
            if tuning.terms.pins:
                st.badge(f"{figures.count(len(tuning.terms.pins), 'request type')} pinned", icon=":material/push_pin:", color="blue")
        st.markdown(
            figures.md(
                f"**Held-out:** the recommended point saves {figures.percent(held.saving)} {figures.interval(*held.saving_ci95)} and loses "
                f"{held.loss * 100:.1f} points {figures.interval(*held.loss_ci95, 1)}. "
                f"{HOW[tuning.mode]}; n = {tuning.n:,}{_units(tuning)}, 95 % intervals."
            )
        )
        eps, sure = f"{promise.epsilon * 100:g} points", f"{1 - promise.delta:.0%}"
        if certified:
            says = f"**Certificate:** with {sure} confidence the certified point loses at most {eps}, while saving {figures.percent(promise.saving)}."
        elif promise.prompts_needed:
            says = f"**Certificate:** none yet for {eps} at {sure} confidence; about {promise.prompts_needed:,} prompts would settle it."
        else:
            says = f"**Certificate:** none for {eps} at {sure} confidence."
        st.markdown(figures.md(says))
        st.markdown(figures.md(opinions.of_loss(tuning)))
        parts.notes([w for w in tuning.warnings if not w.startswith(CASCADE_PAYS)], icon=":material/warning:")
        if len(tuning.candidates) > 1:
            with st.expander(f"Every way measured here ({len(tuning.candidates)})", icon=":material/leaderboard:"):
                _measured(tuning)
        learned = tuning.explain()
        if learned:
            what = "What the cascade does" if tuning.router.partition(":")[0] == PREFIX else "What the router has learned"
            with st.expander(f"{what} ({figures.count(len(learned), 'line')})", icon=":material/psychology:"):
                parts.plain("\n".join(learned))


def _units(tuning) -> str:
    """How many prompts are one unit of evidence; silent where each is its own."""
    units = tuning.certificate.units
    return "" if units == tuning.n else f" in {units:,} groups (near-duplicates and clusters count once and stay in one fold)"


def _measured(tuning) -> None:
    frame = pd.DataFrame(
        {
            "way": [c.router for c in tuning.candidates],
            "taken": [c.router == tuning.router for c in tuning.candidates],
            "saving": [c.saving * 100 for c in tuning.candidates],
            "against top tier": [-c.loss * 100 for c in tuning.candidates],
            "cost per 1,000": [c.cost_per_1k_usd for c in tuning.candidates],
        }
    ).sort_values("saving", ascending=False)
    number = st.column_config.NumberColumn
    st.dataframe(
        frame,
        hide_index=True,
        placeholder="",
        alt="Held-out saving and loss of every router and cascade",
        column_config={
            "saving": number(format="%.0f %%"),
            "against top tier": number(format="%+.1f pts"),
            "cost per 1,000": number(format="$%.3g"),
        },
    )
    st.caption(
        f"Held-out, n = {tuning.n:,}: thresholds for the aim chosen on the other folds. The usual router stays unless another is clearly worth "
        "more, since small differences are chance."
    )
