"""Tests and plans for the promise "this policy loses at most epsilon against the frontier tier".

D is the frontier's quality minus the policy's, prompt by prompt: a harm is D > 0, a win D < 0. The null hypothesis is always
E[D] >= epsilon, so that rejecting it certifies. For pass/fail grades: b harms, c wins, n prompts, the rest tie.
Recipes and their measured sizes: docs/statistics.md.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np


def tango_z(b: np.ndarray | float, c: np.ndarray | float, n: float, epsilon: np.ndarray | float) -> np.ndarray:
    """Tango's score statistic of H0: (harms - wins) / n >= epsilon; large values speak against it (Tango, Stat. Med. 17:891, 1998)."""
    b, c, e = (np.asarray(x, float) for x in (b, c, epsilon))
    half = 2 * e * (n - b) - (b + c) * (1 - e)
    q = (-half + np.sqrt(np.maximum(half * half + 8 * n * c * e * (1 - e), 0))) / (4 * n)
    q = np.clip(q, 0, (1 - e) / 2)
    return (n * e - (b - c)) / np.sqrt(n * np.maximum(2 * q + e - e * e, 1e-12))


def tango_p(b: int, c: int, n: int, epsilon: float) -> float:
    """The asymptotic p-value of `tango_z`."""
    return 0.5 * math.erfc(float(tango_z(b, c, n, epsilon)) / math.sqrt(2))


def exact_tango_p(b: int, c: int, n: int, epsilon: float, gamma: float = 0.002) -> float:
    """Finite-sample p-value for pass/fail pairs: outcomes ordered by Tango's statistic, worst case over the unknown share of wins.

    sup over w of P(z(B, C) >= z(b, c)) with P(harm) = epsilon + w and P(win) = w, for w in a (1 - gamma) Clopper-Pearson set, plus gamma
    (Hsueh, Liu and Chen, Biometrics 57:478, 2001; Berger and Boos, JASA 89:1012, 1994). The supremum is taken on a
    grid of 60 values of w and refined around the best.
    """
    from scipy.special import betaincinv, gammaln, xlog1py, xlogy
    from scipy.stats import binom

    z = float(tango_z(b, c, n, epsilon)) - 1e-9
    if z <= 0:
        return 1.0
    top = min(float(betaincinv(c + 1, n - c, 1 - gamma)) if c < n else 1.0, (1 - epsilon) / 2 - 1e-9)
    wins = np.arange(min(int(binom.isf(1e-10, n, top)) + 1, n) + 1)
    most = _most_harms(wins, n, epsilon, z)
    log_choose = gammaln(n + 1) - gammaln(wins + 1) - gammaln(n - wins + 1)

    def chance(w: float) -> float:
        mass = np.exp(log_choose + xlogy(wins, w) + xlog1py(n - wins, -w))
        seen = (mass > 1e-13) & (most >= 0)
        return float(np.sum(mass[seen] * binom.cdf(most[seen], n - wins[seen], min((epsilon + w) / (1 - w), 1.0))))

    grid = np.unique(np.concatenate([np.linspace(0, top, 40), np.geomspace(1e-5, max(top, 2e-5), 20).clip(max=top)]))
    found = np.array([chance(w) for w in grid])
    at = int(found.argmax())
    near = np.linspace(grid[max(at - 1, 0)], grid[min(at + 1, len(grid) - 1)], 9)[1:-1]
    return float(min(1.0, max(found.max(), *(chance(w) for w in near)) + gamma))


def _most_harms(wins: np.ndarray, n: int, epsilon: float, z: float) -> np.ndarray:
    """For each count of wins, the most harms with a statistic of z or more (-1 for none); the statistic falls with harms."""
    low, high = np.full(len(wins), -1), n - wins
    while (low < high).any():
        middle = (low + high + 1) // 2
        fits = tango_z(middle, wins, n, epsilon) >= z
        low, high = np.where(fits, middle, low), np.where(fits, high, middle - 1)
    return low


def star_rejects(d: np.ndarray, epsilon: float, delta: float, weights: np.ndarray | None = None) -> np.ndarray:
    """Whether STaR betting rejects E[w D] >= epsilon E[w], finite-sample, D in [-1, 1] (Voracek and Orabona, 2025).

    A bettor starts with 1 and stakes on each unit in turn that D is below epsilon; under the null hypothesis its wealth reaches
    1 / delta with probability at most delta. Stakes are set to reach that wealth by the last unit.

    Args:
        d: (n,) or (n, P), in an order that does not depend on the outcomes.
        weights: (n,) of the units; they shrink the largest stake.

    Returns:
        (P,) bool.
    """
    d = np.asarray(d, float)
    d = d[:, None] if d.ndim == 1 else d
    n, p = d.shape
    w = np.ones(n) if weights is None else np.asarray(weights, float) / np.mean(weights)
    goal, top = math.log(1 / delta), 0.95 / ((1 - epsilon) * w.max())
    edge = w[:, None] * (epsilon - d)
    wealth, spread, done = np.zeros(p), np.zeros(p), np.zeros(p, bool)
    for i in range(n):
        t = i + 1e-4
        variance = np.minimum(spread / t + n / t / t * 0.25, 0.6) if i else np.full(p, 0.6)
        stake = np.minimum(np.sqrt(2 * np.maximum(goal - wealth, 0) / ((n - i) * np.maximum(variance, 1e-6))), top)
        wealth += np.log1p(stake * edge[i])
        done |= wealth >= goal - 1e-12
        spread += edge[i] ** 2
    return done


BETS = (0.01, 0.02, 0.04, 0.08, 0.16, 0.32, 0.64)
"""Shares of the largest stake that an e-value averages over; fixed before any prompt is seen."""


def e_value(d: np.ndarray, epsilon: float, weights: np.ndarray | None = None) -> np.ndarray:
    """Evidence against E[w D] >= epsilon E[w] that stays good under optional stopping: P(it ever reaches 1 / delta) <= delta (Ville).

    The mean over BETS of the wealth of a bettor who stakes the same share on every unit, so the order of units does not matter.

    Args:
        d: (n,) or (n, P) in [-1, 1]; weights: (n,), in units fixed in advance (mean 1 over the traffic).

    Returns:
        (P,)
    """
    d = np.asarray(d, float)
    d = d[:, None] if d.ndim == 1 else d
    w = np.ones(len(d)) if weights is None else np.asarray(weights, float)
    edge = w[:, None] * (epsilon - d)
    most = 0.95 / ((1 - epsilon) * max(w.max(), 1.0))
    logs = np.stack([np.log1p(share * most * edge).sum(0) for share in BETS])
    top = logs.max(0)
    return np.exp(np.minimum(top + np.log(np.mean(np.exp(logs - top), axis=0)), 700))


def fixed_sequence(passes: Sequence[bool]) -> int:
    """The last entry of a list ordered in advance that may be claimed: testing stops at the first failure.

    Entry 0 is always-frontier, which loses nothing by definition and passes untested. Each test may use the full delta (Learn then Test,
    arXiv 2110.01052).
    """
    for i, passed in enumerate(passes):
        if i and not passed:
            return i - 1
    return len(passes) - 1


@dataclass(frozen=True)
class Evidence:
    """Held-out losses of P policies over independent units, ready to be tested."""

    d: np.ndarray
    """(m, P) mean loss by unit, in [-1, 1]; a unit is a cluster of prompts."""
    weights: np.ndarray | None
    """(m,) of the units; None when equal."""

    @classmethod
    def of(cls, d: np.ndarray, weights: np.ndarray, clusters: np.ndarray, keys: Sequence[str]) -> "Evidence":
        """Average inside clusters, and put units in the order of a hash of their first key, so that answers are reproducible."""
        import hashlib

        codes = np.unique(clusters, return_inverse=True)[1]
        m = int(codes.max()) + 1
        mass = np.bincount(codes, weights, m)
        size = np.bincount(codes, minlength=m)
        if m == len(d):
            means, unit_weight = np.empty_like(d), np.empty(m)
            means[codes], unit_weight[codes] = d, weights
        else:
            safe = np.where(mass > 0, mass, 1.0)
            means = np.stack([np.bincount(codes, weights * column, m) / safe for column in d.T], axis=1)
            unit_weight = mass / size
        first = np.full(m, len(d))
        np.minimum.at(first, codes, np.arange(len(d)))
        order = np.argsort([hashlib.sha256(f"tierwise {keys[i]}".encode()).digest()[:8] for i in first])
        even = bool(np.ptp(unit_weight) < 1e-12)
        return cls(means[order], None if even else unit_weight[order])

    @property
    def pass_fail(self) -> bool:
        """Every loss is -1, 0 or 1 and every unit counts the same, so that exact tests apply."""
        return self.weights is None and bool(np.isin(self.d, (-1.0, 0.0, 1.0)).all())

    @property
    def method(self) -> str:
        return "exact Tango" if self.pass_fail else "STaR betting"

    def walk(self, epsilon: float, delta: float, anytime: bool = False) -> int:
        """The last policy, in the order given, that is certified; 0 when none but always-frontier is."""
        if anytime:
            return fixed_sequence((e_value(self.d, epsilon, self.weights) >= 1 / delta).tolist())
        if not self.pass_fail:
            return fixed_sequence(star_rejects(self.d, epsilon, delta, self.weights).tolist())
        n = len(self.d)
        harms, wins = (self.d > 0).sum(0), (self.d < 0).sum(0)
        for j in range(1, self.d.shape[1]):
            # the exact p-value is never far below the asymptotic one: do not compute it for hopeless cases
            if tango_p(harms[j], wins[j], n, epsilon) > min(4 * delta, 0.5) or exact_tango_p(harms[j], wins[j], n, epsilon) > delta:
                return j - 1
        return self.d.shape[1] - 1


def floor(epsilon: float, delta: float = 0.1) -> int:
    """The fewest prompts that can certify: with fewer, even no harm at all is not enough evidence. ln(1/delta) / epsilon, rounded down."""
    return int(math.log(1 / delta) / epsilon + 1e-9) if epsilon > 0 else 0


def prompts_needed(discordance: float, epsilon: float, delta: float = 0.1, power: float = 0.8, true_loss: float = 0.0) -> int | None:
    """Prompts with which a policy is certified with probability `power`; None when its loss is not below epsilon.

    n = (z_(1 - delta) + z_power)^2 (discordance - loss^2) / (epsilon - loss)^2, at least `floor`.

    Args:
        discordance: share of all prompts on which policy and frontier differ in grade; for graded values the mean square of D.
    """
    from statistics import NormalDist

    if true_loss >= epsilon:
        return None
    z = NormalDist().inv_cdf
    n = (z(1 - delta) + z(power)) ** 2 * max(discordance - true_loss**2, 0.0) / (epsilon - true_loss) ** 2
    return max(math.ceil(n - 1e-9), floor(epsilon, delta))


def prompts_table(
    epsilons: Sequence[float] = (0.01, 0.02, 0.03, 0.05),
    shares: Sequence[float] = (0.01, 0.02, 0.05, 0.10, 0.20),
    delta: float = 0.1,
    power: float = 0.8,
    true_loss: float = 0.0,
) -> list[dict[str, float | int | None]]:
    """The plan before anything is run: prompts needed by share of prompts on which the tiers differ (rows) and loss to rule out (columns).

    Args:
        true_loss: as a share of each epsilon: 0 where routing loses nothing, 0.5 where it loses half of what is allowed.

    Returns:
        One dict a share: `discordance`, and the number of prompts by epsilon.
    """
    return [
        {"discordance": share} | {f"{e:g}": prompts_needed(share, e, delta, power, true_loss * e) for e in epsilons} for share in shares
    ]
