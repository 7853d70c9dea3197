"""What a policy does, shown: one prompt decided, an outage walked through, a running gateway asked."""

import pandas as pd
import streamlit as st

from tierwise.errors import NotFound
from tierwise.types import Policy, Sample
from tierwise.ui import allowed, figures, packing, parts, readings, state

VIEWS = ("Try a prompt", "If a provider fails", "Check a gateway")
SHOWN, MOST = 200, 100_000


def proof(policy: Policy) -> None:
    """The three, one at a time."""
    st.markdown("**See it decide**")
    view = st.segmented_control(
        "Proof", VIEWS, default=VIEWS[0], required=True, key="proof", label_visibility="collapsed", bind="query-params"
    )
    samples = packing.samples(policy)
    with st.container(border=True), parts.guard(stop=False):
        {VIEWS[0]: _try, VIEWS[1]: _drill, VIEWS[2]: _check}[view](policy, samples)


def _try(policy: Policy, samples: tuple[Sample, ...]) -> None:
    from tierwise import evaluator
    from tierwise.features import FEATURES
    from tierwise.policy import route

    kinds = sorted({s.request_type for s in samples if s.request_type})
    by_id, key = {s.id: s for s in samples[:SHOWN]}, f"try_{policy.id}"
    if by_id:
        st.session_state.setdefault(key, _said(samples[0]))

    def pick() -> None:
        st.session_state[key] = _said(by_id[st.session_state[f"pick_{policy.id}"]])

    left, right = st.columns([2, 1], gap="medium")
    with left:
        st.selectbox(
            "Pick a prompt, or write one",
            list(by_id),
            format_func=lambda i: f"{i}: {_said(by_id[i])[:80]}",
            key=f"pick_{policy.id}",
            on_change=pick,
        )
        text = st.text_area("Prompt", key=key, height=140, max_chars=MOST)
    with right:
        kind = st.selectbox("Request type", ["", *kinds], key="try_type", format_func=lambda k: k or "none given")
    metadata = {"request_type": kind} if kind else {}
    decision = route(policy, {"prompt": text, "metadata": metadata})
    with left:
        with st.container(horizontal=True, vertical_alignment="center", gap="small"):
            st.caption("Goes to", width="content")
            parts.plain(decision.tier)
            if decision.score is not None:
                st.badge(f"score {decision.score:.3f}", color="blue")
        parts.plain(f"{decision.model} · {decision.why}")
        ends = [f"{t['tier']} below {t['lt']:.3g}" if "lt" in t else f"else {t['tier']}" for t in policy.document["thresholds"]]
        parts.plain(f"Thresholds: {', '.join(ends)}")
    with right:
        read = evaluator.features([{"role": "user", "content": text}], metadata)
        rows = [(FEATURES[n].title, FEATURES[n].shown(v)) for n, v in read.items() if v and n in FEATURES]
        st.dataframe(
            pd.DataFrame(rows, columns=["what is read", "value"]), hide_index=True, placeholder="", height=220, alt="Features of the prompt"
        )


def _said(sample: Sample) -> str:
    """What its last message says, as far as the field for it holds."""
    return sample.chat()[-1]["content"][:MOST]


def _drill(policy: Policy, samples: tuple[Sample, ...]) -> None:
    from tierwise.policy.drill import drill, providers

    down = st.selectbox("Provider that is down", providers(policy), key=f"down_{policy.id}")
    try:
        matrix = readings.matrix(state.store().runs.get(policy.run_id))
    except NotFound:
        matrix = None
    found = drill(policy, samples, down, matrix)
    row = [
        parts.Figure(
            "Still answered",
            figures.percent((found.n - found.lost) / found.n if found.n else 1.0),
            f"of {figures.count(found.n, 'prompt')}",
        ),
        parts.Figure("By a fallback", f"{found.rerouted:,}", "the rest as always"),
        parts.Figure("Lost", f"{found.lost:,}", f"{found.pinned_lost:,} by a pin", "red" if found.lost else "gray"),
    ]
    if found.quality is not None:
        row.append(
            parts.Figure(
                "Quality meanwhile", figures.percent(found.quality, 1), figures.md(f"{figures.dollars(found.cost_per_1k_usd)} per 1,000")
            )
        )
    parts.figures(row)
    served = pd.DataFrame({"answered by": list(found.served), "prompts": list(found.served.values())})
    st.dataframe(served, hide_index=True, placeholder="", alt="Who answers while the provider is down")
    st.caption("On paper: nothing is called. Each prompt's chain of fallbacks is walked as the exported files state it.")


def _check(policy: Policy, samples: tuple[Sample, ...]) -> None:
    from tierwise.access.services import check_gateway
    from tierwise.policy.gateway_check import MOST as most_asked

    with st.form("check_gateway", border=False), st.container(horizontal=True, vertical_alignment="bottom"):
        url = st.text_input("Gateway", "http://127.0.0.1:4000/v1", key="gateway_url", max_chars=300, width=320)
        model = st.text_input("Model name it routes under", "auto", key="gateway_model", max_chars=120, width=200)
        key_env = st.text_input(
            "Its key is in",
            "",
            key="gateway_key",
            max_chars=80,
            width=200,
            help="NAME of the environment variable.",
            placeholder="no key",
        )
        most = st.number_input(
            "Prompts", 1, min(most_asked, max(len(samples), 1)), min(50, max(len(samples), 1)), key="gateway_n", width=120
        )
        asked = st.form_submit_button("Ask it", icon=":material/network_check:", **allowed.to("run"))
    st.caption(
        "Each prompt is one real call with an answer of one token, paid through the gateway: it is not on Tierwise's ledger and under no cap "
        "of it. Start the gateway with the exported files first."
    )
    if not asked:
        return
    step = max(1, len(samples) // int(most))
    bar = st.progress(0.0)
    done = check_gateway(
        state.store(),
        policy,
        samples[::step][: int(most)],
        url.strip(),
        model.strip(),
        key_env.strip() or None,
        lambda i, n: bar.progress(i / n),
    )
    bar.empty()
    st.badge(
        f"{done.agree:,} of {done.told:,} prompts go where the policy says",
        icon=":material/check:" if done.agree == done.told == len(done.asked) else ":material/warning:",
        color="green" if done.agree == done.told == len(done.asked) else "orange",
    )
    if done.told < len(done.asked):
        parts.notes([f"{len(done.asked) - done.told} answers do not tell which tier served."], icon=":material/warning:")
    other = [a for a in done.asked if a.got != a.wanted][:SHOWN]
    if other:
        frame = pd.DataFrame(
            [
                {"prompt": a.sample_id, "policy": a.wanted, "gateway": a.got or a.served or "not told", "what was said": a.error}
                for a in other
            ]
        )
        st.dataframe(frame, hide_index=True, placeholder="", alt="Prompts that went elsewhere")
