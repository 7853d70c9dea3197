"""The Tune screen's working part: numbers, chart, thresholds. A fragment, so that moving a slider reruns nothing else."""

from collections.abc import Sequence

import streamlit as st

from tierwise.types import OperatingPoint, Run
from tierwise.ui import (
    allowed,
    figures,
    findings,
    headline,
    limits,
    mixes,
    nextsteps,
    parts,
    question,
    readings,
    sharing,
    solver,
    state,
    tunepoints,
    ways,
)
from tierwise.ui.answers import answers_table
from tierwise.ui.frame import EXPORT
from tierwise.ui.tunepoints import Drawn

FLIPS = 200


@st.fragment
def bench(run: Run) -> None:
    """Everything on Tune below its title."""
    with parts.guard():
        matrix = readings.matrix(run)
        numbers = st.container()
        left, right = st.columns([3, 1], gap="medium")
        with right:
            main, more = st.container(border=True, gap="small"), st.container(border=True, gap="small")
        kinds, tiers = sorted({s.request_type for s in matrix.samples if s.request_type}), _ladder(run)
        with more:
            profile = mixes.choose()
            volume = st.number_input("Requests a month", min_value=0, value=1_000_000, step=50_000, key="volume", bind="query-params")
            name = st.text_input("Name of the policy", f"{run.name[:60]} policy", key=f"policy_name_{run.id}", max_chars=80)
        with main:
            solver.show_aim(matrix)
            options, whole = ways.show(run, tiers, kinds), ways.whole(run, matrix)
            limits.show(kinds, tiers or tuple(t.name for t in run.tiers))
            asked = question.of(
                run, aim=limits.limited(solver.aim(matrix)), router=ways.router(), options=options,
                terms=limits.terms(tiers or tuple(t.name for t in run.tiers)), traffic=profile, tiers=tiers, mode=limits.mode(),
                delta=limits.delta(), whole=whole,
            )  # fmt: skip
            tuning, drawn = readings.tuning(asked), tunepoints.drawn(asked)
            step = solver.grain(tuning.scores)
            recommended = solver.snap(tuning.chosen.thresholds, step)
            solver.settle(run, recommended, tuple(asked), drawn.thresholds)
            here = solver.show_thresholds(tuning, step, len(recommended))
            st.button(
                "Back to recommended",
                icon=":material/undo:",
                key="reset",
                disabled=here == recommended,
                width="stretch",
                on_click=solver.move,
                args=(recommended,),
            )
            certified = solver.snap(tuning.certificate.thresholds, step) if tuning.certificate.thresholds else None
            if certified:
                st.button(
                    "Use the certified point",
                    icon=":material/verified:",
                    key="certified",
                    disabled=here == certified,
                    width="stretch",
                    on_click=solver.move,
                    args=(certified,),
                    help="The promise was made for these thresholds; the recommended ones were chosen by what was observed.",
                )
            exact = tuning.certificate.thresholds if here == certified else here
            save(tuning, name.strip() or run.name, None if here == recommended else exact)
        point, best = tuning.point(here), tuning.point(recommended)
        with numbers:
            headline.show(tuning, drawn.base, here, recommended, int(volume))
        with left:
            chart(drawn, point, best)
            with st.container(horizontal=True, vertical_alignment="center", gap="small"):
                speed(tuning, here)
                sharing.chart(run, matrix, tuning)
            findings.show(tuning)
            mixes.month(asked, tuning, int(volume))
            nextsteps.show(run, asked, tuning, here)
        by_request_type(tuning, here)
        changes(run, tuning, here, recommended)


def _ladder(run: Run) -> tuple[str, ...]:
    """The tiers chosen among the run's; empty for all of them."""
    chosen = tuple(t for t in st.session_state.get("ladder") or () if t in {tier.name for tier in run.tiers})
    return chosen if len(chosen) > 1 else ()


def chart(drawn: Drawn, point: OperatingPoint, best: OperatingPoint) -> None:
    """The frontier; a click on a step moves the thresholds there."""
    from tierwise.ui import charts

    figure = charts.frontier_chart(
        drawn.steps,
        drawn.tiers,
        drawn.mix,
        tunepoints.spot(point),
        tunepoints.spot(best),
        drawn.oracle,
        drawn.cloud,
        drawn.band,
        drawn.target,
        certified=drawn.certified,
        others=drawn.others,
    )
    st.altair_chart(
        figure,
        key=solver.CHART,
        on_select=solver.follow_click,
        selection_mode="pick",
        alt="Quality against cost. At the thresholds chosen: "
        f"{figures.percent(point.quality, 1)} quality for {figures.dollars(point.cost_per_1k_usd)} per 1,000 requests.",
    )


def speed(tuning, here: Sequence[float]) -> None:
    """How long a request takes, every call of it counted; silent where that was not recorded."""
    (median, slow), (top, slowest) = tuning.latency(here), tuning.top_latency
    if median == median:
        chain = ", every call of the chain counted" if getattr(tuning, "cascade", None) else ""
        st.caption(
            f"A request takes {figures.seconds(median)}, one in twenty more than {figures.seconds(slow)}{chain}; "
            f"always the top tier: {figures.seconds(top)} and {figures.seconds(slowest)}. n = {tuning.n:,}."
        )


def save(tuning, name: str, thresholds: tuple[float, ...] | None) -> None:
    """Keep the present point as a policy, and go where it can be taken away. None keeps the recommended one with its evidence."""
    if st.button("Save policy", type="primary", icon=":material/save:", key="save", width="stretch", **allowed.to("tune")):
        from tierwise.policy import make_policy

        policy = state.store().policies.add(make_policy(tuning, name, thresholds))
        st.switch_page(EXPORT, query_params={"policy": policy.id})


def by_request_type(tuning, here: Sequence[float]) -> None:
    frame = tunepoints.by_request_type(tuning, here)
    number, text = st.column_config.NumberColumn, "Mean grade minus the top tier's, in points, paired by prompt"
    columns = {tier: number(format="%.0f %%", help="Share of these prompts") for tier in tuning.actions.tiers} | {
        "quality": st.column_config.ProgressColumn(min_value=0, max_value=100, format="%.0f %%"),
        "against top tier": number(format="%+.1f pts", help=text),
        "cost per 1,000": number(format="$%.3g"),
        "saving": number(format="%.0f %%"),
    }
    st.markdown("**By request type**")
    st.dataframe(frame, hide_index=True, placeholder="", alt="What the thresholds do to each kind of request", column_config=columns)


def changes(run: Run, tuning, here: tuple[float, ...], recommended: tuple[float, ...]) -> None:
    """The prompts whose tier differs from another way to choose, worst first, with the answers behind a button."""
    ways = {"Always the top tier": (0.0,) * len(here)} | ({"The recommended point": recommended} if here != recommended else {})
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        st.markdown("**Prompts that change tier**", width="content")
        way = st.segmented_control(
            "Compared with",
            list(ways),
            default=list(ways)[-1],
            required=True,
            key=f"against_{len(ways)}",
            label_visibility="collapsed",
            bind="query-params",
        )
    frame = tunepoints.flips(tuning, ways[way], here)
    if not len(frame):
        st.caption("No prompt changes tier.")
        return
    worse, better = int((frame["change"] < 0).sum()), int((frame["change"] > 0).sum())
    columns = {"change": st.column_config.NumberColumn("change in grade", format="%+.2f")}
    ways_now = {"now": here, "recommended": recommended}
    answers_table(
        run,
        frame.head(FLIPS),
        "flips",
        columns,
        "Prompts that change tier, worst first",
        lambda i: tunepoints.chosen_tiers(tuning, i, ways_now),
    )
    more = f"; worst {FLIPS} shown" if len(frame) > FLIPS else ""
    st.caption(
        f"{len(frame):,} of {tuning.n:,} prompts go to another tier than with {way.lower()}: "
        f"{worse:,} get a worse answer, {better:,} a better one{more}."
    )
