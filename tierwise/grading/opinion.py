"""Whose opinion a loss and a certificate are: the automatic grader's, or people's.

A certificate on automatic grades alone is about what the grader would say. With people's grades of a random part of the routed prompts,
the same path of policies is walked by the human-corrected loss (`tierwise.statistics.corrected`), which stays right however wrong the grader is.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from tierwise.errors import NotReady
from tierwise.statistics.certify import floor
from tierwise.statistics.corrected import Corrected
from tierwise.tuning.certificate import Certificate, Path
from tierwise.tuning.heldout import HeldOut
from tierwise.types import OutcomeMatrix

if TYPE_CHECKING:
    from tierwise.grading.human import HumanGrades

ENOUGH = 50
"""Pairs graded by people, of prompts that the boldest policy of the path routes, from which on they decide the certificate."""

LEAST_PAIRS = 10
"""Policies that route fewer prompts graded by people are not tested: the list is made before any human grade is looked at."""

STEP = 0.04
"""Share of prompts by which the policies tested differ at least: fewer tests in a row lose less to chance."""


@dataclass(frozen=True)
class Opinion:
    """A tuning in the eyes of people."""

    pairs: int
    """Prompts with both grades by people, of those that the boldest policy routes."""
    uncovered: float
    """Share of the prompts from groups where nobody graded both answers that matter to the boldest policy."""
    loss: Corrected | None
    """Of router and thresholds, held-out; None where nobody graded what it takes."""
    certificate: Certificate | None
    """With people's grades folded in; None while these are fewer than `ENOUGH`, or leave too much uncovered."""
    automatic: Certificate
    """By the automatic grades alone."""

    @property
    def decides(self) -> Certificate:
        """The certificate that counts."""
        return self.certificate or self.automatic

    @property
    def words(self) -> str:
        """One sentence: what the certificate rests on, and what would change that."""
        if self.certificate is None and self.pairs < ENOUGH:
            return (f"The certificate is {self.automatic.label}: people graded {self.pairs:,} of the routed prompts, "
                    f"and from {ENOUGH} on their grades decide it.")  # fmt: skip
        if self.certificate is None:
            return (f"The certificate is {self.automatic.label}: for {self.uncovered:.0%} of the prompts nobody was asked about both "
                    "answers that matter. Start a queue that asks about every tier.")  # fmt: skip
        if self.certificate.status == self.automatic.status:
            return f"The certificate is {self.certificate.label}."
        other = "certified" if self.automatic.status == "certified" else "not certified"
        return f"The certificate is {self.certificate.label}; by the automatic grades alone it would be {other}."

    def to_json(self) -> dict[str, Any]:
        return {
            "pairs": self.pairs, "uncovered": self.uncovered, "loss": self.loss.to_json() if self.loss else None, "by": self.decides.by, "words": self.words,
            "certificate": self.certificate.to_json() if self.certificate else None, "automatic": self.automatic.to_json(),
        }  # fmt: skip


def opinion(human: HumanGrades, matrix: OutcomeMatrix, held: HeldOut, path: Path, automatic: Certificate) -> Opinion:
    """What people's grades make of a tuning.

    Args:
        human: of the run; cut here to the prompts and tiers of `matrix`, which the held-out figures and the path are read off.
        automatic: the certificate of the path by the automatic grades.
    """
    human = human.among(matrix)
    try:
        loss = human.loss(held.served)
    except NotReady:
        loss = None
    boldest = path.served[:, -1]
    pairs = human.pairs(boldest)
    uncovered = human.loss(boldest).uncovered if pairs > 1 else 1.0
    decides = pairs >= ENOUGH and uncovered <= automatic.epsilon
    found = certificate(human, path, automatic.epsilon, automatic.delta) if decides else None
    return Opinion(pairs, uncovered, loss, found, automatic)


def certificate(human: HumanGrades, path: Path, epsilon: float, delta: float) -> Certificate:
    """Walk the path by the human-corrected loss, each policy tested at delta, and stop at the first that fails.

    Prompts whose two answers no queue asked about count as lost entirely. `human` is of the very prompts of the path.
    """
    last, units = path.served.max(), len(path.evidence.d)
    routed = (path.served != last).T @ (human.weights / human.weights.sum())
    tested, at = [], 0.0
    for j in range(1, path.served.shape[1]):
        if routed[j] >= at + STEP and human.pairs(path.served[:, j]) >= LEAST_PAIRS:
            tested.append(j)
            at = float(routed[j])
    passed: list[int] = []
    for j in tested if epsilon > 0 and units >= floor(epsilon, delta) else ():
        loss = human.loss(path.served[:, j])
        if loss.upper(delta) + loss.uncovered > epsilon:
            break
        passed.append(j)
    pairs = human.pairs(path.served[:, -1])
    method = f"PPI++ in strata, fixed sequence of {len(tested)} policies, {path.how}"
    promise = Certificate("none", epsilon, delta, None, None, method, units, by="people", pairs=pairs)
    best = max(passed, key=lambda j: path.saving[j], default=None)
    if best is None or path.saving[best] <= 0:
        return promise
    thresholds = tuple(float(t) for t in path.thresholds[best])
    loss = human.loss(path.served[:, best]).value
    return replace(promise, status="certified", saving=float(path.saving[best]), thresholds=thresholds, loss=loss)
