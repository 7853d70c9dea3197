"""Charts of traffic as pure functions, in the colours of `charts`: blue is the traffic, slate what it is compared with."""

import altair as alt
import pandas as pd

from tierwise.ui.charts import REFERENCE, ROUTE

MOST = 12
"""Types drawn; the table has them all."""


def mix_chart(types: pd.DataFrame, prompts: bool = True) -> alt.LayerChart:
    """Share of each request type in the traffic, and below it in the prompt set.

    Args:
        types: request_type, traffic, prompts (shares), in the order wanted.
        prompts: whether there is a prompt set to compare with.
    """
    shown = types.head(MOST)
    long = [(r.request_type, "traffic", r.traffic, f"{r.traffic:.0%} of requests") for r in shown.itertuples()]
    if prompts:
        long += [(r.request_type, "prompts", r.prompts, f"{r.prompts:.0%} of prompts") for r in shown.itertuples()]
    frame = pd.DataFrame(long, columns=["type", "what", "share", "text"])
    top = max(0.05, float(frame["share"].max()))
    kinds = ["traffic", "prompts"] if prompts else ["traffic"]
    y = alt.Y("type:N", title=None, sort=list(shown["request_type"]), axis=alt.Axis(labelLimit=150, ticks=False, domain=False))
    offset = alt.YOffset("what:N", sort=kinds, scale=alt.Scale(paddingInner=0.15))
    bare = alt.Axis(labels=False, ticks=False, grid=False, domain=False)
    x = alt.X("share:Q", title=None, scale=alt.Scale(domain=[0, top * 1.45], nice=False), axis=bare)
    color = alt.Color("what:N", legend=None, scale=alt.Scale(domain=kinds, range=[ROUTE, REFERENCE][: len(kinds)]))
    tip = [alt.Tooltip("type:N", title="Request type"), alt.Tooltip("text:N", title="Share")]
    base = alt.Chart(frame).encode(x, y, yOffset=offset)
    bars = base.mark_bar(cornerRadiusEnd=2).encode(color=color, tooltip=tip)
    words = base.mark_text(align="left", dx=5, fontSize=12, color=REFERENCE).encode(text="text:N")
    return alt.layer(bars, words).properties(height=max(90, (44 if prompts else 28) * len(shown)))
