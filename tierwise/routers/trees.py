"""Trees grown by scikit-learn, kept as plain lists."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from tierwise.features import FEATURES
from tierwise.routers.base import RouterData


def varied_columns(data: RouterData, at_least: int = 5) -> list[str]:
    """Features that differ between these prompts, and marks for the request types seen `at_least` times."""
    spread = np.ptp(data.prompts.features, axis=0) if len(data) else np.zeros(0)
    names = [name for name, s in zip(FEATURES, spread, strict=True) if s > 0]
    kinds, counts = np.unique(data.prompts.request_types.astype(str), return_counts=True)
    return names + [f"type={k}" for k, c in zip(kinds, counts, strict=True) if k and c >= at_least]


def as_lists(grown: Any, used: Sequence[int], digits: int = 5) -> dict[str, list]:
    """A fitted scikit-learn tree as parallel lists; `used` gives the place of each of its columns in the spec."""
    inner = grown.feature >= 0
    place = np.array([*used, -1])
    return {
        "feature": [int(f) for f in np.where(inner, place[np.where(inner, grown.feature, -1)], -1)],
        "threshold": [float(f"{t:.6g}") if i else 0 for t, i in zip(grown.threshold, inner, strict=True)],
        "left": [int(x) for x in np.where(inner, grown.children_left, 0)],
        "right": [int(x) for x in np.where(inner, grown.children_right, 0)],
        "value": [round(float(v), digits) if not i else 0 for v, i in zip(grown.value[:, 0, 0], inner, strict=True)],
    }
