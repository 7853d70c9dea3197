"""What routers are fitted on and what fitting gives: prompts read once, their labels, and a score spec that a gateway can run."""

from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Protocol

import numpy as np

from tierwise import evaluator
from tierwise.errors import NotReady
from tierwise.features import FEATURES, prompt_features
from tierwise.routers.words import Counted
from tierwise.types import OutcomeMatrix, Sample


@dataclass(frozen=True)
class Prompts:
    """Samples with what routers read of them, computed once: reading text is the slowest part of fitting."""

    samples: tuple[Sample, ...]

    def __len__(self) -> int:
        return len(self.samples)

    @cached_property
    def features(self) -> np.ndarray:
        """(n, F) in the order of FEATURES."""
        return prompt_features(self.samples)

    @cached_property
    def texts(self) -> list[str]:
        """The last user message of each prompt."""
        return [evaluator.request_text(s.chat()) for s in self.samples]

    @cached_property
    def words(self) -> Counted:
        """What TF-IDF counts."""
        return Counted.of([evaluator.terms(text) for text in self.texts])

    @cached_property
    def request_types(self) -> np.ndarray:
        """(n,) text; the empty string where there is none."""
        return np.array([s.request_metadata().get("request_type", "") for s in self.samples], dtype=object)

    def read_all(self) -> None:
        """Read everything now, so that parts taken of these prompts need not read their own."""
        _ = self.features, self.words, self.request_types

    def columns(self, names: Sequence[str]) -> np.ndarray:
        """(n, len(names)) values of features and of `type=<request type>` marks."""
        place = {name: i for i, name in enumerate(FEATURES)}
        picked = [
            (self.request_types == name[5:]).astype(float) if name.startswith("type=") else self.features[:, place[name]] for name in names
        ]
        return np.column_stack(picked) if picked else np.zeros((len(self), 0))

    def take(self, rows: np.ndarray) -> "Prompts":
        """Some of the prompts; what was read of them goes along."""
        index = np.arange(len(self))[rows]
        part = Prompts(tuple(self.samples[i] for i in index))
        known = self.__dict__
        for name in ("features", "request_types"):
            if name in known:
                part.__dict__[name] = known[name][index]
        if "texts" in known:
            part.__dict__["texts"] = [known["texts"][i] for i in index]
        if "words" in known:
            part.__dict__["words"] = known["words"].take(index)
        return part


_RECENT: deque[tuple[tuple[Sample, ...], Prompts]] = deque(maxlen=2)


def read(samples: Sequence[Sample] | Prompts) -> Prompts:
    """Prompts of samples; the same tuple of samples is not read twice while several routers are tried on it."""
    if isinstance(samples, Prompts):
        return samples
    for known, prompts in list(_RECENT):
        if known is samples:
            return prompts
    prompts = Prompts(tuple(samples))
    if isinstance(samples, tuple):
        _RECENT.append((samples, prompts))
    return prompts


@dataclass(frozen=True)
class RouterData:
    """Prompts with the quality and cost that each tier showed on them; no cell is missing."""

    prompts: Prompts
    quality: np.ndarray
    """(n, K) in [0, 1], cheapest tier first."""
    cost: np.ndarray
    """(n, K) US dollars a request."""
    weights: np.ndarray
    """(n,) mean 1."""

    @classmethod
    def of(cls, matrix: OutcomeMatrix) -> "RouterData":
        """The labels of a graded run.

        Raises:
            NotReady: when a cell is ungraded or unpriced, or there is only one tier.
        """
        if matrix.quality.shape[1] < 2:
            raise NotReady(f"Run {matrix.run.name} has one tier; routing needs two or more. Add a dearer or a cheaper tier.")
        if not matrix.complete.all():
            missing = int((~matrix.complete).sum())
            raise NotReady(
                f"{missing} of {len(matrix)} prompts lack a grade or a cost on some tier. Grade the run again, or leave them out."
            )
        return cls(read(matrix.samples), matrix.quality, matrix.cost, matrix.weights)

    def __len__(self) -> int:
        return len(self.quality)

    @cached_property
    def gap(self) -> np.ndarray:
        """(n,) in [-1, 1]: what the frontier tier gains over the mean of the tiers below it. This is what routers predict."""
        return self.quality[:, -1] - self.quality[:, :-1].mean(1)

    def fitted(self, name: str, seed: int = 0) -> "Fitted":
        """A registered router as it comes, fitted on these prompts; only once, though several routers may be made of it."""
        from tierwise.routers import ROUTERS

        known = self.__dict__.setdefault("_fitted", {})
        if (name, seed) not in known:
            known[name, seed] = ROUTERS[name]().fit(self, seed)
        return known[name, seed]

    def take(self, rows: np.ndarray) -> "RouterData":
        return RouterData(self.prompts.take(rows), self.quality[rows], self.cost[rows], self.weights[rows])


@dataclass(frozen=True)
class Fitted:
    """A router after fitting. It IS its spec: bulk scores here and single scores in a gateway both come from it."""

    spec: Mapping[str, Any] | None
    """For `evaluator.score`; None when the router cannot leave this process (the oracle)."""
    lines: tuple[str, ...] = field(default=())
    """What it has learned, in sentences."""

    def score(self, samples: Sequence[Sample] | Prompts) -> np.ndarray:
        """(n,) in [0, 1], higher = send to a dearer tier; equals `evaluator.score` prompt by prompt."""
        from tierwise.routers.bulk import scores

        if self.spec is None:
            raise NotReady("This router knows the outcomes of its own run only; it cannot score new prompts.")
        return scores(self.spec, read(samples))

    def explain(self) -> list[str]:
        return list(self.lines)


class Router(Protocol):
    """One way to turn a prompt into a score. Register it with `@ROUTERS.add(name)` in a file of its own."""

    name: str
    title: str
    summary: str

    def fit(self, data: RouterData, seed: int = 0) -> Fitted:
        """Learn from labelled prompts. Must be deterministic for a seed and give a spec that `evaluator.score` can run."""
        ...


def shrunken(values: np.ndarray, weights: np.ndarray, centre: float, mass: float) -> float:
    """Weighted mean drawn towards `centre` as by `mass` prompts: few prompts say little."""
    return float(((values * weights).sum() + mass * centre) / (weights.sum() + mass))


def unit(gap: np.ndarray | float) -> Any:
    """A gap in [-1, 1] as a score in [0, 1]."""
    return (gap + 1) / 2
