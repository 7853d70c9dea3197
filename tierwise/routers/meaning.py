"""Routers on latent topics of the words (LSA): a logistic regression that can be exported, and nearest neighbours that cannot."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from tierwise.features import FEATURES
from tierwise.routers import ROUTERS
from tierwise.routers.base import Fitted, Prompts, RouterData, read, unit
from tierwise.routers.logistic import significant
from tierwise.types import Sample

TOPICS = 48
PROMPTS_A_TOPIC = 6


@dataclass(frozen=True)
class Space:
    """Standardised features, request types and topics of prompts."""

    names: list[str]
    centre: np.ndarray
    scale: np.ndarray
    types: list[str]
    place: dict[str, int]
    idf: np.ndarray
    topics: np.ndarray
    """(V, T) what each term adds to each topic; topics have a standard deviation of 1 on average over the prompts fitted on."""

    @classmethod
    def of(cls, prompts: Prompts, words: int, seed: int) -> "Space":
        from sklearn.decomposition import TruncatedSVD

        spread = prompts.features.std(0)
        names = [n for n, s in zip(FEATURES, spread, strict=True) if s > 1e-9]
        columns = prompts.columns(names)
        place, idf = prompts.words.vocabulary(words)
        count = min(TOPICS, len(prompts) // PROMPTS_A_TOPIC, len(place) - 1)
        topics = np.zeros((len(place), 0))
        if count >= 1:
            counts = prompts.words.tfidf(list(place), idf)
            with np.errstate(invalid="ignore"):  # prompts that are all alike have no variance to explain
                found = TruncatedSVD(count, random_state=seed).fit(counts)
            size = (counts @ found.components_.T).std(0).mean()
            topics = found.components_.T / max(size, 1e-12)
        types = sorted({t for t in prompts.request_types if t})
        return cls(names, columns.mean(0), columns.std(0), types, place, idf, topics)

    def read(self, prompts: Prompts) -> np.ndarray:
        """(n, features + types + topics)"""
        parts = [(prompts.columns(self.names) - self.centre) / self.scale, prompts.columns([f"type={t}" for t in self.types])]
        if self.topics.shape[1]:
            parts.append(prompts.words.tfidf(list(self.place), self.idf) @ self.topics)
        return np.hstack(parts)


@ROUTERS.add("topics")
class Topics:
    """Logistic regression of "does the frontier tier win here?" on features, request types and latent topics, strongly shrunken."""

    name = "topics"
    title = "Topics"
    summary = "Logistic regression on what prompts are about; strong with few grades, where single words are too rare."

    def __init__(self, c: float = 0.01, words: int = 3000, tie: float = 0.15, type_scale: float = 3.0) -> None:
        self.c, self.words, self.tie, self.type_scale = c, words, tie, type_scale

    def fit(self, data: RouterData, seed: int = 0) -> Fitted:
        from sklearn.linear_model import LogisticRegression

        won = data.gap > 0
        if len(np.unique(won)) < 2:
            nothing = "The tiers never differ in the other direction: nothing to learn."
            return Fitted({"type": "constant", "value": float(won[0])}, (nothing,))
        space = Space.of(data.prompts, self.words, seed)
        columns, f, t = space.read(data.prompts), len(space.names), len(space.names) + len(space.types)
        columns[:, f:t] *= self.type_scale
        pull = np.where(data.gap == 0, self.tie, np.abs(data.gap)) * data.weights
        model = LogisticRegression(C=self.c, max_iter=400).fit(columns, won, pull)
        weight = model.coef_[0]
        words = space.topics @ weight[t:]
        standard = dict(zip(space.names, weight[:f], strict=True))
        types = dict(zip(space.types, self.type_scale * weight[f:t], strict=True))
        spec = {
            "type": "text_linear",
            "intercept": significant(model.intercept_[0] - (weight[:f] * space.centre / space.scale).sum()),
            "features": {n: significant(w / s) for (n, w), s in zip(standard.items(), space.scale, strict=True)},
            "request_types": {n: significant(w) for n, w in types.items()},
            "vocabulary": {term: [float(space.idf[i]), significant(words[i], 5)] for term, i in space.place.items()},
        }
        named = [(w, FEATURES[n].title) for n, w in standard.items()] + [(w, f"type {n}") for n, w in types.items()]
        named += [(words[i], f"the words '{term}'") for term, i in space.place.items()]
        top = sorted(named, key=lambda pair: -abs(pair[0]))[:12]
        return Fitted(spec, tuple(f"{name}: {'harder' if w > 0 else 'easier'} ({w:+.2f})." for w, name in top))


@dataclass(frozen=True)
class Neighbours(Fitted):
    """Prompts with their gaps; it scores new prompts here, and has no spec that a gateway could run."""

    space: Space | None = field(default=None, repr=False)
    known: np.ndarray | None = field(default=None, repr=False)
    gap: np.ndarray | None = field(default=None, repr=False)
    nearest: int = 30

    def score(self, samples: Sequence[Sample] | Prompts) -> np.ndarray:
        asked = _normal(self.space.read(read(samples)))
        out = np.empty(len(asked))
        for start in range(0, len(asked), 1000):
            likeness = asked[start : start + 1000] @ self.known.T
            at = np.argpartition(-likeness, min(self.nearest, likeness.shape[1]) - 1, axis=1)[:, : self.nearest]
            weight = np.maximum(np.take_along_axis(likeness, at, 1), 0.0) + 1e-6
            out[start : start + 1000] = (self.gap[at] * weight).sum(1) / weight.sum(1)
        return unit(out).clip(0, 1)


@ROUTERS.add("knn")
class Nearest:
    """The mean gap of the most similar prompts, by the cosine of features, types and topics."""

    name = "knn"
    title = "Nearest prompts"
    summary = "What the most similar graded prompts gained. To compare with: it needs the prompts themselves, so it cannot be exported."
    exportable = False

    def __init__(self, nearest: int = 30, words: int = 3000) -> None:
        self.nearest, self.words = nearest, words

    def fit(self, data: RouterData, seed: int = 0) -> Fitted:
        space = Space.of(data.prompts, self.words, seed)
        lines = (
            f"The score of a prompt is the mean gain of the frontier tier on the {min(self.nearest, len(data))} most similar of "
            f"{len(data)} prompts.",
            "It carries these prompts with it, so no gateway can run it.",
        )
        return Neighbours(None, lines, space, _normal(space.read(data.prompts)), data.gap, self.nearest)


def _normal(columns: np.ndarray) -> np.ndarray:
    return columns / np.maximum(np.linalg.norm(columns, axis=1, keepdims=True), 1e-12)
