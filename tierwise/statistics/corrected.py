"""Quality as people would grade it, from automatic grades of every prompt and human grades of a sample.

The estimate is the judge's mean, scaled by lambda, plus the mean of human - lambda * judge where both graded: prediction-powered
inference with tuned lambda (PPI++, arXiv 2311.01453) inside the strata from which prompts were drawn (StratPPI, arXiv 2406.04291).
It is unbiased however wrong the judge is, as long as prompts were drawn at random within their strata; a good judge only makes
the interval shorter.
"""

import math
from dataclasses import dataclass
from statistics import NormalDist
from typing import Any

import numpy as np

from tierwise.errors import NotReady
from tierwise.statistics.intervals import student

FEWEST = 10
"""Human grades below which no correction is shown: its interval would say nothing."""

TILT = 0.6
"""Standard errors by which skewness may move an interval at most."""


@dataclass(frozen=True)
class Corrected:
    """A mean as the judge has it, and as corrected by people. In quality units, weighted as the prompts are."""

    judge: float
    """Mean automatic grade of all prompts; NaN where nothing was graded automatically."""
    difference: float
    """Corrected minus judge: below 0 the judge is lenient."""
    value: float
    low: float
    high: float
    level: float
    humans: int
    """Prompts with a human grade that were drawn for it."""
    n: int
    """Prompts that the value is about."""
    lam: float
    """How much the judge is trusted, 0 to 1: tuned for the least variance."""
    worth: float
    """As many human grades of prompts drawn evenly, without a judge, would give as short an interval."""
    uncovered: float
    """Share of the prompts from groups in which no person has graded yet; the correction of the rest is taken for them."""
    sample_variance: float
    """Part of the variance that falls with more human grades."""
    population_variance: float
    """Part that falls only with more prompts."""
    skewness: float
    """Of the estimate; far from 0 where dissent is rare."""
    freedom: int
    """Degrees of freedom of the variance: human grades less the groups that they are from."""

    @property
    def variance(self) -> float:
        return self.sample_variance + self.population_variance

    def upper(self, delta: float) -> float:
        """The value is below this with confidence 1 - delta."""
        z = NormalDist().inv_cdf(1 - delta)
        return self.value + math.sqrt(self.variance) * (student(self.freedom, z) + _tilt(self.skewness, z))

    def to_json(self) -> dict[str, Any]:
        return {k: v if not isinstance(v, float) or math.isfinite(v) else None for k, v in vars(self).items()}


def corrected_mean(
    judge: np.ndarray, human: np.ndarray, weights: np.ndarray | None = None, clusters: np.ndarray | None = None,
    strata: np.ndarray | None = None, level: float = 0.95, low: float = 0.0, certain: np.ndarray | None = None,
) -> Corrected:  # fmt: skip
    """The corrected mean of n prompts, as an estimate for all traffic that they stand for.

    Prompts without an automatic grade are left out, unless none has one: then people alone decide.

    Args:
        judge: (n,) automatic grades.
        human: (n,) human grades, NaN where none was asked for.
        strata: (n,) codes: prompts were drawn for people at random within each. By default from all alike.
        low: the least value there can be, 0 for grades and -1 for losses; the greatest is 1.
        certain: (n,) bool, prompts whose value is 0 without asking anyone, as a loss is where both choices are the same tier.

    Raises:
        NotReady: fewer than two human grades.
    """
    alone = not np.isfinite(judge).any()
    j = np.zeros(len(judge)) if alone else np.asarray(judge, float)
    sure = np.zeros(len(j), bool) if certain is None else np.asarray(certain, bool)
    keep = np.isfinite(j) | sure
    j, h = np.where(sure, 0.0, j)[keep], np.where(sure, np.nan, np.asarray(human, float))[keep]
    w = (np.ones(len(judge)) if weights is None else np.asarray(weights, float))[keep]
    unit = np.unique((np.arange(len(judge)) if clusters is None else np.asarray(clusters))[keep], return_inverse=True)[1]
    codes = np.unique((np.zeros(len(judge)) if strata is None else np.asarray(strata))[keep], return_inverse=True)[1]
    sure = sure[keep]
    graded = np.isfinite(h)
    if graded.sum() < 2:
        raise NotReady("Fewer than two human grades: nothing can be corrected by them yet.")
    w = w / w.sum()
    layers = [_Layer.of(s, codes, graded, sure, w, j, h, unit) for s in np.unique(codes[~sure])]
    met = [x for x in layers if x.size]
    covered, open_mass = sum(x.mass for x in met), sum(x.mass for x in layers if not x.size)
    for x in met:
        x.mass *= 1 + open_mass / covered
    lam = 0.0 if alone else _tuned(met)
    rest = h - lam * j
    shift = np.zeros(len(j))
    pooled = sum(x.mass * x.mean(rest) for x in met) / sum(x.mass for x in met)
    for x in layers:
        shift[x.all] = x.mean(rest) if x.size else pooled
    value = float(w @ (lam * j + shift))
    own, extra, pass_fail = np.zeros(len(j)), 0.0, bool(np.isin(h[graded], (-1.0, 0.0, 1.0)).all())
    for x in met:
        centre = x.mean(rest) if x.units > 1 else pooled
        scale = math.sqrt(x.units / (x.units - 1)) if x.units > 1 else 1.0
        own[x.graded] = x.mass * x.share * (rest[x.graded] - centre) * scale
        # where dissent is rare the spread seen is often too small, or 0: half a dissenting grade more keeps it honest
        unseen = 0.5 / (x.units + 1)
        extra += x.mass**2 / x.units * (unseen if pass_fail else max(0.0, unseen - float(x.share @ (rest[x.graded] - centre) ** 2)))
    by_unit = np.bincount(unit, own)
    sample = float((by_unit**2).sum()) + extra
    whole = float((np.bincount(unit, own + w * (lam * j + shift - value)) ** 2).sum()) + extra
    z = NormalDist().inv_cdf(0.5 + level / 2)
    freedom = max(sum(x.units - 1 for x in met), 1)
    half = student(freedom, z) * math.sqrt(whole)
    skew = float((by_unit**3).sum()) / whole**1.5 if whole > 0 else 0.0
    middle = value + math.sqrt(whole) * _tilt(skew, z)
    theirs = math.nan if alone else float(w @ j)
    design = sum(x.mass * (x.share @ h[x.graded] ** 2) for x in met) - sum(x.mass * x.mean(h) for x in met) ** 2
    spread = max(float(design), 0.0)
    return Corrected(
        theirs, value - theirs, value, max(middle - half, low), min(middle + half, 1.0), level, int(graded.sum()), len(j), lam,
        spread / (whole - extra) if whole > extra else math.nan, open_mass, sample, max(whole - sample, 0.0), skew,
        freedom,
    )  # fmt: skip


def corrected_loss(
    judge: np.ndarray, human: np.ndarray, choice: np.ndarray, weights: np.ndarray | None = None, clusters: np.ndarray | None = None,
    strata: np.ndarray | None = None, level: float = 0.95,
) -> Corrected:  # fmt: skip
    """The paired loss of a policy: quality of the last tier minus quality of the tier chosen; 0 where they are the same tier.

    Args:
        judge: (n, K) automatic grades.
        human: (n, K) human grades; a prompt counts where people graded both answers that matter.
        choice: (n,) tier of each prompt.

    Raises:
        NotReady: fewer than two prompts with both human grades.
    """
    rows = np.arange(len(choice))
    return corrected_mean(
        judge[:, -1] - judge[rows, choice], human[:, -1] - human[rows, choice], weights, clusters, strata, level, low=-1.0,
        certain=choice == judge.shape[1] - 1,
    )  # fmt: skip


def corrected_tiers(
    judge: np.ndarray, human: np.ndarray, weights: np.ndarray | None = None, clusters: np.ndarray | None = None,
    strata: np.ndarray | None = None, level: float = 0.95,
) -> list[Corrected | None]:  # fmt: skip
    """The corrected mean grade of each tier; None for one with fewer than `FEWEST` human grades."""
    out: list[Corrected | None] = []
    for k in range(judge.shape[1]):
        enough = (np.isfinite(human[:, k]) & np.isfinite(judge[:, k])).sum() >= FEWEST
        out.append(corrected_mean(judge[:, k], human[:, k], weights, clusters, strata, level) if enough else None)
    return out


def _tilt(skewness: float, z: float) -> float:
    """Standard errors by which both limits move towards the long tail (Hall, J. R. Stat. Soc. B 45:35, 1983)."""
    return max(-TILT, min(TILT, skewness * (2 * z * z + 1) / 6))


@dataclass
class _Layer:
    """One stratum: its share of all prompts, and what people graded of it."""

    all: np.ndarray
    graded: np.ndarray
    mass: float
    share: np.ndarray
    """Weights of the graded prompts, summing to 1."""
    units: int
    """Clusters among the graded prompts."""
    covariance: float
    judge_variance: float

    @property
    def size(self) -> int:
        return len(self.graded)

    def mean(self, values: np.ndarray) -> float:
        return float(self.share @ values[self.graded])

    @classmethod
    def of(cls, code: int, codes, graded, sure, w, j, h, unit) -> "_Layer":
        here = np.flatnonzero((codes == code) & ~sure)
        got = here[graded[here]]
        share = w[got] / w[got].sum() if len(got) else np.zeros(0)
        together = float(share @ ((h[got] - share @ h[got]) * (j[got] - share @ j[got]))) if len(got) else 0.0
        inside = w[here] / w[here].sum()
        spread = float(inside @ (j[here] - inside @ j[here]) ** 2)
        return cls(here, got, float(w[here].sum()), share, len(np.unique(unit[got])), together, spread)


def _tuned(layers: list[_Layer]) -> float:
    """The lambda of least variance; 1 where the judge's grades do not vary inside strata, so that it makes no difference."""
    use = [x for x in layers if x.units > 1]
    spread = sum(x.mass**2 / x.units * x.judge_variance for x in use)
    if spread < 1e-15:
        return 1.0
    return float(np.clip(sum(x.mass**2 / x.units * x.covariance * x.size / (x.size - 1) for x in use) / spread, 0, 1))
