"""Logistic regression on words, features and request type."""

import numpy as np

from tierwise.features import FEATURES
from tierwise.routers import ROUTERS
from tierwise.routers.base import Fitted, RouterData

FEATURE, TYPE, WORD = 0.5, 2.0, 3.0
"""Scales of the standardised features, of the marks of request types and of the TF-IDF before the common penalty, which so falls least on
request types: chosen on recorded outcomes, with 300 to 14,000 labels."""


def significant(x: float, digits: int = 6) -> float:
    return float(f"{x:.{digits}g}")


@ROUTERS.add("logistic")
class Logistic:
    """Does the frontier tier win or lose here? Prompts count by the size of the gap; ties pull weakly to the cheap side."""

    name = "logistic"
    title = "Logistic regression"
    summary = "Words, features and request type, each with a weight."

    def __init__(self, c: float = 0.1, words: int = 3000, tie: float = 0.15) -> None:
        self.c, self.words, self.tie = c, words, tie

    def fit(self, data: RouterData, seed: int = 0) -> Fitted:
        from scipy.sparse import csr_matrix, hstack
        from sklearn.linear_model import LogisticRegression

        prompts = data.prompts
        gap, pull = data.gap, np.where(data.gap == 0, self.tie, np.abs(data.gap)) * data.weights
        won = gap > 0
        if len(np.unique(won)) < 2:
            return Fitted(
                {"type": "constant", "value": float(won[0])}, ("The tiers never differ in the other direction: nothing to learn.",)
            )
        spread = prompts.features.std(0)
        names = [n for n, s in zip(FEATURES, spread, strict=True) if s > 1e-9]
        centre, scale = prompts.columns(names).mean(0), prompts.columns(names).std(0)
        types = sorted({t for t in prompts.request_types if t})
        place, idf = prompts.words.vocabulary(self.words)
        marks = prompts.columns([f"type={t}" for t in types])
        parts = [csr_matrix((prompts.columns(names) - centre) / scale * FEATURE), csr_matrix(marks * TYPE)]
        if place:
            parts.append(prompts.words.tfidf(list(place), idf) * WORD)
        model = LogisticRegression(C=self.c, max_iter=400, random_state=seed).fit(hstack(parts).tocsr(), won, pull)
        f, t = len(names), len(names) + len(types)
        weight = model.coef_[0] * np.repeat([FEATURE, TYPE, WORD], [f, t - f, len(place)])
        spec = {
            "type": "text_linear",
            "intercept": significant(model.intercept_[0] - (weight[:f] * centre / scale).sum()),
            "features": {n: significant(w) for n, w in zip(names, weight[:f] / scale, strict=True)},
            "request_types": {n: significant(w) for n, w in zip(types, weight[f:t], strict=True)},
            "vocabulary": {term: [float(idf[i]), significant(weight[t + i], 5)] for term, i in place.items()},
        }
        return Fitted(spec, tuple(_lines(spec, dict(zip(names, weight[:f], strict=True)))))


def _lines(spec: dict, standard: dict[str, float]) -> list[str]:
    named = [(w, f"type {n}") for n, w in spec["request_types"].items()] + [(w, FEATURES[n].title) for n, w in standard.items()]
    named += [(w, f"the words '{n}'") for n, (_, w) in spec["vocabulary"].items()]
    top = sorted(named, key=lambda pair: -abs(pair[0]))[:12]
    return [f"{name}: {'harder' if w > 0 else 'easier'} ({w:+.2f})." for w, name in top]
