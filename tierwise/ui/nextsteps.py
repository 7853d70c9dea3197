"""What would make a solved run better: each step with its number, and a button that does it or leads there."""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import streamlit as st

from tierwise.grading.opinion import ENOUGH
from tierwise.tuning.aims import Aim
from tierwise.tuning.cascade import PREFIX
from tierwise.tuning.certificate import WORTH_HAVING
from tierwise.types import Run
from tierwise.ui import figures, limits, readings, tunepoints, ways
from tierwise.ui.frame import EVALSETS, GRADE
from tierwise.ui.question import Question

BETTER = 0.02
"""Shares of saving from which another way is worth a step."""
FEW_OF_TYPE = 8
DEAR = 1.3
"""A type is worth a pin when its part of the loss is so many times its part of the saving."""


class Step(NamedTuple):
    """`says` is plain text that may name tiers and request types; `does` is a callback, `page` where it leads."""

    key: str
    says: str
    button: str
    icon: str
    does: Callable[..., Any] | None = None
    args: tuple = ()
    page: str | None = None
    query: dict[str, str] | None = None


def show(run: Run, asked: Question, tuning, here: Sequence[float]) -> None:
    """The list, most worth first; nothing where there is nothing to say."""
    steps = [*_ways(run, asked, tuning), *_ladder(asked, tuning), *_pin(tuning, here), *_evidence(run, tuning)]
    with st.container(border=True, gap="small"):
        st.markdown("**What would make it better**")
        for step in steps:
            with st.container(horizontal=True, wrap=False, vertical_alignment="center", gap="small"):
                st.markdown(step.icon, width="content")
                st.text(step.says, width="stretch")
                if st.button(step.button, key=f"step_{step.key}", on_click=step.does, args=step.args) and step.page:
                    st.switch_page(step.page, query_params=step.query)
        _promises(asked)


def _ways(run: Run, asked: Question, tuning) -> list[Step]:
    """A cascade where a router is used, the router where a cascade is."""
    held = tuning.heldout
    if tuning.router.partition(":")[0] == PREFIX:
        router = tunepoints.router_beside(asked)
        if router is None or router.heldout.saving <= held.saving + BETTER or router.heldout.loss > held.loss + 0.005:
            return []
        gain = f"{figures.percent(router.heldout.saving)} against {figures.percent(held.saving)}, held-out"
        return [Step("router", f"The router alone saves {gain}.", "Use the router", ":material/route:", ways.use, ("auto",))]
    worth = {c.router: c for c in tuning.candidates}
    rivals = [c for name, c in worth.items() if name.partition(":")[0] == PREFIX]
    best, mine = max(rivals, key=lambda c: c.worth, default=None), worth[tuning.router]
    if best is None or best.worth <= mine.worth + BETTER:
        return []
    rule = next((c for c in readings.cascades(run, asked.tiers) if c.name == best.router), None)
    if rule is None:
        return []
    says = (
        f"A cascade saves {figures.percent(best.saving)} at {best.loss * 100:.1f} points of loss, the router {figures.percent(mine.saving)} "
        f"at {mine.loss * 100:.1f}, both as read off folds that chose nothing: {rule.rule}."
    )
    return [Step("cascade", says, "Use the cascade", ":material/stacks:", ways.use, (best.router,))]


def _ladder(asked: Question, tuning) -> list[Step]:
    """Fewer or other tiers: tried when asked for, since every ladder is a tuning of its own."""
    if asked.tiers:
        return [Step("all_tiers", f"Only {' < '.join(asked.tiers)} are used.", "Use all tiers", ":material/stairs:", _use_ladder, ((),))]
    if len(tuning.tiers) < 3 or asked.terms.pins or asked.aim.wrong_answer_usd is not None:
        return []
    question = asked._replace(aim=_plain(asked.aim))
    key = ("compared", question.run, question.version, question.traffic, question.aim)
    if st.session_state.get("ladders") != key:
        says = f"Perhaps fewer tiers do as well: ladders of two and three of the {len(tuning.tiers)} can be tried, held-out."
        return [Step("ladders", says, "Compare ladders", ":material/stairs:", _compare, (key,))]
    found = readings.pool(question)
    other = [x for x in found.ladders if x.tiers != tuning.tiers and len(x.tiers) < len(tuning.tiers)]
    if not other:
        return []
    best, mine = other[0], next(c for c in tuning.candidates if c.router == tuning.router)
    says = (
        f"{' < '.join(best.tiers)} alone: saves {figures.percent(best.saving)} at {best.loss * 100:.1f} points of loss, held-out with quick "
        f"routers; all tiers {figures.percent(mine.saving)} at {mine.loss * 100:.1f}."
    )
    return [Step("ladder", says, "Use these tiers", ":material/stairs:", _use_ladder, (best.tiers,))]


def _pin(tuning, here: Sequence[float]) -> list[Step]:
    """The request type that loses most: what it would cost to send it to the top tier always."""
    frame = tuning.by_request_type(here)
    if len(frame) < 2 or tuning.traffic is not None:
        return []
    pinned = {kind for kind, _ in tuning.terms.pins}
    frame = frame[~frame["request_type"].isin(pinned) & (frame["n"] >= FEW_OF_TYPE)].assign(
        part=lambda f: f["loss"] * f["n"] / tuning.n, cost=lambda f: f["saving"] * f["cost_per_1k"] / (1 - f["saving"]) * f["n"] / tuning.n
    )
    total = tuning.point(here).loss
    worst = frame.loc[frame["part"].idxmax()] if len(frame) else None
    if worst is None or worst["part"] < max(0.003, 0.4 * total):
        return []
    full, kind, saving = tuning.frontier.cost_per_1k_usd, str(worst["request_type"]), tuning.point(here).saving
    if saving <= 0 or worst["part"] / total < DEAR * worst["cost"] / full / saving:
        return []
    says = (
        f"{kind} loses most: {worst['loss'] * 100:.1f} points on {worst['n']} prompts. Always sending it to {tuning.tiers[-1]} would bring "
        f"the loss from {total * 100:.1f} to {_none(total - worst['part']) * 100:.1f} points and take {figures.percent(worst['cost'] / full)} off "
        "the saving, on these prompts."
    )
    return [Step("pin", says, "Pin it", ":material/push_pin:", limits.pin, (kind, tuning.tiers[-1]))]


def _evidence(run: Run, tuning) -> list[Step]:
    """Prompts and grades that would settle what is open."""
    promise, found = tuning.certificate, []
    if promise.status != "certified" and promise.prompts_needed and promise.prompts_needed > promise.units:
        more = promise.prompts_needed - promise.units
        says = (
            f"About {more:,} more prompts, {promise.prompts_needed:,} in all, would certify {promise.epsilon * 100:g} points for a policy that "
            "saves at least half of what is aimed at."
        )
        found.append(Step("prompts", says, "Add prompts", ":material/playlist_add:", page=EVALSETS))
    dropped = len(readings.matrix(run)) - len(readings.matrix(run).take(readings.matrix(run).complete))
    if dropped:
        says = f"{dropped:,} prompts lack a grade or a price on some tier, and are in no figure."
        found.append(Step("grade", says, "Grade them", ":material/rate_review:", page=GRADE, query={"run": run.id}))
    opinion = tuning.opinion
    pairs = opinion.pairs if opinion is not None else 0
    if pairs < ENOUGH:
        says = (
            f"{ENOUGH - pairs} more routed prompts graded by people, and their grades decide the certificate; now it is the opinion of the "
            "automatic grades."
        )
        found.append(Step("people", says, "Grade by eye", ":material/visibility:", page=GRADE, query={"run": run.id}))
    return found


def _promises(asked: Question) -> None:
    """What can be promised today, by the loss that is ruled out."""
    import pandas as pd

    rows = readings.promises(asked)
    frame = pd.DataFrame(
        {
            "loss of at most": [f"{e * 100:g} point{'' if e == 0.01 else 's'}" for e, _ in rows],
            "can be promised": [f"saving {c.saving:.0%}" if c.status == "certified" else "nothing yet" for _, c in rows],
            "prompts needed": [f"about {c.prompts_needed:,}" if c.prompts_needed else "" for _, c in rows],
        }
    )
    with st.expander("What can be promised today, and for how many prompts", icon=":material/verified:"):
        st.dataframe(frame, hide_index=True, placeholder="", alt="Certificates by the loss that they rule out")
        st.caption(
            f"Each line alone is wrong with probability {asked.delta:.0%} at most, by the automatic grades; choosing among the lines after "
            f"seeing them is not covered. Prompts are for a policy that saves at least {WORTH_HAVING:.0%} and half of what is aimed at."
        )


def _none(value: float) -> float:
    """Rounding of a sum to nothing is nothing."""
    return 0.0 if abs(value) < 1e-9 else value


def _compare(key: tuple) -> None:
    st.session_state["ladders"] = key


def _use_ladder(tiers: tuple[str, ...]) -> None:
    st.session_state["ladder"] = tiers


def _plain(aim: Aim) -> Aim:
    """The aim without limits by type or on latency, which quick routers are not held to."""
    from dataclasses import replace

    return replace(aim, min_quality_by_type=(), max_latency_p95_s=None)
