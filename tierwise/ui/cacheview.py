"""What a cache would do to a run's prompts: hits, false hits, dollars, and the threshold that keeps a promise."""

import math

import pandas as pd
import streamlit as st

from tierwise.types import Run
from tierwise.ui import allowed, figures, parts, state
from tierwise.ui.frame import EXPORT
from tierwise.ui.parts import Figure

COLUMNS = {
    "threshold": "similarity at least",
    "hits": "hits",
    "exact": "same text",
    "false": "false hits seen",
    "upper": "false rate at most",
    "saved": "saved",
}


@st.cache_resource(max_entries=8, show_spinner="Replaying the prompts against a cache")
def _replay(project: str, run_id: str, version: tuple[int, int], tier: str):
    from tierwise.caching import replay

    return replay(state.store(), run_id, tier)


def caching(run: Run) -> None:
    """The replay of one tier's answers, with a threshold suggested for the false-hit rate that is tolerated."""
    left, right = st.columns([1, 1], gap="medium")
    with left:
        tier = st.selectbox(
            "Answers of", [t.name for t in run.tiers], index=len(run.tiers) - 1, key=f"cache_tier_{run.id}", bind="query-params"
        )
    with right:
        tolerated = st.number_input(
            "False hits tolerated, %",
            0.1,
            50.0,
            3.0,
            0.5,
            key="cache_tolerated",
            bind="query-params",
            help="A hit is false when the kept answer scores worse than the model's own would.",
        )
    with parts.guard():
        found = _replay(state.project_id(), run.id, state.store().runs.version(run.id), tier)
    best, exact = found.best(tolerated / 100), found.rows[0]
    row = [
        Figure("Exact cache", figures.percent(exact.hits / found.n, 1), f"{exact.hits:,} of {figures.count(found.n, 'prompt')}"),
        Figure(
            "Similar prompts",
            figures.percent(best.hits / found.n, 1) if best else "none",
            f"similarity {best.threshold:g}" if best else "no threshold is shown safe",
        ),
        Figure(
            "Saved on this tier",
            figures.percent(best.saved_usd / found.cost_usd, 1) if best and found.cost_usd else "0 %",
            figures.md(f"{figures.dollars(best.saved_usd)} of {figures.dollars(found.cost_usd)}") if best else "",
            "green" if best else "gray",
        ),
        Figure(
            "False hits",
            f"≤ {figures.percent(best.false_rate_upper95, 1)}" if best else "not shown",
            f"{best.false_hits} in {best.graded_hits} graded" if best else "",
        ),
    ]
    parts.figures(row)
    frame = pd.DataFrame(
        {
            COLUMNS["threshold"]: [r.threshold for r in found.rows],
            COLUMNS["hits"]: [r.hits / found.n for r in found.rows],
            COLUMNS["exact"]: [r.exact_hits / found.n for r in found.rows],
            COLUMNS["false"]: [f"{r.false_hits} of {r.graded_hits}" for r in found.rows],
            COLUMNS["upper"]: [r.false_rate_upper95 for r in found.rows],
            COLUMNS["saved"]: [r.saved_usd / found.cost_usd if found.cost_usd else math.nan for r in found.rows],
        }
    )
    share = st.column_config.NumberColumn(format="percent")
    st.dataframe(
        frame, hide_index=True, placeholder="", alt="Hits and false hits at each threshold",
        column_config={COLUMNS[c]: share for c in ("hits", "exact", "upper", "saved")},
    )  # fmt: skip
    _keep(best)
    st.caption(
        "Prompts arrive in the order of their set; words and letters tell how similar they are. The false rate is a 95 % limit. "
        "Prompt sets repeat themselves less than traffic does: draw one from your traffic for a figure to go by. "
        "A cache answers first; what routing saves is then saved on the misses, so the two percentages never add."
    )


def _keep(best) -> None:
    """Put the cache into a saved policy: the exact one goes into gateway files, the threshold stays with the policy."""
    policies = state.store().policies.list()
    if not policies:
        return
    names = {p.id: f"{p.name}, {p.version}" for p in policies}
    with st.container(horizontal=True, vertical_alignment="bottom"):
        chosen = st.selectbox("Policy", list(names), format_func=names.get, key="cache_policy", width=320)
        hours = st.number_input("Hours an answer is kept", 1, 8760, 1, key="cache_hours", width=180)
        if st.button("Add this cache to it", icon=":material/cached:", key="cache_keep", **allowed.to("tune")):
            from tierwise.policy import with_cache

            seconds = int(hours) * 3600
            semantic = best and {
                "similarity_threshold": best.threshold, "similarity": "words and letters by TF-IDF",
                "false_rate_upper95": best.false_rate_upper95, "ttl_seconds": seconds,
            }  # fmt: skip
            policy = next(p for p in policies if p.id == chosen)
            with parts.guard():
                kept = with_cache(policy, seconds, semantic)
                if kept.id not in names:
                    state.store().policies.add(kept)
            st.switch_page(EXPORT, query_params={"policy": kept.id})
