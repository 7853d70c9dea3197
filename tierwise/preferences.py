"""Strengths from pairwise grades: Davidson's Bradley-Terry model with ties and a term for being shown first."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from tierwise.errors import BadInput, NotReady
from tierwise.intervals import Z

RIDGE = 0.1
"""Keeps strengths finite when one side never loses."""


@dataclass(frozen=True)
class Preferences:
    """What pairwise grades say of each name; log-odds that sum to zero."""

    names: tuple[str, ...]
    strength: np.ndarray
    strength_ci95: np.ndarray
    """(K, 2), cluster-robust."""
    first_bonus: float
    """What being shown first is worth, in the same units; near 0 when order does not matter."""
    first_bonus_ci95: tuple[float, float]
    ties: float
    """Log of the tie parameter: -inf would be a rater who never ties."""
    n: int

    def chance(self, a: str, b: str) -> float:
        """That `a` is preferred to `b`, ties counted half, order balanced."""
        i, j = self.names.index(a), self.names.index(b)
        first = _chances(self.strength[i] + self.first_bonus, self.strength[j], self.ties)
        second = _chances(self.strength[j] + self.first_bonus, self.strength[i], self.ties)
        return float((first[0] + first[2] / 2 + second[1] + second[2] / 2) / 2)


def preferences(
    first: Sequence[str], second: Sequence[str], result: np.ndarray, clusters: np.ndarray | None = None, names: Sequence[str] | None = None
) -> Preferences:
    """Fit by Newton's method: utilities s_i + g for the one shown first, s_j, and nu + their mean for a tie (Davidson, JASA 65:317, 1970).

    Args:
        result: (n,) 1 the first was better, 0 the second, 0.5 a tie.
        clusters: (n,) codes of comparisons that are one unit of evidence, such as those of one prompt.

    Raises:
        NotReady: no comparison.
        BadInput: another result, or a name compared with itself.
    """
    y = np.asarray(result, float)
    if not len(y):
        raise NotReady("No two answers have been compared yet.")
    if not np.isin(y, (0.0, 0.5, 1.0)).all() or any(a == b for a, b in zip(first, second, strict=True)):
        raise BadInput("A comparison is of two different tiers, and its result 1, 0.5 or 0.")
    names = tuple(names or dict.fromkeys((*first, *second)))
    k, n = len(names), len(y)
    at = {name: i for i, name in enumerate(names)}
    i, j = (np.array([at[x] for x in side]) for side in (first, second))
    x, rows = np.zeros((n, 3, k + 2)), np.arange(n)
    x[rows, 0, i], x[rows, 1, j], x[:, 0, k] = 1, 1, 1
    x[:, 2] = (x[:, 0] + x[:, 1]) / 2
    x[:, 2, k + 1] = 1
    came = np.where(y == 1, 0, np.where(y == 0, 1, 2))
    penalty = np.diag([RIDGE] * k + [1e-3] * 2)
    beta = np.zeros(k + 2)
    for _ in range(100):
        score, hessian = _newton(x, came, beta)
        step = np.linalg.solve(hessian + penalty, score.sum(0) - penalty @ beta)
        beta = beta + step * min(1.0, 3.0 / max(np.abs(step).max(), 1e-12))
        if np.abs(step).max() < 1e-9:
            break
    score, hessian = _newton(x, came, beta)
    codes = np.unique(np.arange(n) if clusters is None else clusters, return_inverse=True)[1]
    sums = np.stack([np.bincount(codes, column) for column in score.T], axis=1)
    inverse = np.linalg.inv(hessian + penalty)
    g = len(sums)
    covariance = inverse @ (sums.T @ sums) @ inverse * (g / max(g - 1, 1))
    centre = np.eye(k) - 1 / k
    strength = centre @ beta[:k]
    error = np.sqrt(np.maximum(np.diag(centre @ covariance[:k, :k] @ centre.T), 0))
    bonus, bonus_error = float(beta[k]), float(np.sqrt(covariance[k, k]))
    return Preferences(
        names, strength, np.stack([strength - Z * error, strength + Z * error], axis=1), bonus,
        (bonus - Z * bonus_error, bonus + Z * bonus_error), float(beta[k + 1]), n,
    )  # fmt: skip


def _newton(x: np.ndarray, came: np.ndarray, beta: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(n, P) scores and the (P, P) information of a conditional logit."""
    u = x @ beta
    p = np.exp(u - u.max(1, keepdims=True))
    p /= p.sum(1, keepdims=True)
    mean = np.einsum("nc,ncp->np", p, x)
    score = x[np.arange(len(x)), came] - mean
    return score, np.einsum("nc,ncp,ncq->pq", p, x, x) - mean.T @ mean


def _chances(a: float, b: float, ties: float) -> np.ndarray:
    u = np.array([a, b, ties + (a + b) / 2])
    p = np.exp(u - u.max())
    return p / p.sum()
