"""Has a routed answer become worse than it was? An alarm that may be looked at after every pair, with a known rate of false alarms.

Of the requests that a policy sends down, a few are also answered by the frontier tier, and both answers are graded: a shadow pair. Its
loss D is the frontier's grade less the grade of the answer served, in [-1, 1]. The alarm is an e-detector of Shiryaev and Roberts' kind:

    M_t = (1 + M_(t-1)) (1 + bet (D_t - tolerated)), averaged over BETS, and it rings when the mean reaches `limit`.

While the mean loss given the past is at most `tolerated`, M_t - t is a supermartingale, so the mean number of pairs until it rings is
at least `limit` (Shin, Ramdas and Rinaldo, "E-detectors", 2022), whatever the distribution. A test repeated at every look has no such bound.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from tierwise.errors import BadInput

BETS = (0.03, 0.06, 0.12, 0.25, 0.5)
"""Stakes that are averaged: small ones find small losses late, large ones find large losses soon."""
TOLERATED, LIMIT = 0.03, 1000.0
NEAR = 0.1
"""Share of the limit from which the alarm says that it is watching something."""


@dataclass(frozen=True)
class Alarm:
    """The state after some pairs. Immutable: `after` gives the next one, and it can be kept between days."""

    tolerated: float = TOLERATED
    """The mean loss of routed-down requests that is accepted; in quality units, 0.03 is three points."""
    limit: float = LIMIT
    """It rings when the evidence reaches this: at most one false alarm in so many pairs, on average."""
    evidence: tuple[float, ...] = (0.0,) * len(BETS)
    pairs: int = 0
    rang_at: int | None = None
    """The pair at which it first rang, counted from 1."""
    change_at: int | None = None
    """From which pair the run of losses that rang it is most evident: where the strongest bet's CUSUM last started anew."""
    cusum: tuple[float, ...] = (0.0,) * len(BETS)
    """Logarithms, one a bet."""
    began: tuple[int, ...] = (1,) * len(BETS)

    def __post_init__(self) -> None:
        if not -1 < self.tolerated < 1:
            raise BadInput(f"A tolerated loss of {self.tolerated:g}: give a share of quality under 1, such as 0.03 for three points.")
        if not self.limit > 1:
            raise BadInput(f"An alarm limit of {self.limit:g}: give a number of pairs over 1, such as 1000.")

    @property
    def level(self) -> float:
        """The evidence so far; it rings at `limit`."""
        return float(np.mean(self.evidence))

    @property
    def ringing(self) -> bool:
        return self.rang_at is not None

    def after(self, losses: Iterable[float]) -> "Alarm":
        """The alarm after more pairs, in the order of time. Once it rang, it stays rung until it is set anew.

        Raises:
            BadInput: a loss that is no number in [-1, 1].
        """
        given = np.asarray(list(losses), float)
        bad = np.flatnonzero(~(np.abs(given) <= 1))  # NaN too
        if len(bad):
            raise BadInput(f"Pair {bad[0] + 1}: a loss of {given[bad[0]]:g} is not a number between -1 and 1.")
        bets, m, log, began = np.array(BETS), np.array(self.evidence), np.array(self.cusum), np.array(self.began)
        rang, change, count = self.rang_at, self.change_at, self.pairs
        for d in given:
            count += 1
            anew = log <= 0
            began[anew], log[anew] = count, 0.0
            grows = 1 + bets * (d - self.tolerated)
            m, log = np.minimum((1 + m) * grows, 1e300), log + np.log(grows)
            if rang is None and m.mean() >= self.limit:
                rang, change = count, int(began[log.argmax()])
        return Alarm(self.tolerated, self.limit, tuple(m.tolist()), count, rang, change, tuple(log.tolist()), tuple(began.tolist()))

    @property
    def says(self) -> str:
        """One sentence for a screen."""
        held = f"{self.tolerated * 100:g} points"
        if self.ringing:
            return (f"The alarm rang at pair {self.rang_at:,}: routed answers lose more than {held}. The change began about pair "
                    f"{self.change_at:,}. Tune again on prompts from after it.")  # fmt: skip
        if not self.pairs:
            return "No shadow pair yet: nothing is known of how routed answers do now."
        if self.level >= NEAR * self.limit:
            return f"No alarm after {self.pairs:,} pairs, but the evidence is growing ({self.level:,.0f} of {self.limit:,.0f})."
        return f"No alarm after {self.pairs:,} pairs: no sign that routed answers lose more than {held}."


def first_alarms(losses: np.ndarray, tolerated: float = TOLERATED, limit: float = LIMIT) -> np.ndarray:
    """(m,) the pair, counted from 1, at which the alarm rings on each row of (m, T) losses; 0 where it stays silent."""
    m = np.zeros((len(BETS), len(losses)))
    bets, rang = np.array(BETS)[:, None], np.zeros(len(losses), int)
    for t, d in enumerate(losses.T, 1):
        m = np.minimum((1 + m) * (1 + bets * (d - tolerated)), 1e300)
        rang[(rang == 0) & (m.mean(0) >= limit)] = t
    return rang


@lru_cache(maxsize=256)
def pairs_to_alarm(
    loss: float, tolerated: float = TOLERATED, limit: float = LIMIT, wins: float = 0.02, runs: int = 200, most: int = 20_000, seed: int = 0
) -> tuple[float | None, float | None, float | None]:
    """Median, 10th and 90th percentile of the pairs until the alarm rings, when routed answers lose `loss` from now on; simulated.

    Pass/fail grades with `wins` of the pairs better than the frontier tier. None for what lies beyond `most` pairs.
    """
    rng = np.random.default_rng(seed)
    m, bets = np.zeros((len(BETS), runs)), np.array(BETS)[:, None]
    rang = np.full(runs, np.inf)
    harms = min(loss + wins, 1.0)
    for t in range(1, most + 1):
        u = rng.random(runs)
        d = (u < harms).astype(float) - (u > 1 - min(wins, 1 - harms))
        m = np.minimum((1 + m) * (1 + bets * (d - tolerated)), 1e300)
        rang[np.isinf(rang) & (m.mean(0) >= limit)] = t
        if np.isfinite(rang).mean() > 0.9:
            break
    found = np.quantile(rang, [0.5, 0.1, 0.9], method="higher")
    return tuple(float(x) if np.isfinite(x) else None for x in found)


def run_length(
    tolerated: float = TOLERATED, limit: float = LIMIT, loss: float | None = None, wins: float = 0.02, runs: int = 300, seed: int = 0
) -> tuple[float, float]:
    """Mean pairs until the alarm rings while the loss stays at `loss` (default: at the edge of what is tolerated), and its standard error.

    Simulated until all runs rang; the theory says at least `limit`.
    """
    rng, bets = np.random.default_rng(seed), np.array(BETS)[:, None]
    m, rang, t = np.zeros((len(BETS), runs)), np.zeros(runs), 0
    harms = (tolerated if loss is None else loss) + wins
    while (rang == 0).any() and t < 200 * limit:
        t += 1
        u = rng.random(runs)
        d = (u < harms).astype(float) - (u > 1 - wins)
        m = np.minimum((1 + m) * (1 + bets * (d - tolerated)), 1e300)
        rang[(rang == 0) & (m.mean(0) >= limit)] = t
    rang[rang == 0] = t
    return float(rang.mean()), float(rang.std() / np.sqrt(runs))
