"""Tune's four numbers: what is kept, what it costs, what it saves a month, who answers.

At the recommended point they are held-out, for that point was chosen because it looks good on these prompts. Elsewhere nothing was held out,
so they are as seen, and the line below says by how much that flatters.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple

import streamlit as st

from tierwise.ui import figures, parts, tunepoints
from tierwise.ui.parts import Figure
from tierwise.ui.tierpoints import References

SAME = 0.001
"""Losses that differ by less are the same."""


class Shown(NamedTuple):
    """The figures of one point."""

    kept: float
    """Of the top tier's quality."""
    loss: float
    low: float
    high: float
    cost: float
    full: float
    """Dollars per 1,000 requests, and of always asking the top tier."""


def of(tuning: Any, base: References, here: Sequence[float], recommended: Sequence[float]) -> Shown:
    """Held-out figures at the recommended point, elsewhere what is seen."""
    if tuple(here) == tuple(recommended):
        held = tuning.heldout
        whole = held.quality + held.loss
        full = held.cost_per_1k_usd / (1 - held.saving) if held.saving < 1 else base.frontier.cost
        return Shown(held.quality / whole if whole else float("nan"), held.loss, *held.loss_ci95, held.cost_per_1k_usd, full)
    point = tuning.point(here)
    kept = point.quality / base.frontier.quality if base.frontier.quality else float("nan")
    return Shown(kept, point.loss, *tunepoints.loss_interval(tuning, here), point.cost_per_1k_usd, base.frontier.cost)


def show(tuning: Any, base: References, here: Sequence[float], recommended: Sequence[float], volume: int) -> None:
    """The cards, and a line that says what they were read off."""
    now, point = of(tuning, base, here, recommended), tuning.point(here)
    saving = 1 - now.cost / now.full if now.full else 0.0
    saved, n = volume * (now.full - now.cost) / 1000, tuning.n
    what = "held-out" if tuple(here) == tuple(recommended) else "as seen"
    parts.figures(
        [
            Figure(
                "Quality kept",
                figures.percent(now.kept, 1),
                f"{figures.points(-now.loss)} {figures.interval(-now.high, -now.low, 1)}, {what}",
                help="Mean grade as a share of always using the last tier. "
                f"Below it: the difference in points, paired by prompt, with its 95 % interval; n = {n:,}.",
            ),
            Figure(
                "Cost per 1,000 requests",
                figures.md(figures.dollars(now.cost)),
                figures.md(f"{figures.percent(-saving)} against {figures.dollars(now.full)}"),
                "green" if saving > 0 else "gray",
                help="Against sending every request to the last tier.",
            ),
            Figure(
                "Saved a month",
                figures.md(figures.dollars(saved)),
                f"at {volume:,} requests",
                "green" if saved > 0 else "gray",
                help="If your traffic looks like this prompt set. Set the requests a month beside the chart.",
            ),
            Figure(
                "Sent to the top tier",
                figures.percent(point.share_by_tier[-1]),
                " · ".join(f"{s:.0%}" for s in point.share_by_tier) + " by tier",
                help=f"{round(point.share_by_tier[-1] * n):,} of {n:,} prompts. Below it: the share of every tier, cheapest first.",
            ),
        ]
    )
    st.caption(says(tuning.point(recommended).loss, tuning.heldout.loss, what == "held-out", n))


def says(seen: float, held: float, at_recommended: bool, n: int) -> str:
    """What the figures were read off, and what the other way of reading would say."""
    flatters = held - seen
    if at_recommended:
        told = f"Held-out: what to expect on other prompts, read off prompts that had no say in router and thresholds; n = {n:,}."
        if flatters > SAME:
            told += f" On the prompts that chose them the same point looks like {figures.points(-seen)}, as on the chart."
        return told
    told = "Moved by hand: figures are as seen on the prompts, like the chart."
    if flatters > SAME:
        told += f" That flatters: at the recommended point it shows {figures.points(-seen)}, held-out {figures.points(-held)}."
    return told
