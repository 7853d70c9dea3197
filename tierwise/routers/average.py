"""The mean of three routers that err in different ways."""

from tierwise.routers import ROUTERS
from tierwise.routers.base import Fitted, RouterData


@ROUTERS.add("average")
class Average:
    """Request types, logistic regression and forest, averaged after each is turned into ranks."""

    name = "average"
    title = "Average of three"
    summary = "The mean of request types, logistic regression and forest."
    members = ("table", "logistic", "forest")

    def fit(self, data: RouterData, seed: int = 0) -> Fitted:
        fitted = [(name, data.fitted(name, seed)) for name in self.members]
        members = [{"weight": 1, "spec": ranked(f.spec, f.score(data.prompts))} for _, f in fitted]
        lines = [f"{ROUTERS[name].title}: {line}" for name, f in fitted for line in f.lines[:4]]
        return Fitted({"type": "mean", "members": members}, tuple(lines))


def ranked(spec, scores, most: int = 500) -> dict:
    """A spec whose score becomes its rank among `scores`, kept as at most `most` quantiles."""
    import numpy as np

    values = np.sort(scores)
    if len(values) > most:
        values = values[((np.arange(most) + 0.5) / most * len(values)).astype(int)]
    return {**spec, "quantiles": [round(float(v), 10) for v in values]}
