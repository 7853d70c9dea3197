"""A traffic profile on the screen: its numbers, its mix beside a prompt set's, what is paid, and a month under a policy."""

import numpy as np
import pandas as pd
import streamlit as st

from tierwise.errors import TierwiseError
from tierwise.statistics.intervals import mean_interval
from tierwise.traffic import Projection, TrafficProfile, difference, project, reweight, seed_case
from tierwise.tuning.aims import Aim
from tierwise.tuning.heldout import WIDER_SAVING
from tierwise.types import OutcomeMatrix, Policy, Run
from tierwise.ui import figures, parts, question, readings, sharing, state
from tierwise.ui.parts import Figure
from tierwise.ui.trafficform import KIND_COLUMNS, cells

MONTHLY = {"$ per 1,000": st.column_config.NumberColumn(format="$%.3g"), "$ a month": st.column_config.NumberColumn(format="dollar")}


def headline(profile: TrafficProfile) -> None:
    """Requests and dollars a month, the long tail, and how long people wait."""
    total, tail = profile.total, profile.tail
    span = f"{profile.first:%d %b} to {profile.last:%d %b %Y}" if profile.first and profile.last else "as typed in"
    row = [
        Figure(
            "Requests a month",
            f"{profile.per_month:,.0f}" if profile.per_month is not None else "not known",
            f"{profile.requests:,} in the log, {span}" if profile.monthly is None else span,
            help="At the log's pace, for a month of 30.4 days. Failed calls are not in it.",
        )
    ]
    if profile.cost_per_month is not None:
        sure = f"{profile.priced_by_us:,} calls priced by us" if profile.priced_by_us else "as the log says"
        row.append(Figure("Paid a month", figures.md(figures.dollars(profile.cost_per_month)), sure, help="At the log's pace."))
    if tail:
        row.append(
            Figure(
                f"Dearest {tail.requests:.0%} of requests",
                figures.percent(tail.cost),
                figures.md(f"of the dollars; each {figures.dollars(tail.from_usd)} or more"),
                help="The long tail: a few long requests can be most of the bill. Routing them well matters most.",
            )
        )
    if total.latency_p50_s is not None:
        slow = figures.seconds(total.latency_p95_s or 0.0)
        row.append(Figure("Latency", figures.seconds(total.latency_p50_s), f"p95 {slow}", help="Median, and what one in twenty exceeds."))
    parts.figures(row)


def mix(profile: TrafficProfile) -> None:
    """The mix beside a prompt set's, and in words how far they are apart."""
    sets = [s for s in state.evalsets() if s.size]
    left, right = st.columns([3, 2], gap="medium", vertical_alignment="bottom")
    left.markdown("**What is asked**")
    chosen = None
    if sets:
        with right:
            chosen = state.choose_evalset(sets)
    apart = difference(profile, readings.evalset(chosen.id) if chosen else ())
    if profile.mix:
        from tierwise.ui import traffic_charts

        figure = traffic_charts.mix_chart(apart.types, chosen is not None)
        st.altair_chart(figure, key="traffic_mix", alt="Share of each request type in the traffic and in the prompt set")
        sharing.traffic_mix(profile, apart.types, chosen is not None)
    if not chosen:
        return
    parts.notes(apart.words, icon=":material/warning:")
    if not apart.words:
        st.caption(f"The prompt set looks like the traffic: {apart.distance:.0%} of it would have to be of another type.")
    elif profile.mix and apart.effective:
        st.caption(f"{apart.distance:.0%} apart (total variation). Weighted, {apart.n:,} prompts say as much as {apart.effective:,.0f}.")


def paid(profile: TrafficProfile) -> None:
    """What is paid now by kind of request and model, and where the tail is."""
    frame = cells(profile)
    if not len(frame):
        return
    st.markdown("**What is paid now, by kind of request and model**")
    st.dataframe(
        frame,
        hide_index=True,
        placeholder="",
        height=353 if len(frame) > 9 else "auto",
        alt="What is paid now by kind of request and model",
        column_config=KIND_COLUMNS,
    )
    if profile.tail and len(profile.tail.types) > 1:
        kind, share = next(iter(profile.tail.types.items()))
        parts.notes([f"Most of the long tail is {kind}: {share:.0%} of its dollars."], icon=":material/bar_chart:")
    facts = [(profile.failed, "failed"), (profile.cancelled, "cancelled"), (profile.cache_hits, "answered by a cache"),
             (profile.unpriced, "of unknown cost")]  # fmt: skip
    told = [f"{n:,} {what}" for n, what in facts if n]
    repeats = sum(u.share * profile.repeats.get(u.request_type or "", 0.0) for u in profile.types())
    if repeats:
        told.append(f"{repeats:.0%} repeat an earlier request word for word")
    if told:
        st.caption(", ".join(told).capitalize() + ".")
    parts.notes(profile.notices)


def month(profile: TrafficProfile) -> None:
    """What a saved policy would save in a month of this traffic."""
    policies = [p for p in state.store().policies.list() if p.run_id in {r.id for r in state.graded_runs()}]
    with st.container(border=True, gap="small"):
        st.markdown("**A month of it under a policy**")
        if not policies:
            st.caption("Tune a run and save the policy: what it saves in a month of this traffic is then shown here, with an interval.")
            return
        with st.container(horizontal=True, vertical_alignment="bottom"):
            policy = _choose(policies)
            volume = st.number_input(
                "Requests a month",
                min_value=0,
                value=_whole(profile.per_month),
                step=1000,
                key=f"month_volume_{profile.id}",
                width=180,
                bind="query-params",
            )
            own = st.number_input(
                "Router's $ per 1,000",
                0.0,
                value=0.0,
                step=0.05,
                key="month_overhead",
                width=180,
                bind="query-params",
                help="0 for rules and small models",
            )
            cache = bool(profile.repeats) and st.toggle(
                "Exact cache first", key="month_cache", bind="query-params", help="Answers word-for-word repeats"
            )
        if policy.document.get("simulated"):
            parts.simulated_badge()
        if volume is None:
            st.caption("The log has no times. Say how many requests a month it stands for.")
            return
        with parts.guard():
            run = next(r for r in state.graded_runs() if r.id == policy.run_id)
            matrix, choice, paid, how = _decided(policy, run)
            wider = WIDER_SAVING if paid.dtype.kind == "f" else 1.0
            found = project(matrix, paid, profile, float(volume), own / 1000, cache, wider=wider)
        _shown(found, _quality(matrix, choice, profile), cache, how)


def _quality(matrix: OutcomeMatrix, choice: np.ndarray, profile: TrafficProfile) -> Figure:
    """What it does to quality in the traffic's mix."""
    weights = reweight(matrix, profile.mix).weights if profile.mix else matrix.weights
    rows = np.flatnonzero(weights > 0)
    lost = matrix.quality[rows, -1] - matrix.quality[rows, choice[rows]]
    w = weights[rows]
    low, high = mean_interval(lost, w, matrix.clusters[rows], low=-1.0)
    below = f"{figures.interval(-high, -low, 1)}, n = {len(rows):,}"
    told = "Mean grade against the top tier, paired by prompt and weighted by the traffic's mix, with its 95 % interval."
    return Figure("Quality", figures.points(-float(w @ lost / w.sum())), below, help=told)


def _shown(found: Projection, quality: Figure, cache: bool, how: str) -> None:
    low, high = (figures.dollars(x) for x in found.saved_ci95)
    row = [
        Figure("Saved a month", figures.md(figures.dollars(found.saved)), figures.md(f"[{low}, {high}]"),
               "green" if found.saved > 0 else "gray", help="Against sending every request to the top tier, with its 95 % interval."),
        quality,
        Figure("Then paid", figures.md(figures.dollars(found.cost)),
               figures.md(f"{figures.percent(-found.saving)} against {figures.dollars(found.frontier_cost)}"),
               help=f"For {found.requests:,.0f} requests a month, against always using the top tier."),
    ]  # fmt: skip
    if found.now is not None:
        row.append(Figure("Paid now", figures.md(figures.dollars(found.now)), "as in the log", help="With the models the log names."))
    parts.figures(row)
    if cache:
        rest = found.frontier_cost - found.cache_saved
        share = found.routing_saved / rest if rest > 0 else 0.0
        st.caption(
            figures.md(
                f"The cache saves {figures.dollars(found.cache_saved)} first; routing then saves {figures.dollars(found.routing_saved)}, "
                f"{figures.percent(share)} of the {figures.dollars(rest)} that are left. The two percentages do not add up."
            )
        )
    shown = pd.DataFrame(
        {
            "request type": found.by_type["request_type"],
            "share": found.by_type["share"] * 100,
            "prompts": found.by_type["n"],
            "top tier, $ per 1,000": found.by_type["frontier_per_1k"],
            "policy, $ per 1,000": found.by_type["routed_per_1k"],
            "saved a month": found.by_type["saved"],
        }
    )
    per_1k = st.column_config.NumberColumn(format="$%.3g")
    st.dataframe(
        shown,
        hide_index=True,
        placeholder="",
        alt="Saving by request type",
        column_config={
            "share": st.column_config.ProgressColumn(format="%.0f %%", min_value=0, max_value=100),
            "top tier, $ per 1,000": per_1k,
            "policy, $ per 1,000": per_1k,
            "saved a month": st.column_config.NumberColumn(format="dollar"),
        },
    )
    parts.notes(found.notes, icon=":material/warning:")
    st.caption(f"{how} Interval: {found.method}.")


def story() -> None:
    """The seed case, worked out."""
    with st.expander("A worked example: 60 / 25 / 15, from $18,000 to $4,800 a month".replace("$", "\\$"), icon=":material/calculate:"):
        case = seed_case()
        st.caption(case.sentence)
        left, right = st.columns(2, gap="medium")
        with left:
            percent, number = st.column_config.NumberColumn(format="%.0f %%"), st.column_config.NumberColumn(format="localized")
            tiers = case.tiers.assign(share=case.tiers["share"] * 100).rename(columns={"per_1k": "$ per 1,000", "cost": "$ a month"})
            columns = {**MONTHLY, "share": percent, "requests": number}
            st.dataframe(tiers, hide_index=True, alt="The story's arithmetic", column_config=columns)
            st.markdown(figures.md(f"{figures.dollars(case.before)} before, {figures.dollars(case.after)} after: {case.saving:.0%} saved."))
            st.markdown("\n".join(f"- {line}" for line in ("**It takes for granted:**", *case.assumptions)).removeprefix("- "))
        with right:
            changed = case.what_if.assign(saving=case.what_if["saving"] * 100)
            changed = changed.rename(columns={"change": "with one assumption less", "after": "$ a month"})
            st.dataframe(
                changed,
                hide_index=True,
                alt="The same sum with one assumption less",
                column_config={**MONTHLY, "saving": percent, "with one assumption less": st.column_config.TextColumn(width="large")},
            )


def _choose(policies: list[Policy]) -> Policy:
    chosen = state.choose_by_id("Policy", {p.id: f"{p.name} · {p.version}" for p in policies}, "policy", width=300)
    return next(p for p in policies if p.id == chosen)


def _decided(policy: Policy, run: Run) -> tuple[OutcomeMatrix, np.ndarray, np.ndarray, str]:
    """Prompts, the tier of each, and how it was decided: held-out where the policy stands as it was tuned."""
    source = policy.document.get("provenance", {})
    aim, router = source.get("aim", {}), source.get("router", {}).get("name")
    tuned = policy.document.get("expected", {}).get("saving", {}).get("ci95") is not None
    plain = not policy.document["rules"] and not {"traffic", "overhead"} & set(source)
    if tuned and plain and len(aim) == 1 and "min_quality_by_type" not in aim and router:
        try:
            tuning = readings.tuning(question.of(run, router=router, aim=Aim(**aim)))
        except TierwiseError:
            tuning = None  # grades have changed since, or the router's options are not in the policy: replay it instead
        if tuning is not None and set(tuning.tiers) == {t["name"] for t in policy.document["tiers"]}:
            return (
                tuning.matrix,
                tuning.heldout.served,
                tuning.heldout.paid,
                f"Read off held-out prompts of the run it was tuned on, n = {tuning.n:,}.",
            )
    from tierwise.policy import evaluate

    matrix = readings.matrix(run)
    matrix = matrix.take(matrix.complete)
    names = list(matrix.tiers)
    choice = np.array([names.index(d["tier"]) for d in evaluate(policy, matrix).decisions])
    return (
        matrix,
        choice,
        choice,
        f"The policy was replayed on the prompts it was chosen on, n = {len(matrix):,}: it may look a little too good.",
    )


def _whole(number: float | None) -> int | None:
    return None if number is None else round(number)
