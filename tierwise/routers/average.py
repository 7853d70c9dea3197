"""The weighted mean of four routers that err in different ways, helped by length while there is little to learn from."""

from tierwise.routers import ROUTERS
from tierwise.routers.base import Fitted, RouterData

LENGTH = {"type": "linear", "name": "length", "link": "logistic", "intercept": -5.0, "terms": [{"feature": "log1p_tokens", "weight": 1.0}]}
"""Longer is harder: true of most ladders, and worth more than what 300 grades teach. On nine recorded ladders with 300 grades it lifts
the mean APGR from 0.617 to 0.640; its weight falls as grades come in."""

LENGTH_MOST, LENGTH_PROMPTS = 1.0, 300.0

TOPICS = 0.5
"""Topics read what the words read: they count half. Ten recorded ladders, 300 to 8,400 grades: mean APGR 0.685 to 0.689 with the next."""

FOREST_PROMPTS = 300.0
"""Grades at which the forest counts half: on fewer it learns the noise."""


@ROUTERS.add("average")
class Average:
    """Request types, two logistic regressions and a forest, averaged after each is turned into ranks; and length, the less the more is known.

    The two regressions read the same prompts, one word by word and one by latent topics: their errors differ most where labels are few. A forest needs more labels than they.
    """

    name = "average"
    title = "Average of four"
    summary = "The mean of request types, words, topics and a forest; with few grades, length counts too."
    members = ("table", "logistic", "topics", "forest")

    def fit(self, data: RouterData, seed: int = 0) -> Fitted:
        fitted = [(name, data.fitted(name, seed)) for name in self.members]
        prior = Fitted(LENGTH)
        weight = round(min(LENGTH_MOST, LENGTH_PROMPTS / len(data)), 4)
        counts = {"topics": TOPICS, "forest": round(len(data) / (len(data) + FOREST_PROMPTS), 4)}
        members = [{"weight": counts.get(name, 1), "spec": ranked(f.spec, f.score(data.prompts))} for name, f in fitted]
        members.append({"weight": weight, "spec": ranked(prior.spec, prior.score(data.prompts))})
        lines = [f"{ROUTERS[name].title}: {line}" for name, f in fitted for line in f.lines[:3]]
        lines.append(
            f"Length: longer prompts are harder. It counts {weight:.2f}, topics {TOPICS:.2f} and the forest {counts['forest']:.2f} beside 1 for "
            "request types and words."
        )
        return Fitted({"type": "mean", "members": members}, tuple(lines))


def ranked(spec, scores, most: int = 500) -> dict:
    """A spec whose score becomes its rank among `scores`, kept as at most `most` quantiles."""
    import numpy as np

    values = np.sort(scores)
    if len(values) > most:
        values = values[((np.arange(most) + 0.5) / most * len(values)).astype(int)]
    return {**spec, "quantiles": [round(float(v), 10) for v in values]}
