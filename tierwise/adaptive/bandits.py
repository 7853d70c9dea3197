"""Policies that learn while they serve: each predicts every tier's grade and cost from the prompt, and sees only the tier that it chose.

All share one linear model a tier with forgetting, and differ in how they look for what they do not know. `BANDITS` holds them; a new one is
a class with `choose`.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from tierwise.registry import Registry

BANDITS: Registry[Any] = Registry("bandit")
RIDGE = 1.0
EVERY = 5
"""Requests between two refits: in practice grades come in batches, too."""


class Model:
    """Linear predictions of grade and cost for R independent replays and K tiers, from the tiers that were chosen."""

    def __init__(self, runs: int, tiers: int, size: int, forget: float = 1.0) -> None:
        self.forget = forget
        self.seen = np.zeros((runs, tiers, size, size))
        self.sums = np.zeros((runs, tiers, size, 2))
        self._refit()

    def learn_all(self, x: np.ndarray, quality: np.ndarray, cost: np.ndarray) -> None:
        """A start from (R, m, d) prompts that were graded on every tier."""
        self.seen += np.einsum("rmi,rmj->rij", x, x)[:, None]
        self.sums += np.einsum("rmi,rmky->rkiy", x, np.stack([quality, cost], axis=-1))
        self._refit()

    def learn(self, x: np.ndarray, tier: np.ndarray, quality: np.ndarray, cost: np.ndarray, step: int) -> None:
        """One request of each replay: (R, d) prompts, (R,) tiers chosen, grades and costs seen."""
        if self.forget < 1:
            self.seen *= self.forget
            self.sums *= self.forget
        rows = np.arange(len(x))
        self.seen[rows, tier] += x[:, :, None] * x[:, None, :]
        self.sums[rows, tier] += x[:, :, None] * np.stack([quality, cost], axis=1)[:, None, :]
        if step % EVERY == 0:
            self._refit()

    def predict(self, x: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Three (R, K) arrays: grade, cost, and how unsure the grade is."""
        found = np.einsum("ri,rkiy->rky", x, self.weights)
        unsure = np.sqrt(np.maximum(np.einsum("ri,rkij,rj->rk", x, self.inverse, x), 0.0))
        return found[..., 0], np.maximum(found[..., 1], 0.0), unsure

    def _refit(self) -> None:
        self.inverse = np.linalg.inv(self.seen + RIDGE * np.eye(self.seen.shape[-1]))
        self.weights = self.inverse @ self.sums


@dataclass
class Greedy:
    """Takes what looks best and looks for nothing."""

    title: ClassVar[str] = "Greedy"
    forget: float = 1.0

    def choose(self, worth: np.ndarray, unsure: np.ndarray, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """From (R, K) worth and uncertainty: (R,) tiers, (R,) the probability with which each was taken (NaN where it has none), and
        (R,) whether it was taken to learn."""
        best = worth.argmax(1)
        return best, np.ones(len(best)), np.zeros(len(best), bool)


@BANDITS.add("greedy")
class _Greedy(Greedy):
    pass


@BANDITS.add("epsilon")
@dataclass
class EpsilonGreedy(Greedy):
    """With a small probability any tier, else what looks best. The only one whose log can be read afterwards: see off_policy.py."""

    title: ClassVar[str] = "Epsilon-greedy"
    epsilon: float = 0.05

    def choose(self, worth: np.ndarray, unsure: np.ndarray, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        runs, tiers = worth.shape
        best, any_ = worth.argmax(1), rng.integers(0, tiers, runs)
        taken = np.where(rng.random(runs) < self.epsilon, any_, best)
        chance = self.epsilon / tiers + (1 - self.epsilon) * (taken == best)
        return taken, chance, taken != best


@BANDITS.add("thompson")
@dataclass
class Thompson(Greedy):
    """Takes each tier as often as it is probably the best one."""

    title: ClassVar[str] = "Thompson sampling"
    spread: float = 0.3
    """Standard deviation of a grade about its prediction."""

    def choose(self, worth: np.ndarray, unsure: np.ndarray, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        taken = (worth + self.spread * unsure * rng.standard_normal(worth.shape)).argmax(1)
        return taken, np.full(len(taken), np.nan), taken != worth.argmax(1)


@BANDITS.add("linucb")
@dataclass
class LinUCB(Greedy):
    """Takes the tier that might be best: prediction plus a multiple of its uncertainty (Li et al., 2010)."""

    title: ClassVar[str] = "LinUCB"
    alpha: float = 0.3

    def choose(self, worth: np.ndarray, unsure: np.ndarray, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        taken = (worth + self.alpha * unsure).argmax(1)
        return taken, np.full(len(taken), np.nan), taken != worth.argmax(1)


def bandit(name: str, options: Mapping[str, Any] | None = None) -> Any:
    """A registered bandit with its options.

    Raises:
        NotFound: there is none of that name.
    """
    return BANDITS[name](**(options or {}))
