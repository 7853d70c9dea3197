"""A graded run as a stream of requests: random orders, what learners know of each prompt, and a change on the way."""

from dataclasses import dataclass

import numpy as np

from tierwise.errors import NotReady
from tierwise.features import prompt_features
from tierwise.types import OutcomeMatrix

TYPES, AXES = 12, 8


@dataclass(frozen=True)
class Change:
    """Something that happens to a tier on the way."""

    tier: str
    quality: float = -0.25
    """Added to its mean grade: right answers turn wrong (or wrong ones right) at random."""
    cost: float = 1.0
    """Its cost is multiplied by this."""
    at: float = 0.5
    """Share of the stream after which it happens."""


def contexts(matrix: OutcomeMatrix, fitted_on: np.ndarray | None = None) -> np.ndarray:
    """(n, d) what learners know of a prompt: a constant, the main axes of its features, and its request type among the commonest."""
    rows = slice(None) if fitted_on is None else fitted_on
    raw = prompt_features(matrix.samples)
    centre, spread = raw[rows].mean(0), raw[rows].std(0)
    kept = spread > 1e-9
    z = np.clip((raw[:, kept] - centre[kept]) / spread[kept], -4, 4)
    _, size, axes = np.linalg.svd(z[rows] - z[rows].mean(0), full_matrices=False)
    axes = axes[: min(AXES, int((size > 1e-9).sum()))]
    main = z @ axes.T
    main = main / np.maximum(main[rows].std(0), 1e-9) if main.size else main
    names, counts = np.unique(matrix.request_types[rows].astype(str), return_counts=True)
    common = names[np.argsort(-counts)][: TYPES if len(names) > 1 else 0]
    marks = (matrix.request_types[:, None].astype(str) == common[None]).astype(float)
    return np.hstack([np.ones((len(raw), 1)), main * 0.5, marks])


@dataclass(frozen=True)
class Stream:
    """R orders of the same prompts; costs as shares of the mean frontier cost."""

    x: np.ndarray
    """(R, n, d)"""
    quality: np.ndarray
    """(R, n, K), after the change where there is one."""
    cost: np.ndarray
    order: np.ndarray
    """(R, n) rows of the matrix."""
    known: tuple[np.ndarray, np.ndarray, np.ndarray]
    """x, quality and cost of the offline prompts."""
    turn: int
    """The request at which the change happens; n without one."""
    scale: float
    """US dollars of a mean frontier answer."""

    @classmethod
    def of(cls, m: OutcomeMatrix, offline: int, runs: int, change: Change | None, rng: np.random.Generator) -> "Stream":
        orders = np.stack([rng.permutation(len(m)) for _ in range(runs)])
        scale = float(np.average(m.cost[:, -1], weights=m.weights))
        if not scale > 0:
            raise NotReady("The last tier costs nothing here, so there is nothing to save. Set its prices.")
        # contexts may look at prompts, never at grades: fitting their axes on all prompts gives nothing away
        x, cost = contexts(m)[orders], (m.cost / scale)[orders]
        quality = m.quality[orders].copy()
        n = len(m) - offline
        turn = n if change is None else int(change.at * n)
        if change:
            k, after = m.tiers.index(change.tier), slice(offline + turn, None)
            q = quality[:, after, k]
            wanted = change.quality
            flip = rng.random(q.shape)
            mean = max(float(m.quality[:, k].mean()), 1e-9) if wanted < 0 else max(1 - float(m.quality[:, k].mean()), 1e-9)
            turned = flip < min(abs(wanted) / mean, 1.0)
            quality[:, after, k] = np.where(turned, 0.0 if wanted < 0 else 1.0, q)
            cost[:, after, k] *= change.cost
        split = lambda a: (a[:, :offline], a[:, offline:])  # noqa: E731
        (x0, x1), (q0, q1), (c0, c1) = split(x), split(quality), split(cost)
        return cls(x1, q1, c1, orders[:, offline:], (x0, q0, c0), turn, scale)
