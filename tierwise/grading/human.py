"""What people said of a run, beside what the automatic grader said of the same answers, as arrays."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pandas as pd

from tierwise.errors import NotReady
from tierwise.grading.grades import AUTOMATIC, standing
from tierwise.statistics.agreement import Coefficient, coefficients
from tierwise.statistics.calibration import nearest
from tierwise.statistics.corrected import Corrected, corrected_loss, corrected_tiers
from tierwise.store import Store
from tierwise.types import OutcomeMatrix, Sample

LEVELS = {2: (0.0, 1.0), 5: (0.0, 0.25, 0.5, 0.75, 1.0)}


@dataclass(frozen=True)
class HumanGrades:
    """Automatic and human grades of n prompts by K tiers; NaN where there is none, never both in one array."""

    samples: tuple[Sample, ...]
    tiers: tuple[str, ...]
    weights: np.ndarray
    clusters: np.ndarray
    judge: np.ndarray
    """(n, K) by the scorer in use; repeats averaged."""
    by_rater: Mapping[str, np.ndarray]
    """(n, K) of each person: the newest grade on each answer, unless taken back."""
    strata: np.ndarray | None
    """(n,) codes of the groups from which prompts were drawn; None when no queue drew them."""
    drawn: np.ndarray
    """(n,) bool: the queue gave the prompt to a person. Grades of other prompts say nothing about the rest of their kind."""
    asked: tuple[np.ndarray, ...] = ()
    """(n, K) bool of each queue: the answers that it would ask about. None where no queue drew prompts."""

    @cached_property
    def human(self) -> np.ndarray:
        """(n, K) mean over people."""
        stack = np.stack(list(self.by_rater.values())) if self.by_rater else np.full((1, *self.judge.shape), np.nan)
        known = np.isfinite(stack).sum(0)
        return np.divide(np.nansum(stack, 0), known, out=np.full(self.judge.shape, np.nan), where=known > 0)

    @cached_property
    def sampled(self) -> np.ndarray:
        """(n, K) mean over people, of the answers that queues asked about: what corrections may use."""
        fair = np.logical_or.reduce(self.asked) & self.drawn[:, None] if self.asked else self.drawn[:, None]
        return np.where(fair, self.human, np.nan)

    @property
    def prompts(self) -> int:
        """Prompts with a human grade."""
        return int(np.isfinite(self.human).any(1).sum())

    @cached_property
    def scale(self) -> tuple[float, ...]:
        """The levels that people used: pass/fail unless a grade lies between."""
        given = self.human_values
        return LEVELS[2] if np.isin(given, LEVELS[2]).all() else LEVELS[5] if np.isin(given, LEVELS[5]).all() else tuple(np.unique(given))

    @cached_property
    def human_values(self) -> np.ndarray:
        return np.concatenate([g[np.isfinite(g)] for g in self.by_rater.values()]) if self.by_rater else np.zeros(0)

    def among(self, matrix: OutcomeMatrix) -> "HumanGrades":
        """The same for the prompts and tiers of a matrix made from this run, such as the one a tuning used."""
        place = {s.id: i for i, s in enumerate(self.samples)}
        rows, columns = [place[s.id] for s in matrix.samples], [self.tiers.index(t) for t in matrix.tiers]
        cells = np.ix_(rows, columns)
        people = {name: g[cells] for name, g in self.by_rater.items()}
        strata, asked = None if self.strata is None else self.strata[rows], tuple(a[cells] for a in self.asked)
        return HumanGrades(
            matrix.samples, matrix.tiers, matrix.weights, matrix.clusters, self.judge[cells], people, strata, self.drawn[rows], asked
        )

    def loss(self, choice: np.ndarray, level: float = 0.95) -> Corrected:
        """The corrected loss of a policy; see `corrected_loss`. `uncovered` counts the prompts whose two answers no queue asked about."""
        rows = np.arange(len(choice))
        groups = self._groups([a[rows, choice] & a[:, -1] for a in self.asked])
        return corrected_loss(self.judge, self.sampled, choice, self.weights, self.clusters, groups, level)

    def pairs(self, choice: np.ndarray) -> int:
        """Prompts that a policy sends to another tier than the last, and of which people graded both answers that matter."""
        rows, last = np.arange(len(choice)), len(self.tiers) - 1
        return int((np.isfinite(self.sampled[rows, choice] + self.sampled[:, last]) & (choice != last)).sum())

    def quality(self, level: float = 0.95) -> list[Corrected | None]:
        """The corrected mean grade of each tier; see `corrected_tiers`."""
        return [
            found
            for k in range(len(self.tiers))
            for found in corrected_tiers(
                self.judge[:, [k]], self.sampled[:, [k]], self.weights, self.clusters, self._groups([a[:, k] for a in self.asked]), level
            )
        ]

    def _groups(self, asks: list[np.ndarray]) -> np.ndarray | None:
        """The strata, split by which queues ask about the answers in question: only there were prompts drawn for them."""
        if self.strata is None or not asks:
            return self.strata
        return np.unique(np.stack([self.strata, *asks]).astype(np.int64), axis=1, return_inverse=True)[1]

    def against_judge(self) -> list[Coefficient]:
        """Agreement of people (mean, on the nearest level) with the automatic grader, over answers that both graded.

        Raises:
            NotReady: there is none.
        """
        return self._coefficients(np.stack([nearest(self.human, self.scale).ravel(), nearest(self.judge, self.scale).ravel()]))

    def between_people(self) -> list[Coefficient]:
        """Agreement of people with each other, over answers that two graded.

        Raises:
            NotReady: there is none.
        """
        if len(self.by_rater) < 2:
            raise NotReady("Only one person has graded so far.")
        return self._coefficients(np.stack([g.ravel() for g in self.by_rater.values()]))

    def _coefficients(self, ratings: np.ndarray) -> list[Coefficient]:
        clusters = np.repeat(self.clusters, len(self.tiers))
        use = np.isfinite(ratings).sum(0) >= 2
        if not use.any():
            raise NotReady("No answer has been graded twice yet.")
        which = ("raw", "gwet nominal") if len(self.scale) == 2 else ("raw", "gwet quadratic")
        more = ("kappa nominal",) if len(self.scale) == 2 else ("kappa quadratic",)
        ordinal = ("alpha nominal",) if len(self.scale) == 2 else ("alpha ordinal",)
        wanted = (*which, *(more if len(ratings) == 2 else ()), *ordinal)
        return coefficients(ratings[:, use], wanted, self.scale, clusters[use])


def human_grades(store: Store, matrix: OutcomeMatrix) -> HumanGrades:
    """Read the grades of a run; `matrix` says for which prompts, in which order, and by which scorer."""
    run_id = matrix.run.id
    grades = store.grades.frame(run_id)
    manual = (grades["author"] != AUTOMATIC).to_numpy(bool)
    sample_at, tier_at = pd.Index([s.id for s in matrix.samples]), pd.Index(matrix.tiers)

    def array(rows: pd.DataFrame) -> np.ndarray:
        means = rows.groupby(["sample_id", "tier"], sort=False)["value"].mean().dropna()
        out = np.full((len(sample_at), len(tier_at)), np.nan)
        i, k = (index.get_indexer(means.index.get_level_values(n)) for n, index in enumerate((sample_at, tier_at)))
        here = (i >= 0) & (k >= 0)
        out[i[here], k[here]] = means.to_numpy(float)[here]
        return out

    automatic = grades[~manual & (grades["scorer"] == matrix.scorer).to_numpy(bool)]
    judge = array(automatic.drop_duplicates(["sample_id", "tier", "repeat"], keep="last"))
    people = standing(grades[manual])
    by_rater = {str(name): array(rows) for name, rows in people.groupby("author")}
    strata, drawn, asked = _design(store, matrix, sample_at, tier_at)
    if strata is None:
        drawn = np.ones(len(sample_at), bool)
    return HumanGrades(matrix.samples, matrix.tiers, matrix.weights, matrix.clusters, judge, by_rater, strata, drawn, asked)


def _design(
    store: Store, matrix: OutcomeMatrix, sample_at: pd.Index, tier_at: pd.Index
) -> tuple[np.ndarray | None, np.ndarray, tuple[np.ndarray, ...]]:
    """Codes of the groups that every session drew from, the prompts drawn, and the answers that each session would ask about. Drawn at
    random in each of two groupings, prompts are drawn at random in the groups that lie in one of each."""
    drawn, asked = np.zeros(len(sample_at), bool), []
    codes: np.ndarray | None = None
    for session in store.reviews.sessions(matrix.run.id):
        claimed = set(store.reviews.claimed(session.id))
        if not claimed or session.scale == "pairwise":
            continue
        items = store.reviews.items(session.id)
        at = sample_at.get_indexer([i.sample_id for i in items])
        label = np.full(len(sample_at), "", object)
        label[at[at >= 0]] = [i.stratum for i, a in zip(items, at, strict=True) if a >= 0]
        drawn[[a for i, a in zip(items, at, strict=True) if a >= 0 and i.position in claimed]] = True
        cells = [(a, k) for i, a in zip(items, at, strict=True) if a >= 0 for k in tier_at.get_indexer(i.tiers) if k >= 0]
        asks = np.zeros((len(sample_at), len(tier_at)), bool)
        asks[tuple(np.array(cells, int).reshape(-1, 2).T)] = True
        asked.append(asks)
        own = np.unique(label.astype(str), return_inverse=True)[1]
        codes = own if codes is None else np.unique(np.stack([codes, own]), axis=1, return_inverse=True)[1]
    return codes, drawn, tuple(asked)
