"""What a router must beat, and what none can."""

import numpy as np

from tierwise.routers import ROUTERS
from tierwise.routers.base import Fitted, RouterData


@ROUTERS.add("random")
class Random:
    """A score from the hash of the text: the same prompt always goes the same way, and nothing is learned."""

    name = "random"
    title = "Random"
    summary = "Sends the same share up without looking; a router that does not beat it has learned nothing."

    def fit(self, data: RouterData, seed: int = 0) -> Fitted:
        return Fitted({"type": "hash", "seed": seed}, ("Every prompt is as likely as any other to be sent up.",))


@ROUTERS.add("oracle")
class Oracle:
    """Knows the outcomes: the cheapest tier of best quality, prompt by prompt. A ceiling, never exported."""

    name = "oracle"
    title = "Perfect router"
    summary = "The cheapest tier that is right, known only afterwards."
    knows_outcomes = True
    exportable = False

    def fit(self, data: RouterData, seed: int = 0) -> Fitted:
        return Fitted(None, ("It has seen the answers, so it cannot be used on new prompts.",))

    def scores(self, data: RouterData) -> np.ndarray:
        """(n,) in [0, 1]: first by the tier wanted, then by what the frontier tier gains."""
        best = data.quality.argmax(1)
        return (best + 0.998 * (data.gap + 1) / 2 + 0.001) / data.quality.shape[1]
