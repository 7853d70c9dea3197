"""Charts as pure functions: tables in, an Altair chart out. Colours hold on both themes, so no chart asks which one is on.

Blue is the route, vermillion is now, slate is reference; tiers are told apart by shape and place. Labels stand beside
what they name, so there are no legends.
"""

import math
from collections.abc import Sequence

import altair as alt
import numpy as np
import pandas as pd

ROUTE, NOW, REFERENCE, SURE = "#0072B2", "#D55E00", "#64748B", "#009E73"
SHAPES = ("triangle-up", "square", "circle", "cross", "triangle-right", "triangle-down")
HEIGHT, NARROW = 470, 480
PICK = "pick"
"""Name of the selection that reports the `step` of a clicked frontier point."""

TOOLTIP = [
    alt.Tooltip("what:N", title="Where"),
    alt.Tooltip("cost:Q", title="$ per 1,000", format="$,.3~g"),
    alt.Tooltip("quality:Q", title="Quality", format=".1%"),
    alt.Tooltip("share:N", title="Share by tier"),
]


def frontier_chart(
    steps: pd.DataFrame,
    tiers: pd.DataFrame,
    mix: pd.DataFrame,
    now: pd.DataFrame,
    recommended: pd.DataFrame,
    oracle: pd.DataFrame | None = None,
    cloud: pd.DataFrame | None = None,
    band: pd.DataFrame | None = None,
    target: float | None = None,
    log: bool = True,
    certified: tuple[float, float] | None = None,
    others: pd.DataFrame | None = None,
) -> alt.LayerChart:
    """Quality against cost: the frontier of a router as steps, with all it should be compared to.

    Args:
        steps: the frontier, cost rising: `step` (an id that a click reports), `cost`, `quality`, `what`, `share`.
        tiers: one row a tier, cheapest first: `name`, `cost`, `quality`, `low`, `high`.
        mix: the random mix of the cheapest and the dearest tier: `cost`, `quality`.
        now, recommended, oracle: one row each: `cost`, `quality`.
        cloud: thresholds that something else beats: `cost`, `quality`.
        band: `cost`, `low`, `high`.
        target: the least quality that is aimed at.
        certified: the range of costs for which the promise is shown to hold.
        others: what was read off held-out prompts, the recommended point and other ways to choose: `name`, `cost`, `quality`.

    Costs are dollars for 1,000 requests, qualities shares.
    """
    frames = [f for f in (steps, tiers, mix, now, recommended, oracle, cloud, others) if f is not None and len(f)]
    costs = np.concatenate([f["cost"].to_numpy(float) for f in frames])
    x = _cost_axis(costs, log)
    y_domain = _quality_domain(frames, tiers, band, target)
    y = alt.Y(
        "quality:Q",
        title="Quality (mean grade)",
        scale=alt.Scale(domain=list(y_domain), nice=False),
        axis=alt.Axis(format="%", tickCount=6),
    )
    low, high = y.copy(), alt.Y2("high:Q")
    low.shorthand = "low:Q"

    layers = []
    if certified is not None:
        zone = pd.DataFrame({"cost": [certified[0]], "until": [certified[1]]})
        layers.append(alt.Chart(zone).mark_rect(color=SURE, opacity=0.1, clip=True).encode(x, alt.X2("until:Q")))
    if band is not None and len(band):
        layers.append(alt.Chart(band).mark_area(color=ROUTE, opacity=0.13, clip=True).encode(x, low, high))
    layers.append(alt.Chart(mix).mark_line(color=REFERENCE, strokeDash=[5, 4], strokeWidth=1.5, clip=True).encode(x, y))
    if target is not None:
        rule = pd.DataFrame({"quality": [target]})
        layers.append(alt.Chart(rule).mark_rule(color=NOW, strokeDash=[2, 3], strokeWidth=1.2, opacity=0.8).encode(y))
    if cloud is not None and len(cloud):
        layers.append(alt.Chart(cloud).mark_circle(color=ROUTE, size=9, opacity=0.18).encode(x, y))
    layers.append(alt.Chart(steps).mark_line(color=ROUTE, interpolate="step-after", strokeWidth=2.4).encode(x, y))
    layers.append(alt.Chart(tiers).mark_rule(color=REFERENCE, strokeWidth=1.5).encode(x, low, high))

    names = list(tiers["name"])
    shape = alt.Shape("name:N", legend=None, scale=alt.Scale(domain=names, range=[SHAPES[i % len(SHAPES)] for i in range(len(names))]))
    layers.append(
        alt.Chart(tiers).mark_point(color=REFERENCE, filled=True, size=85, opacity=1).encode(x, y, shape, tooltip=_tier_tooltip())
    )
    if oracle is not None and len(oracle):
        layers.append(alt.Chart(oracle).mark_point(color=REFERENCE, shape="diamond", size=70, strokeWidth=1.8, opacity=1).encode(x, y))
    layers.append(alt.Chart(steps).mark_circle(color=ROUTE, size=34, opacity=1).encode(x, y))
    layers.append(alt.Chart(recommended).mark_point(color=NOW, shape="diamond", filled=True, size=110, opacity=1).encode(x, y))
    layers.append(alt.Chart(now).mark_point(color=NOW, size=300, strokeWidth=3, opacity=1).encode(x, y))
    if others is not None and len(others):
        tip = [alt.Tooltip("name:N", title="Held-out"), *TOOLTIP[1:3]]
        layers.append(
            alt.Chart(others).mark_point(color=SURE, shape="square", size=95, strokeWidth=2.2, opacity=1).encode(x, y, tooltip=tip)
        )
    layers.append(_labels(steps, tiers, mix, now, recommended, oracle, target, x, y, y_domain, log, certified=certified, others=others))

    # The clickable layer is on top and invisible, so that no label or ring takes the click.
    pick = alt.selection_point(name=PICK, fields=["step"], on="click", nearest=True, clear=False, empty=False)
    layers.append(
        alt.Chart(steps).mark_circle(color=ROUTE, size=60, opacity=0, cursor="pointer").encode(x, y, tooltip=TOOLTIP).add_params(pick)
    )
    return alt.layer(*layers).properties(height=HEIGHT)


def interval_chart(rows: pd.DataFrame, group: str | None = None) -> alt.LayerChart:
    """Mean grade of each tier as a dot with its interval, one line a tier, in the order given.

    Args:
        rows: `name`, `quality`, `low`, `high`, `n`, and the `group` column when one is named.
    """
    order = list(dict.fromkeys(rows["name"]))
    low = float(np.nanmin(rows["low"].fillna(rows["quality"])))
    scale = alt.Scale(domain=[max(0.0, math.floor((low - 0.02) * 20) / 20), 1.0], nice=False)
    x = alt.X("quality:Q", title="Quality (mean grade)", scale=scale, axis=alt.Axis(format="%", tickCount=6))
    y = alt.Y("name:N", title=None, sort=order, axis=alt.Axis(labelLimit=180, ticks=False, domain=False))
    shape = alt.Shape("name:N", legend=None, scale=alt.Scale(domain=order, range=[SHAPES[i % len(SHAPES)] for i in range(len(order))]))
    start = x.copy()
    start.shorthand = "low:Q"
    rows = rows.assign(text=[f"{q:.1%}  (n={n:,})" for q, n in zip(rows["quality"], rows["n"], strict=True)])
    base = alt.Chart(rows)
    layers = [
        base.mark_rule(color=ROUTE, strokeWidth=3, opacity=0.45).encode(start, alt.X2("high:Q"), y),
        base.mark_point(color=ROUTE, filled=True, size=100, opacity=1).encode(x, y, shape, tooltip=_tier_tooltip(cost=False)),
        base.mark_text(color=REFERENCE, dy=-13, fontSize=12).encode(x, y, text="text:N"),
    ]
    return alt.layer(*layers).properties(height=alt.Step(46))


def ladder_chart(tiers: pd.DataFrame, mix: pd.DataFrame, oracle: pd.DataFrame | None = None) -> alt.LayerChart:
    """The tiers alone, before tuning: each with its interval, the random mix between them, and the perfect router."""
    frames = [f for f in (tiers, mix, oracle) if f is not None and len(f)]
    x = _cost_axis(np.concatenate([f["cost"].to_numpy(float) for f in frames]), True)
    domain = _quality_domain(frames, tiers, None, None)
    y = alt.Y(
        "quality:Q", title="Quality (mean grade)", scale=alt.Scale(domain=list(domain), nice=False), axis=alt.Axis(format="%", tickCount=5)
    )
    low = y.copy()
    low.shorthand = "low:Q"
    names = list(tiers["name"])
    shape = alt.Shape("name:N", legend=None, scale=alt.Scale(domain=names, range=[SHAPES[i % len(SHAPES)] for i in range(len(names))]))
    layers = [
        alt.Chart(mix).mark_line(color=REFERENCE, strokeDash=[5, 4], strokeWidth=1.5).encode(x, y),
        alt.Chart(tiers).mark_rule(color=ROUTE, strokeWidth=1.8).encode(x, low, alt.Y2("high:Q")),
        alt.Chart(tiers).mark_point(color=ROUTE, filled=True, size=95, opacity=1).encode(x, y, shape, tooltip=_tier_tooltip()),
    ]
    if oracle is not None and len(oracle):
        layers.append(alt.Chart(oracle).mark_point(color=NOW, shape="diamond", size=90, strokeWidth=2.2, opacity=1).encode(x, y))
    layers.append(_labels(tiers.iloc[:0], tiers, mix, None, None, oracle, None, x, y, domain, True, wide=520, tall=250))
    return alt.layer(*layers).properties(height=270)


def _cost_axis(costs: np.ndarray, log: bool) -> alt.X:
    positive = costs[np.isfinite(costs) & (costs > 0)]
    if not len(positive):
        positive = np.array([1.0])
    if not log or (costs <= 0).any():
        top = float(positive.max()) * 1.08
        axis = alt.Axis(format="$~g", tickCount=7, grid=False)
        return alt.X("cost:Q", title="Cost per 1,000 requests (US dollars)", scale=alt.Scale(domain=[0, top], nice=False), axis=axis)
    low, high = math.log10(positive.min()), math.log10(positive.max())
    room = max(0.06 * (high - low), 0.08)
    domain = [10 ** (low - room), 10 ** (high + room * 1.6)]
    steps = (1, 2, 5) if high - low < 2.6 else (1, 3) if high - low < 4 else (1,)
    decades = range(math.floor(low - room), math.ceil(high + room) + 1)
    ticks = [m * 10.0**d for d in decades for m in steps if domain[0] <= m * 10.0**d <= domain[1]]
    axis = alt.Axis(values=ticks, format="$~g", grid=False)
    # the dearest tier's name stands right of it, and on a narrow chart it takes a larger part of the width
    narrow = alt.ExprRef(f"width < {NARROW} ? {10 ** (high + 0.2 * (high - low) + room)} : {domain[1]}")
    scale = alt.Scale(type="log", domain=domain, domainMax=narrow, nice=False)
    return alt.X("cost:Q", title="Cost per 1,000 requests (US dollars, log scale)", scale=scale, axis=axis)


def _quality_domain(
    frames: Sequence[pd.DataFrame], tiers: pd.DataFrame, band: pd.DataFrame | None, target: float | None
) -> tuple[float, float]:
    values = [f["quality"].to_numpy(float) for f in frames] + [tiers["low"].to_numpy(float), tiers["high"].to_numpy(float)]
    if band is not None and len(band):
        values += [band["low"].to_numpy(float), band["high"].to_numpy(float)]
    if target is not None:
        values.append(np.array([target]))
    every = np.concatenate(values)
    every = every[np.isfinite(every)]
    low, high = (float(every.min()), float(every.max())) if len(every) else (0.0, 1.0)
    room = max(0.06 * (high - low), 0.01)
    return max(0.0, low - room), min(1.0, high + room) if high < 1 else 1.02


def _tier_tooltip(cost: bool = True) -> list[alt.Tooltip]:
    shown = [
        alt.Tooltip("name:N", title="Tier"),
        alt.Tooltip("quality:Q", title="Quality", format=".1%"),
        alt.Tooltip("low:Q", title="95 % from", format=".1%"),
        alt.Tooltip("high:Q", title="to", format=".1%"),
    ]
    return [*shown, alt.Tooltip("cost:Q", title="$ per 1,000", format="$,.3~g")] if cost else shown


def _labels(
    steps,
    tiers,
    mix,
    now,
    recommended,
    oracle,
    target,
    x,
    y,
    y_domain,
    log,
    wide: int = 860,
    tall: int = HEIGHT - 60,
    certified=None,
    others=None,
) -> alt.Chart:
    """Every label in one layer, each put where it covers neither a mark nor another label."""
    low_x, high_x = x["scale"].domain
    span = (math.log10(high_x) - math.log10(low_x)) if x["scale"]._get("type") == "log" else high_x - low_x
    logged = x["scale"]._get("type") == "log"

    def place(cost: float, quality: float) -> tuple[float, float]:
        across = (math.log10(max(cost, 1e-12)) - math.log10(low_x)) / span if logged else (cost - low_x) / span
        return across * wide, (y_domain[1] - quality) / (y_domain[1] - y_domain[0]) * tall

    taken: list[tuple[float, float, float, float]] = []
    for frame in (steps, tiers, oracle, recommended, now, others):
        if frame is not None:
            taken += [
                (px - 7, py - 7, px + 7, py + 7) for px, py in (place(c, q) for c, q in zip(frame["cost"], frame["quality"], strict=True))
            ]
    taken += [(px - 4, py - 4, px + 4, py + 4) for px, py in (place(c, q) for c, q in zip(mix["cost"], mix["quality"], strict=True))]
    for row in tiers.itertuples():
        px, top = place(row.cost, row.high)
        taken.append((px - 3, top, px + 3, place(row.cost, row.low)[1]))

    wanted = [(row.name, row.cost, row.quality, REFERENCE, "bold") for row in tiers.itertuples()]
    if now is not None:
        wanted.insert(0, ("now", *_spot(now), NOW, "bold"))
    if recommended is not None and (now is None or _spot(now) != _spot(recommended)):
        wanted.insert(1, ("recommended", *_spot(recommended), NOW, "normal"))
    elif now is not None:
        wanted[0] = ("recommended", *_spot(now), NOW, "bold")
    if oracle is not None and len(oracle):
        wanted.append(("perfect router", *_spot(oracle), NOW if not len(steps) else REFERENCE, "normal"))
    if others is not None:
        wanted += [(row.name, row.cost, row.quality, SURE, "normal") for row in others.itertuples()]
    if len(mix):
        middle = mix.iloc[int(len(mix) * 0.6)]
        wanted.append(("random mix", float(middle["cost"]), float(middle["quality"]), REFERENCE, "normal"))
    rows = []
    for text, cost, quality, color, weight in wanted:
        px, py = place(cost, quality)
        width, spots = (
            6.9 * len(text) + 4,
            [
                (12, 4, "left"),
                (-12, 4, "right"),
                (0, 22, "center"),
                (0, -16, "center"),
                (10, 18, "left"),
                (-10, -12, "right"),
                (10, -12, "left"),
                (-10, 18, "right"),
                (14, 34, "left"),
                (-14, -30, "right"),
            ],
        )
        best = min(spots, key=lambda s, px=px, py=py, width=width: _clash(_box(px, py, s, width), taken, wide, tall) + 0.5 * spots.index(s))
        taken.append(_box(px, py, best, width))
        rows.append(
            {
                "text": text,
                "cost": cost,
                "quality": quality,
                "dx": best[0],
                "dy": best[1],
                "align": best[2],
                "color": color,
                "weight": weight,
            }
        )
    if target is not None:
        left = low_x if not logged else 10 ** (math.log10(low_x) + span * 0.006)
        rows.append({"text": "aim", "cost": left, "quality": target, "dx": 0, "dy": -6, "align": "left", "color": NOW, "weight": "normal"})
    if certified is not None:
        row = {"text": "certified", "cost": min(certified[1], high_x), "quality": y_domain[0], "dx": -4, "dy": -8, "align": "right"}
        rows.append(row | {"color": SURE, "weight": "normal"})
    for row in rows:
        row["wide"] = 6.9 * len(row["text"]) + 4
    mark = {"dy": alt.ExprRef("datum.dy"), "dx": alt.ExprRef(_inside("-abs(datum.dx)", "abs(datum.dx)", "datum.dx"))}
    mark["align"] = alt.ExprRef(_inside("'right'", "'left'", "datum.align"))
    return (
        alt.Chart(pd.DataFrame(rows))
        .mark_text(fontSize=12.5, baseline="alphabetic", fontWeight=alt.ExprRef("datum.weight"), **mark)
        .encode(x, y, text="text:N", color=alt.Color("color:N", scale=None, legend=None))
    )


def _inside(at_right: str, at_left: str, otherwise: str) -> str:
    """A Vega expression: places are worked out for a wide chart, and on a narrow one a label that would be cut is turned about."""
    left = "scale('x', datum.cost) + datum.dx - datum.wide * (datum.align == 'right' ? 1 : datum.align == 'center' ? 0.5 : 0)"
    right = "scale('x', datum.cost) + datum.dx + datum.wide * (datum.align == 'left' ? 1 : datum.align == 'center' ? 0.5 : 0)"
    return f"{right} > width ? {at_right} : {left} < 0 ? {at_left} : {otherwise}"


def _spot(frame: pd.DataFrame) -> tuple[float, float]:
    return float(frame["cost"].iloc[0]), float(frame["quality"].iloc[0])


def _box(px: float, py: float, spot: tuple[float, float, str], width: float) -> tuple[float, float, float, float]:
    left = px + spot[0] - {"left": 0.0, "center": width / 2, "right": width}[spot[2]]
    return left, py + spot[1] - 12, left + width, py + spot[1] + 3


def _clash(box, taken, wide: float, tall: float) -> float:
    """How much of a label's box is covered, with a heavy price for leaving the chart."""
    left, top, right, bottom = box
    outside = max(0.0, -left) + max(0.0, right - wide - 20) + max(0.0, -top) + max(0.0, bottom - tall)
    covered = sum(max(0.0, min(right, r) - max(left, a)) * max(0.0, min(bottom, b) - max(top, t)) for a, t, r, b in taken)
    return covered + 60 * outside
