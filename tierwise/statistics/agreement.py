"""How far raters agree: raw agreement, kappa, Krippendorff's alpha and Gwet's AC, each with a cluster-bootstrap interval.

Every coefficient is a function of means over items, so one resampling of clusters serves all of them. Never judge by kappa alone: with
92 % raw agreement on mostly right answers kappa can be 0.29 where AC1 is 0.91.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from tierwise.errors import BadInput, NotReady
from tierwise.statistics.resampling import DRAWS, bootstrap

Weighting = Literal["nominal", "linear", "quadratic"]
Level = Literal["nominal", "ordinal", "interval"]


@dataclass(frozen=True)
class Coefficient:
    """One measure of agreement with its interval."""

    name: str
    value: float
    """1 is perfect; 0 is chance (for raw agreement: never). NaN where it is not defined, as when only one category is used."""
    low: float
    high: float
    n: int
    """Items with two ratings or more."""

    def to_json(self) -> dict[str, Any]:
        return {k: v if not isinstance(v, float) or math.isfinite(v) else None for k, v in vars(self).items()}


def raw_agreement(ratings: np.ndarray, values: Sequence[float] | None = None, **kw: Any) -> Coefficient:
    """Share of pairs of ratings of the same item that are equal, averaged over items. For arguments see `coefficients`."""
    return coefficients(ratings, ("raw",), values, **kw)[0]


def kappa(ratings: np.ndarray, weighting: Weighting = "nominal", values: Sequence[float] | None = None, **kw: Any) -> Coefficient:
    """Cohen's kappa of two raters (Educ. Psychol. Meas. 20:37, 1960); weights by the rank of categories, as scikit-learn has them."""
    return coefficients(ratings, (f"kappa {weighting}",), values, **kw)[0]


def alpha(ratings: np.ndarray, level: Level = "nominal", values: Sequence[float] | None = None, **kw: Any) -> Coefficient:
    """Krippendorff's alpha (Content Analysis, 4th ed., ch. 12), any number of raters, missing ratings allowed."""
    return coefficients(ratings, (f"alpha {level}",), values, **kw)[0]


def gwet(ratings: np.ndarray, weighting: Weighting = "nominal", values: Sequence[float] | None = None, **kw: Any) -> Coefficient:
    """Gwet's AC1 (nominal) or AC2 (weighted), any number of raters, missing ratings allowed (Br. J. Math. Stat. Psychol. 61:29, 2008).

    Give `values` when not every category of the scale was used: the chance term depends on how many there are.
    """
    return coefficients(ratings, (f"gwet {weighting}",), values, **kw)[0]


USUAL = ("raw", "kappa nominal", "alpha nominal", "gwet nominal")
ORDERED = ("raw", "kappa linear", "kappa quadratic", "alpha ordinal", "alpha interval", "gwet quadratic")


def coefficients(
    ratings: np.ndarray, which: Sequence[str] | None = None, values: Sequence[float] | None = None,
    clusters: np.ndarray | None = None, level: float = 0.95, draws: int = DRAWS, seed: int = 0,
) -> list[Coefficient]:  # fmt: skip
    """Several coefficients from one resampling.

    Args:
        ratings: (raters, items), NaN where a rater did not rate.
        which: names such as 'raw', 'kappa quadratic', 'alpha ordinal', 'gwet nominal'; by default the usual ones for the scale.
        values: the categories of the scale in order; by default those that occur.
        clusters: (items,) codes of items that are one unit of evidence; by default each is its own.
        draws: resamples for the percentile interval; 0 gives none.

    Raises:
        NotReady: no item has two ratings.
        BadInput: a rating outside `values`, kappa of other than two raters, or a coefficient that is not known.
    """
    data = np.atleast_2d(np.asarray(ratings, float))
    rated = np.isfinite(data)
    seen = np.unique(data[rated])
    scale = np.asarray(seen if values is None else sorted(values), float)
    if not np.isin(seen, scale).all():
        raise BadInput(f"Ratings {', '.join(f'{v:g}' for v in np.setdiff1d(seen, scale)[:5])} are not on the scale.")
    if not (rated.sum(0) >= 2).any():
        raise NotReady("No item has two ratings yet, so there is nothing to agree on.")
    which = which or (USUAL if len(scale) <= 2 else ORDERED)
    clusters = np.arange(data.shape[1]) if clusters is None else np.asarray(clusters)
    counts = np.stack([(data == v).sum(0) for v in scale], axis=1).astype(float)
    out = []
    for name in which:
        columns, statistic, n = _measure(name, data, counts, scale)
        value = float(statistic(columns.mean(1)[:, None])[0])
        low = high = math.nan
        if draws and math.isfinite(value):
            drawn = bootstrap(columns, np.ones(data.shape[1]), clusters, statistic, seed, draws)
            drawn = drawn[np.isfinite(drawn)]  # a resample of one category only has no coefficient
            if len(drawn):
                low, high = np.percentile(drawn, [50 * (1 - level), 50 * (1 + level)]).tolist()
        out.append(Coefficient(name, value, low, high, n))
    return out


def _measure(name: str, data: np.ndarray, counts: np.ndarray, scale: np.ndarray):
    """Columns (C, items) whose means the coefficient is a function of, that function, and the number of items it rests on."""
    kind, _, how = name.partition(" ")
    twice = counts.sum(1) >= 2
    if kind == "raw":
        return *_raw(counts, twice), int(twice.sum())
    if kind == "kappa" and how in ("nominal", "linear", "quadratic"):
        if len(data) != 2:
            raise BadInput(f"Cohen's kappa compares two raters, not {len(data)}; use alpha or AC1.")
        return *_kappa(data, scale, how), int(np.isfinite(data).all(0).sum())
    if kind == "alpha" and how in ("nominal", "ordinal", "interval"):
        return *_alpha(counts, scale, how), int(twice.sum())
    if kind == "gwet" and how in ("nominal", "linear", "quadratic"):
        return *_gwet(counts, how), int(twice.sum())
    raise BadInput(f"There is no coefficient called {name!r}. There are: {', '.join(dict.fromkeys(USUAL + ORDERED))}.")


def closeness(k: int, weighting: str) -> np.ndarray:
    """(k, k) weights of agreement by rank: 1 on the diagonal, 0 in the far corners."""
    i = np.arange(k)
    apart = np.abs(i[:, None] - i) / max(k - 1, 1)
    return np.eye(k) if weighting == "nominal" else 1 - apart if weighting == "linear" else 1 - apart**2


def _raw(counts: np.ndarray, twice: np.ndarray):
    each = np.maximum(counts.sum(1), 2)
    same = (counts * (counts - 1)).sum(1) / (each * (each - 1))
    return np.stack([np.where(twice, same, 0.0), twice]), lambda m: _ratio(m[0], m[1])


def _kappa(data: np.ndarray, scale: np.ndarray, weighting: str):
    k = len(scale)
    a, b = (np.where(np.isfinite(row), np.searchsorted(scale, np.nan_to_num(row, nan=scale[0])), -1) for row in data)
    columns = np.stack([(a == i) & (b == j) for i in range(k) for j in range(k)]).astype(float)
    apart = (1 - closeness(k, weighting))[:, :, None]

    def statistic(means: np.ndarray) -> np.ndarray:
        table = means.reshape(k, k, -1)
        table = table / np.maximum(table.sum((0, 1)), 1e-300)
        expected = table.sum(1)[:, None] * table.sum(0)[None]
        return 1 - _ratio((apart * table).sum((0, 1)), (apart * expected).sum((0, 1)))

    return columns, statistic


def _alpha(counts: np.ndarray, scale: np.ndarray, level: str):
    """Coincidences of values inside items are sums over items; the metric of ordinal data depends on their margins."""
    k = len(scale)
    each = counts.sum(1)
    pairs = counts[:, :, None] * counts[:, None, :] - counts[:, :, None] * np.eye(k)
    pairs = np.where((each >= 2)[:, None, None], pairs / np.maximum(each - 1, 1)[:, None, None], 0.0)
    items = len(counts)

    def statistic(means: np.ndarray) -> np.ndarray:
        o = means.reshape(k, k, -1) * items
        margin = o.sum(1)
        total = margin.sum(0)
        if level == "nominal":
            metric = (1 - np.eye(k))[:, :, None]
        elif level == "interval":
            metric = ((scale[:, None] - scale) ** 2)[:, :, None]
        else:
            middle = np.cumsum(margin, 0) - margin / 2  # the number of values below, and half of those that are equal
            metric = (middle[:, None] - middle[None]) ** 2
        expected = (margin[:, None] * margin[None] * metric).sum((0, 1)) / np.maximum(total - 1, 1e-300)
        return 1 - _ratio((o * metric).sum((0, 1)), expected)

    return pairs.reshape(items, k * k).T, statistic


def _gwet(counts: np.ndarray, weighting: str):
    k = counts.shape[1]
    weights = closeness(k, weighting)
    each = counts.sum(1)
    twice, once = each >= 2, each >= 1
    credit = (counts * (counts @ weights.T - 1)).sum(1) / np.maximum(each * (each - 1), 1)
    shares = counts / np.maximum(each, 1)[:, None]
    chance = weights.sum() / (k * (k - 1)) if k > 1 else 0.0

    def statistic(means: np.ndarray) -> np.ndarray:
        agreed = _ratio(means[0], means[1])
        share = means[3:] / np.maximum(means[2], 1e-300)
        expected = chance * (share * (1 - share)).sum(0)
        return (agreed - expected) / (1 - expected)

    return np.stack([np.where(twice, credit, 0.0), twice, once, *shares.T]), statistic


def _ratio(top: np.ndarray, bottom: np.ndarray) -> np.ndarray:
    return np.divide(top, bottom, out=np.full(np.shape(top), np.nan), where=np.asarray(bottom) > 1e-12)
