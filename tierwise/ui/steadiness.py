"""Do people and the judge grade the same way from beginning to end, and do people say the same twice?"""

import pandas as pd
import streamlit as st

from tierwise.types import Run
from tierwise.ui import figures, parts, readings


def over_time(run: Run) -> None:
    """In words, with the figures by quarter below."""
    found = readings.steadiness(run)
    if not found.drifts and not found.again:
        st.caption("Nothing to hold grades against yet.")
        return
    for name, c in found.again.items():
        lean = "" if c.shift_ci95[0] <= 0 <= c.shift_ci95[1] else f", the second time {'kinder' if c.shift > 0 else 'harsher'}"
        parts.plain(f"{name}, asked the same again: {c.same:.0%} {figures.interval(*c.same_ci95)} the same grade, n = {c.n:,}{lean}.")
    for d in found.drifts:
        parts.plain(f"{d.who} against {d.against}: {d.words}")
    frame = pd.DataFrame(
        {
            "who": [d.who for d in found.drifts for _ in d.windows.itertuples()],
            "against": [d.against for d in found.drifts for _ in d.windows.itertuples()],
            "prompts": [f"{w.first} to {w.last}" for d in found.drifts for w in d.windows.itertuples()],
            "same grade": [f"{w.same:.0%} {figures.interval(w.low, w.high)}" for d in found.drifts for w in d.windows.itertuples()],
            "leans by": [100 * w.lean for d in found.drifts for w in d.windows.itertuples()],
            "answers": [w.n for d in found.drifts for w in d.windows.itertuples()],
        }
    )
    if len(frame):
        lean = st.column_config.NumberColumn(format="%+.0f pts", help="Above 0: kinder than what they are held against")
        st.dataframe(frame, hide_index=True, placeholder="", alt="Agreement by time", column_config={"leans by": lean})
    st.caption("In order of time. A change is looked for by CUSUM, with p from shuffling prompts (docs/grading.md).")
