"""The automatic grader against people: where it errs (confusion), and whether its numbers mean what they say (calibration)."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from tierwise.errors import NotReady
from tierwise.statistics.intervals import mean_interval, wilson
from tierwise.statistics.resampling import bootstrap, percentiles

BINS = 5


@dataclass(frozen=True)
class Calibration:
    """Automatic grades in bins, each with what people said of the same answers."""

    bins: pd.DataFrame
    """low, high (edges), n, judge (mean automatic grade), people (mean grade), people_low, people_high (95 %)."""
    ece: float
    """Expected calibration error: mean over answers of |judge - people| of their bin, in quality units."""
    ece_ci95: tuple[float, float]
    """By resampling clusters; the estimate itself leans upwards where bins hold few answers."""
    bias: float
    """Mean automatic grade minus mean human grade: above 0 the judge is lenient."""
    bias_ci95: tuple[float, float]
    n: int


def calibration(judge: np.ndarray, people: np.ndarray, clusters: np.ndarray | None = None, bins: int = BINS, seed: int = 0) -> Calibration:
    """Of answers graded by both; grades in [0, 1], NaN where there is none. Bins are of equal width (Naeini et al., AAAI 2015).

    Raises:
        NotReady: no answer has both grades.
    """
    j, h, codes = _both(judge, people, clusters)
    edges = np.linspace(0, 1, bins + 1)
    at = np.clip(np.searchsorted(edges, j, "right") - 1, 0, bins - 1)
    rows = []
    for b in np.unique(at):
        here = at == b
        low, high = mean_interval(h[here], np.ones(here.sum()), codes[here])
        rows.append((edges[b], edges[b + 1], int(here.sum()), j[here].mean(), h[here].mean(), low, high))
    frame = pd.DataFrame(rows, columns=["low", "high", "n", "judge", "people", "people_low", "people_high"])
    gaps = np.stack([(j - h) * (at == b) for b in np.unique(at)])
    draws = bootstrap(np.vstack([gaps, j - h]), np.ones(len(j)), codes, lambda m: np.stack([np.abs(m[:-1]).sum(0), m[-1]]), seed)
    ece_ci, _ = percentiles(draws)
    bias_ci = mean_interval(j - h, np.ones(len(j)), codes, low=-1.0)
    return Calibration(frame, float(np.abs(gaps.mean(1)).sum()), ece_ci, float((j - h).mean()), bias_ci, len(j))


def confusion(judge: np.ndarray, people: np.ndarray, values: Sequence[float] = (0.0, 1.0)) -> pd.DataFrame:
    """Long table of counts: judge, people (levels of the scale), n, share of the judge's level, low, high (95 % Wilson).

    A grade between levels counts for the nearest one, half-way upwards.

    Raises:
        NotReady: no answer has both grades.
    """
    j, h, _ = _both(judge, people, None)
    j, h = nearest(j, values), nearest(h, values)
    rows = []
    for a in values:
        total = int((j == a).sum())
        for b in values:
            n = int(((j == a) & (h == b)).sum())
            rows.append((a, b, n, n / total if total else math.nan, *(wilson(n, total) if total else (math.nan, math.nan))))
    return pd.DataFrame(rows, columns=["judge", "people", "n", "share", "low", "high"])


def nearest(grades: np.ndarray, values: Sequence[float]) -> np.ndarray:
    """Grades on the levels of a scale; NaN stays."""
    scale = np.asarray(sorted(values), float)
    middle = (scale[1:] + scale[:-1]) / 2
    return np.where(np.isfinite(grades), scale[np.searchsorted(middle, grades, "right").clip(0, len(scale) - 1)], np.nan)


def _both(judge: np.ndarray, people: np.ndarray, clusters: np.ndarray | None) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    both = np.isfinite(judge) & np.isfinite(people)
    if not both.any():
        raise NotReady("No answer has both an automatic and a human grade yet.")
    codes = np.arange(len(both)) if clusters is None else np.asarray(clusters)
    return np.asarray(judge, float)[both], np.asarray(people, float)[both], codes[both]
