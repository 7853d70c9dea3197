"""The chart of a replay as a pure function, in the colours of `charts`: slate stays still, green is watched, blue learns."""

import altair as alt
import pandas as pd

from tierwise.ui.charts import NOW, REFERENCE, ROUTE, SURE

COLORS = {"static": REFERENCE, "watched": SURE}
APART = 0.055
"""Of the height: labels of lines that end together are put so far from each other."""
WIDE = 560
"""Pixels from which a line is named; below that its letter in the table stands beside it."""


def missed_chart(lines: pd.DataFrame, turn: int | None = None, says: str = "") -> alt.LayerChart:
    """Worth missed by each request of the stream, a line a policy.

    Args:
        lines: letter, policy, name (of its kind), request, missed.
        turn: the request at which something changes, marked by `says`.
    """
    last, top, floor = int(lines["request"].max()), float(lines["missed"].max()), min(float(lines["missed"].min()), 0.0)
    top = max(top, floor + 1e-6)
    # names stand right of the lines, so a wide chart leaves them room there
    until = alt.ExprRef(f"width > {WIDE} ? {last * 1.3} : {last * 1.07}")
    ticks = [t for t in _round(last) if t <= last]
    x = alt.X("request:Q", title="Requests served", scale=alt.Scale(domainMin=0, domainMax=until, nice=False), axis=alt.Axis(values=ticks))
    y = alt.Y(
        "missed:Q", title="Right answers missed so far", scale=alt.Scale(domain=[floor, top * 1.04], nice=False), axis=alt.Axis(tickCount=6)
    )
    color = alt.Color("color:N", scale=None, legend=None)
    drawn = lines.assign(color=[COLORS.get(n, ROUTE) for n in lines["name"]])
    tip = [
        alt.Tooltip("policy:N", title="Policy"),
        alt.Tooltip("request:Q", title="After requests", format=","),
        alt.Tooltip("missed:Q", title="Missed", format=".1f"),
    ]
    ends = drawn.sort_values("request").groupby("letter", as_index=False).last().sort_values("missed")
    ends = ends.assign(shown=_apart(ends["missed"], (top - floor) * APART, top))
    layers = []
    if turn is not None:
        mark = pd.DataFrame({"request": [turn], "missed": [top], "says": [says]})
        layers += [
            alt.Chart(mark).mark_rule(color=NOW, strokeDash=[2, 3]).encode(x),
            alt.Chart(mark).mark_text(color=NOW, align="right", dx=-6, dy=8, fontSize=12.5).encode(x, y, text="says:N"),
        ]
    layers.append(alt.Chart(drawn).mark_line(strokeWidth=2.2).encode(x, y, color, detail="letter:N"))
    layers.append(alt.Chart(drawn).mark_circle(size=70, opacity=0).encode(x, y, color, tooltip=tip))
    text = alt.ExprRef(f"width > {WIDE} ? datum.letter + '  ' + datum.policy : datum.letter")
    names = alt.Chart(ends).mark_text(align="left", dx=7, fontSize=12.5, fontWeight="bold", text=text)
    layers.append(names.encode(x, alt.Y("shown:Q", scale=y["scale"]), color))
    return alt.layer(*layers).properties(height=340)


def _apart(values: pd.Series, gap: float, top: float) -> list[float]:
    """Rising values moved up until none is nearer than `gap` to the next, and down again where they would leave the chart."""
    out: list[float] = []
    for value in values:
        out.append(max(value, out[-1] + gap) if out else float(value))
    limit = top
    for k in range(len(out) - 1, -1, -1):
        out[k] = min(out[k], limit)
        limit = out[k] - gap
    return out


def _round(last: int) -> list[int]:
    """Ticks at round numbers."""
    step = next(s for k in range(9) for s in (10**k, 2 * 10**k, 5 * 10**k) if last / s <= 6)
    return list(range(0, last + 1, step))
