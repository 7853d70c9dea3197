"""The mean gap of each request type: the simplest router that works."""

import numpy as np

from tierwise.routers import ROUTERS
from tierwise.routers.base import Fitted, RouterData, shrunken, unit


@ROUTERS.add("table")
class Table:
    """One score a request type: how much the frontier tier gains on it, drawn towards the overall mean where prompts are few."""

    name = "table"
    title = "Request types"
    summary = "The average gain of the frontier tier on each request type."
    mass = 10.0

    def fit(self, data: RouterData, seed: int = 0) -> Fitted:
        centre = float(np.average(data.gap, weights=data.weights))
        types = data.prompts.request_types
        values, lines = {}, []
        for name in sorted({t for t in types if t}):
            here = types == name
            values[name] = round(unit(shrunken(data.gap[here], data.weights[here], centre, self.mass)), 6)
            lines.append(
                (values[name], f"{name}: the frontier tier gains {100 * (2 * values[name] - 1):+.1f} points ({here.sum()} prompts).")
            )
        spec = {"type": "table", "values": values, "default": round(unit(centre), 6)}
        known = [line for _, line in sorted(lines, reverse=True)]
        return Fitted(spec, tuple(known) or ("No request types: every prompt gets the same score.",))
