"""Would a policy that learns as it goes do better? Learning policies replayed on the run that a policy was tuned on."""

from itertools import product
from typing import NamedTuple

import pandas as pd
import streamlit as st

from tierwise.errors import NotFound
from tierwise.types import Policy, Run
from tierwise.ui import figures, parts, readings, state

MOST = 3000
"""Prompts replayed at most: a few seconds."""
KEPT = 8
KINDS = {"linucb": "LinUCB", "thompson": "Thompson", "epsilon": "Epsilon-greedy", "greedy": "Greedy"}
STARTS = {"tuned": "tuned start", "cold": "cold start"}
NOTHING = "Nothing changes"


class Asked(NamedTuple):
    """What a replay depends on."""

    run: str
    version: tuple[int, int]
    tiers: tuple[str, ...]
    policies: tuple[str, ...]
    tier: str
    """That gets worse; empty for none."""
    points: float
    after: float
    worth: float
    budget: float | None
    half: int
    shadow: float


def offered() -> dict[str, str]:
    """What can be replayed beside the fixed policy: kind, start and `forget` as a key, and in words."""
    every = product(KINDS, STARTS, ("", "forget"))
    return {":".join((k, s, f)).rstrip(":"): f"{KINDS[k]}, {STARTS[s]}{', forgetting' if f else ''}" for k, s, f in every}


FIRST = ["linucb:tuned", "linucb:tuned:forget", "linucb:cold", "thompson:tuned", "epsilon:tuned"]


def learning(policy: Policy, a_day: float, rate: float) -> None:
    """Settings, a button, and what the last replay found. The volume is read off it, so it can be moved without another."""
    try:
        run = state.store().runs.get(policy.run_id)
    except NotFound:
        st.caption("The run that this policy was tuned on is not in this workspace, so there is nothing to replay.")
        return
    asked = _asked(policy, run, rate)
    if st.button("Replay", key="replay_go", icon=":material/play_arrow:", type="secondary"):
        st.session_state["replayed"] = tuple(asked)
    before = st.session_state.get("replayed")
    if before is None or before[0] != run.id:
        return
    shown = Asked(*before)
    found = _found(run, shown)
    if shown != asked:
        st.caption("The settings have changed since: this is the replay before.")
    _show(found, shown, a_day)


def _asked(policy: Policy, run: Run, rate: float) -> Asked:
    tiers = tuple(t["name"] for t in policy.document["tiers"])
    names = offered()
    chosen = st.multiselect("Beside the static policy", list(names), FIRST, format_func=names.get, key="replay_policies")
    with st.container(horizontal=True):
        tier = st.selectbox(
            "On the way", ["", *tiers], 1, format_func=lambda t: f"{t} gets worse" if t else NOTHING, key="replay_tier", width=200
        )
        points = st.number_input("By, points", 1.0, 100.0, 25.0, 5.0, key="replay_points", width=130, format="%.0f", disabled=not tier)
        after = st.number_input(
            "After, % of requests", 0.0, 95.0, 50.0, 10.0, key="replay_after", width=160, format="%.0f", disabled=not tier
        )
        worth = st.number_input(
            "Top answer's cost is worth, points", 0.0, 200.0, 8.0, 1.0, key="replay_worth", width=240, format="%.0f",
            help="What you would give up in quality to save the whole cost of a top-tier answer. All policies serve what is worth most by it.",
        )  # fmt: skip
        budget = st.number_input(
            "Spend, % of always-top", 1.0, 100.0, None, 5.0, key="replay_budget", width=190, format="%.0f", placeholder="no budget",
            help="Budget pacing: the worth above then moves with the spending, request by request, so that the mean cost keeps to this.",
        )  # fmt: skip
        half = st.number_input(
            "Forgetting halves in, requests", 10, 100_000, 350, 50, key="replay_half", width=220,
            help="Of policies that forget: after so many requests an old answer counts half. They see a change sooner, and know less without one.",
        )  # fmt: skip
    return Asked(run.id, state.store().runs.version(run.id), tiers, tuple(chosen), tier, points, after, worth, budget, int(half), rate)


@st.cache_resource(max_entries=16, show_spinner=False)
def _kept(project: str) -> dict:
    """Replays of a project by what was asked: kept here and not by the decorator, under which no progress can be shown."""
    return {}


def _found(run: Run, asked: Asked):
    kept = _kept(state.project_id())
    if asked not in kept:
        bar = st.progress(0.0, "Replaying")
        kept[asked] = _replay(run, asked, lambda k, n: bar.progress(k / n, f"Replaying policy {k + 1} of {n}"))
        bar.empty()
        for old in list(kept)[:-KEPT]:
            kept.pop(old, None)
    return kept[asked]


def _replay(run: Run, asked: Asked, progress):
    from tierwise.adaptive import Change, replay
    from tierwise.tuning.scoring import columns

    options = {"linucb": {"alpha": 0.3}, "epsilon": {"epsilon": 0.05}}
    policies = []
    for kind, start, *forgets in (name.split(":") for name in asked.policies):
        forget = {"forget": 0.5 ** (1 / asked.half)} if forgets else {}
        policies.append((kind, start, options.get(kind, {}) | forget))
    change = Change(asked.tier, -asked.points / 100, at=asked.after / 100) if asked.tier else None
    return replay(
        columns(readings.matrix(run), asked.tiers), price=asked.worth / 100, change=change, policies=policies, shadow=asked.shadow,
        budget=None if asked.budget is None else asked.budget / 100, most=MOST, progress=progress,
    )  # fmt: skip


def _show(found, asked: Asked, a_day: float) -> None:
    from tierwise.ui.replay_charts import missed_chart

    letters = [chr(ord("A") + k) for k in range(len(found.lines))]
    names = [*(line.title for line in found.lines[:2]), *(offered()[p] for p in asked.policies)]
    parts.notes(found.words, icon=":material/lightbulb:")
    rows = [
        (letter, name, line.name, request, missed)
        for letter, name, line in zip(letters, names, found.lines, strict=True)
        for request, missed in line.along
    ]
    turn = found.change and int(found.change.at * found.n)
    chart = missed_chart(
        pd.DataFrame(rows, columns=["letter", "policy", "name", "request", "missed"]),
        turn,
        f"{asked.tier} gets worse" if asked.tier else "",
    )
    st.altair_chart(chart, alt="Right answers missed so far, by policy: " + " ".join(found.words))
    _table(found, letters, names)
    _watching(found, asked, a_day)
    drawn = f", drawn at random from {found.prompts:,}" if found.prompts > found.n + found.offline else ""
    st.caption(
        f"n = {found.n:,} requests in {found.runs} random orders{drawn}; tuned starts know {found.offline:,} other prompts. Missed: against the best "
        f"fixed policy in hindsight, a top answer's cost taken for {asked.worth:g} points; ± is one standard error over the orders. Not a "
        "forecast: grades arrive at once and cost nothing here."
    )


def _table(found, letters: list[str], names: list[str]) -> None:
    number = st.column_config.NumberColumn
    top = found.watch.frontier_usd * 1000
    frame = pd.DataFrame(
        {
            "line": letters,
            "policy": names,
            "missed per 1,000": [f"{x.regret:.1f} ± {x.regret_se:.1f}" for x in found.lines],
            "after the change": ["" if x.regret_after is None else f"{x.regret_after:.1f} ± {x.regret_after_se:.1f}" for x in found.lines],
            "quality": [x.quality * 100 for x in found.lines],
            "cost per 1,000": [x.spent * top for x in found.lines],
            "of always-top": [x.spent * 100 for x in found.lines],
            "explores": [x.explored * 100 for x in found.lines],
        }
    )
    st.dataframe(
        frame if found.change else frame.drop(columns="after the change"), hide_index=True, placeholder="", alt="What each policy missed, cost and explored",
        column_config={
            "missed per 1,000": st.column_config.TextColumn(help="Right answers a thousand requests, before the change where there is one"),
            "quality": number(format="%.1f %%"),
            "cost per 1,000": number(format="$%.3g", help="Shadow answers and tuning again included; grading is not"),
            "of always-top": number(format="%.0f %%"),
            "explores": number(format="%.1f %%", help="Requests sent to another tier than what looked best, or asked twice"),
        },
    )  # fmt: skip


def _watching(found, asked: Asked, a_day: float) -> None:
    """What noticing the change takes at the volume given, and what the alarm did in the replays."""
    at, watched = found.watch.at(a_day), found.lines[1]
    row = [
        parts.Figure("Pairs a day", f"{at.pairs_a_day:,.0f}", f"{at.rate:.1%} of those down"),
        parts.Figure(
            "Price a day", figures.md(figures.dollars(at.price_a_day)), f"at {a_day:,.0f} requests",
            help="Shadow answers of the top tier, which nobody is served. Grading the pairs comes on top.",
        ),
    ]  # fmt: skip
    if found.change:
        rang = f"rang in {watched.rang:.0%} of replays" + (f", after {watched.delay:,.0f} requests" if watched.delay else "")
        seen = "not seen" if at.days is None else f"{at.days:.1f} days" if at.days >= 0.95 else f"{at.days * 24:.0f} hours"
        row.append(
            parts.Figure(
                "Drop seen after", seen, rang,
                help=f"Median until the alarm, simulated: what is sent down loses {found.watch.after * 100:.0f} points after the change, "
                f"{found.watch.tolerated * 100:.0f} are tolerated. Below it: the alarm within the replays themselves, which may be too short.",
            )
        )  # fmt: skip
    parts.figures(row)
