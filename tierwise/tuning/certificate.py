"""The certificate of a tuning: how far along a fixed path of policies the promise holds, or how many prompts it would take."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

import numpy as np
import pandas as pd

from tierwise.statistics.certify import Evidence, floor, prompts_needed
from tierwise.tuning.heldout import Folded
from tierwise.tuning.references import over_coin_flip

DEFAULT_EPSILON = 0.02
WORTH_HAVING = 0.05
"""A saving below this is not worth a certificate, nor a router."""


@dataclass(frozen=True)
class Certificate:
    """P(true loss > epsilon) <= delta for the policy of `thresholds`; status `none` promises nothing.

    For a fixed router the test of pass/fail grades is finite-sample valid; cross-fitting makes the whole hold at about its nominal level.
    """

    status: str
    """`certified` or `none`."""
    epsilon: float
    delta: float
    saving: float | None
    """Held-out, of the certified policy."""
    prompts_needed: int | None
    """In all, for a policy worth having; None when certified, or when no number would do."""
    method: str
    units: int
    """Independent units of evidence: clusters of prompts."""
    thresholds: tuple[float, ...] | None = None
    """Of the certified policy, which is not the recommended one: that one is chosen by what was observed."""
    loss: float | None = None
    """Held-out, of the certified policy."""
    by: Literal["automatic grades", "people"] = "automatic grades"
    """Whose opinion it is. By automatic grades alone the promise is about what the grader would say, not what people would."""
    pairs: int = 0
    """Prompts of which people graded both answers that matter; 0 where they had no say."""

    @property
    def label(self) -> str:
        """Whose opinion it is, in words."""
        if self.by == "people":
            return f"corrected by people's grades of {self.pairs:,} prompts"
        return "the opinion of the automatic grades alone"

    def covers(self, thresholds: tuple[float, ...]) -> bool:
        """Whether the promise was made for these thresholds."""
        return self.status == "certified" and self.thresholds is not None and tuple(thresholds) == self.thresholds

    def to_json(self) -> dict[str, object]:
        return {k: getattr(self, k) for k in ("status", "epsilon", "delta", "saving", "prompts_needed")}


CROSS_FITTED = 0.5
"""Share of delta that the band of a cross-fitted path may use: folds that share prompts err together, and it is held against prompts that
are a sample too. At the whole of delta it was crossed in up to 13 % of 200 resamples with 1,000 prompts, where 10 % were meant; at half of it in up to 10 %."""


@dataclass(frozen=True)
class Path:
    """Policies from always-frontier to always-cheapest, each read off folds that did not choose it."""

    evidence: Evidence = field(repr=False)
    cost_per_1k: np.ndarray
    saving: np.ndarray
    loss: np.ndarray
    discordance: np.ndarray
    """Mean square of the loss: for pass/fail grades the share of prompts on which policy and frontier differ."""
    thresholds: np.ndarray
    """(P, K - 1) of the same knobs on all prompts."""
    over_coin_flip: tuple[float, float]
    """Mean advantage in quality over random mixes of the same cost, along the path, and its standard error."""
    served: np.ndarray = field(repr=False)
    """(n, P) the tier whose answer each prompt gets."""
    how: str = "cross-fitted"

    @classmethod
    def of(cls, folded: Folded, routers: Mapping[int, str], final: str) -> "Path":
        """`routers` choose for each fold; `final` is the one that goes into the policy."""
        return cls.reading(folded, folded.along(routers), folded.path(final), "cross-fitted")

    @classmethod
    def reading(cls, folded: Folded, actions: np.ndarray, thresholds: np.ndarray, how: str) -> "Path":
        """From (n, P) actions of every prompt by each policy of the path; `how` tells what kept the choice apart from them."""
        m, rows = folded.matrix, folded.rows[:, None]
        quality, paid = folded.q[rows, actions], folded.c[rows, actions]
        lost, cost, served = m.quality[:, -1:] - quality, folded.w @ paid, folded.served[actions].astype(np.int8)
        if lost[:, 0].any():  # a pin may lose: then always-frontier is not on the path, and no policy of it may pass untested
            free = np.zeros((len(lost), 1))
            lost, cost = np.concatenate([free, lost], axis=1), np.append(folded.cost[-1], cost)
            thresholds = np.concatenate([thresholds[:1], thresholds])
            served = np.concatenate([np.full((len(lost), 1), len(m.tiers) - 1, np.int8), served], axis=1)
        evidence = Evidence.of(lost, m.weights, m.clusters, [s.id for s in m.samples])
        saving = 1 - cost / folded.cost[-1] if folded.cost[-1] > 0 else np.zeros(len(cost))
        learned = over_coin_flip(m, quality[:, 1:-1], paid[:, 1:-1])
        return cls(evidence, cost * 1000, saving, folded.w @ lost, folded.w @ lost**2, thresholds, learned, served, how)

    def certificate(self, epsilon: float, delta: float, aimed_saving: float, anytime: bool = False) -> Certificate:
        """Walk from always-frontier towards cheaper policies, each tested at delta, and stop at the first that fails.

        Args:
            anytime: by e-values, which stay good however often one looks and adds prompts.
        """
        units = len(self.evidence.d)
        least = floor(epsilon, delta)
        test = "e-values, any time" if anytime else self.evidence.method
        method = f"{test}, fixed sequence of {len(self.saving) - 1} policies, {self.how}"
        last = self.evidence.walk(epsilon, delta, anytime) if epsilon > 0 and units >= least else 0
        # a knob may save less than an earlier one on held-out prompts; all up to the last are certified, so the best is taken
        best = int(np.argmax(self.saving[: last + 1]))
        if best and self.saving[best] > 0:
            at = tuple(float(t) for t in self.thresholds[best])
            return Certificate("certified", epsilon, delta, float(self.saving[best]), None, method, units, at, float(self.loss[best]))
        return Certificate("none", epsilon, delta, None, self.needed(epsilon, delta, aimed_saving), method, units)

    def needed(self, epsilon: float, delta: float, aimed_saving: float) -> int | None:
        """Prompts for the first policy that saves half of what is aimed at: every policy before it must pass as well."""
        if epsilon <= 0:
            return None
        size = len(self.evidence.d)
        plans = [
            prompts_needed(float(d), epsilon, delta, true_loss=max(float(x), 0.0)) for d, x in zip(self.discordance, self.loss, strict=True)
        ]
        wanted = max(WORTH_HAVING, aimed_saving / 2)
        most = 0
        for j in range(1, len(plans)):
            if plans[j] is None:
                break
            most = max(most, plans[j])
            if self.saving[j] >= wanted:
                return max(most, floor(epsilon, delta))
        # the losses seen do not allow it; if they are chance, this many would show it
        reach = next((j for j in range(1, len(plans)) if self.saving[j] >= wanted), None)
        hopeful = prompts_needed(float(self.discordance[reach]), epsilon, delta) if reach else None
        return hopeful if hopeful and hopeful > size else None

    def band(self, delta: float) -> pd.DataFrame:
        """cost (per 1,000), quality, low, high, loss, loss_upper: limits that hold for all policies of the path at once."""
        from tierwise.statistics.band import band

        low, high = band(self.evidence, delta * (CROSS_FITTED if self.how == "cross-fitted" else 1))
        return pd.DataFrame({"cost": self.cost_per_1k, "loss": self.loss, "loss_lower": low, "loss_upper": high})
