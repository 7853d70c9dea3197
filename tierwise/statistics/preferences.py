"""Strengths from pairwise grades: Davidson's Bradley-Terry model with ties and a term for being shown first."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from tierwise.errors import BadInput, NotReady
from tierwise.statistics.intervals import Z, mean_interval

DRAWS = 400
RIDGE = 0.1
"""Keeps strengths finite when one side never loses."""


@dataclass(frozen=True)
class Preferences:
    """What pairwise grades say of each name; log-odds that sum to zero."""

    names: tuple[str, ...]
    strength: np.ndarray
    strength_ci95: np.ndarray
    """(K, 2) by resampling the units of evidence."""
    rate: np.ndarray
    """(K,) share of its comparisons that each name won, ties counted half. Unlike strength it depends on whom it was compared with."""
    rate_ci95: np.ndarray
    """(K, 2)"""
    compared: np.ndarray
    """(K,) comparisons of each name."""
    first_bonus: float
    """What being shown first is worth, in the same units; near 0 when order does not matter, NaN where no order was kept."""
    first_bonus_ci95: tuple[float, float]
    ties: float
    """Log of the tie parameter: -inf would be a rater who never ties."""
    n: int

    def chance(self, a: str, b: str) -> float:
        """That `a` is preferred to `b`, ties counted half, order balanced."""
        i, j = self.names.index(a), self.names.index(b)
        bonus = self.first_bonus if np.isfinite(self.first_bonus) else 0.0
        first = _chances(self.strength[i] + bonus, self.strength[j], self.ties)
        second = _chances(self.strength[j] + bonus, self.strength[i], self.ties)
        return float((first[0] + first[2] / 2 + second[1] + second[2] / 2) / 2)


def preferences(
    first: Sequence[str], second: Sequence[str], result: np.ndarray, clusters: np.ndarray | None = None,
    names: Sequence[str] | None = None, ordered: np.ndarray | None = None, draws: int = DRAWS, seed: int = 0,
) -> Preferences:  # fmt: skip
    """Fit by Newton's method: utilities s_i + g for the one shown first, s_j, and nu + their mean for a tie (Davidson, JASA 65:317, 1970).

    Args:
        result: (n,) 1 the first was better, 0 the second, 0.5 a tie.
        clusters: (n,) codes of comparisons that are one unit of evidence, such as those of one prompt; intervals resample these.
        ordered: (n,) bool, False where both orders were shown, as to a judge that is asked twice: the first place is then no advantage.

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
    placed = np.ones(n, bool) if ordered is None else np.asarray(ordered, bool)
    came = np.where(y == 1, 0, np.where(y == 0, 1, 2))
    # comparisons of the same pair with the same result are one row with a count, so a resample costs as much as there are kinds
    kinds, kind = np.unique(np.stack([i, j, placed, came]), axis=1, return_inverse=True)
    rows = np.arange(kinds.shape[1])
    x = np.zeros((len(rows), 3, k + 2))
    x[rows, 0, kinds[0]], x[rows, 1, kinds[1]], x[:, 0, k] = 1, 1, kinds[2]
    x[:, 2] = (x[:, 0] + x[:, 1]) / 2
    x[:, 2, k + 1] = 1
    counts = np.bincount(kind, minlength=len(rows)).astype(float)
    beta = _fit(x, kinds[3], counts, k)
    codes = np.unique(np.arange(n) if clusters is None else clusters, return_inverse=True)[1]
    rng, units = np.random.default_rng(seed), int(codes.max()) + 1
    drawn = []
    for _ in range(draws):
        times = np.bincount(rng.integers(0, units, units), minlength=units)
        found = _fit(x, kinds[3], np.bincount(kind, times[codes], len(rows)), k, beta)
        drawn.append(np.r_[found[:k] - found[:k].mean(), found[k:]])
    # by the spread of the resamples about the estimate: their percentiles are drawn to 0 twice by the ridge, and held 93 % in place of 95 %
    centre = np.r_[beta[:k] - beta[:k].mean(), beta[k:]]
    spread = np.std(drawn, axis=0, ddof=1) if draws > 1 else np.full(k + 2, np.nan)
    low, high = centre - Z * spread, centre + Z * spread
    rates = [_rate(np.r_[y[i == a], 1 - y[j == a]], np.r_[codes[i == a], codes[j == a]]) for a in range(k)]
    bonus = (float(beta[k]), (float(low[k]), float(high[k]))) if placed.any() else (np.nan, (np.nan, np.nan))
    return Preferences(
        names, centre[:k], np.stack([low[:k], high[:k]], axis=1), np.array([r[0] for r in rates]),
        np.array([r[1] for r in rates]), np.array([r[2] for r in rates]), *bonus, float(beta[k + 1]), n,
    )  # fmt: skip


def _rate(won: np.ndarray, codes: np.ndarray) -> tuple[float, tuple[float, float], int]:
    if not len(won):
        return np.nan, (np.nan, np.nan), 0
    return float(won.mean()), mean_interval(won, np.ones(len(won)), codes), len(won)


def _fit(x: np.ndarray, came: np.ndarray, counts: np.ndarray, k: int, start: np.ndarray | None = None) -> np.ndarray:
    penalty = np.diag([RIDGE] * k + [1e-3] * 2)
    beta = np.zeros(k + 2) if start is None else start
    for _ in range(100):
        score, hessian = _newton(x, came, counts, beta)
        step = np.linalg.solve(hessian + penalty, score - penalty @ beta)
        beta = beta + step * min(1.0, 3.0 / max(np.abs(step).max(), 1e-12))
        if np.abs(step).max() < 1e-8:
            break
    return beta


def _newton(x: np.ndarray, came: np.ndarray, counts: np.ndarray, beta: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The score and the (P, P) information of a conditional logit, of rows that occurred so many times."""
    u = x @ beta
    p = np.exp(u - u.max(1, keepdims=True))
    p /= p.sum(1, keepdims=True)
    mean = np.einsum("nc,ncp->np", p, x)
    score = counts @ (x[np.arange(len(x)), came] - mean)
    return score, np.einsum("nc,ncp,ncq->pq", p * counts[:, None], x, x) - (mean * counts[:, None]).T @ mean


def _chances(a: float, b: float, ties: float) -> np.ndarray:
    u = np.array([a, b, ties + (a + b) / 2])
    p = np.exp(u - u.max())
    return p / p.sum()
