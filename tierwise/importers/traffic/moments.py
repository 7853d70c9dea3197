"""Times as other tools write them: ISO 8601, or seconds, milliseconds, microseconds or nanoseconds since 1970."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

LATEST = 4_102_444_800
"""The year 2100 in seconds: a larger number counts something finer."""
FIRST, LAST = pd.Timestamp("1990-01-01"), pd.Timestamp("2100-01-01")
"""Anything else is no time of a call."""


def moments(values: Sequence[Any]) -> tuple[pd.Series, list[int]]:
    """UTC times without a zone mark (NaT where there is none), and the positions of values that are no time."""
    raw = pd.Series([v if isinstance(v, str | int | float) and v is not True else str(v) if v else None for v in values], dtype=object)
    given = raw.notna() & (raw != "")
    numbers = pd.to_numeric(raw.where(given), errors="coerce").to_numpy(float)
    numeric = np.isfinite(numbers) & (numbers > 0)
    seconds = np.where(numeric, numbers, np.nan)
    for _ in range(3):
        seconds = np.where(seconds > LATEST, seconds / 1000, seconds)
    seconds[seconds > LATEST] = np.nan
    out = pd.Series(pd.to_datetime(np.where(np.isnan(seconds), np.nan, seconds * 1e6), unit="us", errors="coerce"))
    words = given.to_numpy() & ~numeric
    if words.any():
        text = raw[words].astype(str).str.replace(r"\s*UTC$", "Z", regex=True)
        read = pd.to_datetime(text, utc=True, format="ISO8601", errors="coerce")
        out[words] = read.dt.tz_localize(None)
    out = out.where(out.between(FIRST, LAST))
    return out, np.flatnonzero(given.to_numpy() & out.isna().to_numpy()).tolist()
