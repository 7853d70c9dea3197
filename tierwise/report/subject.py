"""What a report is about: a run or a policy with all that is known of it, gathered once."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

import numpy as np
import pandas as pd

from tierwise.errors import BadInput, NotFound, NotReady
from tierwise.grading.grades import matrix as graded
from tierwise.grading.human import HumanGrades, human_grades
from tierwise.store import Store
from tierwise.traffic import weighed
from tierwise.tuning.aims import Aim
from tierwise.tuning.terms import Terms
from tierwise.types import EvalSetInfo, OutcomeMatrix, Policy, Run, now


@dataclass(frozen=True)
class Figure:
    """An estimate with its 95 % interval, where it has one."""

    value: float | None
    ci95: tuple[float, float] | None = None


@dataclass(frozen=True)
class HeldOutFigures:
    """What to expect of the recommended point or the policy, by its name in the document of a policy."""

    n: int
    method: str
    figures: Mapping[str, Figure]
    share_by_tier: Mapping[str, float]

    def __getitem__(self, name: str) -> Figure:
        return self.figures.get(name, Figure(None))


@dataclass(frozen=True)
class Subject:
    """Whatever is None is not known, and its section is left out."""

    title: str
    simulated: bool
    run: Run | None = None
    evalset: EvalSetInfo | None = None
    matrix: OutcomeMatrix | None = None
    tuning: Any = field(default=None, repr=False)
    policy: Policy | None = None
    expected: HeldOutFigures | None = None
    promise: Mapping[str, Any] | None = None
    """status, epsilon, delta, saving, prompts_needed"""
    choice: np.ndarray | None = field(default=None, repr=False)
    """Column of `used` for each prompt: its tier, or what a cascade does with it."""
    used: OutcomeMatrix | None = None
    human: HumanGrades | None = None
    answers: pd.DataFrame | None = field(default=None, repr=False)
    """Outcomes of the run, where answers are to be shown."""
    warnings: tuple[str, ...] = ()
    made: datetime = field(default_factory=now)


def of_run(store: Store, run: Run, matrix: OutcomeMatrix, tuning: Any, answers: bool) -> Subject:
    """A run; `tuning` is None where there is nothing to choose between."""
    used = tuning.actions if tuning is not None else None
    return Subject(
        title=run.name,
        simulated=_simulated(run),
        run=run,
        evalset=store.evalsets.info(run.evalset_id),
        matrix=matrix,
        tuning=tuning,
        expected=_held_out(tuning) if tuning is not None else None,
        promise=tuning.certificate.to_json() if tuning is not None else None,
        choice=tuning.choice(tuning.chosen.thresholds) if tuning is not None else None,
        used=used,
        human=human_grades(store, matrix),
        answers=store.runs.outcomes(run.id) if answers else None,
        warnings=tuple(tuning.warnings) if tuning is not None else _untuned(run),
    )


def of_policy(store: Store, policy: Policy, answers: bool) -> Subject:
    """A policy with the run that it was tuned on, where the workspace holds it; else what its document says."""
    document = policy.document
    base = Subject(
        title=policy.name,
        simulated=bool(document.get("simulated")),
        policy=policy,
        expected=_said(document),
        promise=document.get("certificate"),
    )
    notes = tuple(document.get("notes", ()))
    try:
        run = store.runs.get(policy.run_id)
        matrix = _matrix(store, run, document)
    except (NotFound, NotReady):
        gone = "The run that this policy was tuned on is not in this workspace: the figures are those of its document."
        return replace(base, warnings=(*notes, gone))
    try:
        tuning, choice, used, more = _decided(policy, matrix)
    except (NotReady, BadInput) as error:
        return replace(base, warnings=(*notes, str(error)))
    warnings = tuple(dict.fromkeys((*(tuning.warnings if tuning is not None else ()), *notes, *more)))
    return replace(
        base, run=run, evalset=store.evalsets.info(run.evalset_id), matrix=matrix, tuning=tuning, choice=choice, used=used,
        human=human_grades(store, matrix), answers=store.runs.outcomes(run.id) if answers else None, warnings=warnings,
    )  # fmt: skip


CASCADE = "The policy is a cascade, which pays for more than the answer it serves: what it does to single prompts is told by `evaluate`."


def _decided(policy: Policy, matrix: OutcomeMatrix) -> tuple[Any, np.ndarray | None, OutcomeMatrix, tuple[str, ...]]:
    """The tuning behind a policy made again for its curve, the tier of each prompt, the prompts, and what to say about it."""
    from tierwise.policy import evaluate
    from tierwise.routers import ROUTERS
    from tierwise.tuning.tune import tune

    document = policy.document
    if "cascade" in document:
        return None, None, matrix.take(matrix.complete), (CASCADE,)
    known = set(matrix.tiers)
    names = [t["name"] if t["name"] in known else t["model"]["litellm_model"] for t in document["tiers"]]
    said = document["provenance"].get("router", {})
    wanted = {k: v for k, v in document["provenance"].get("aim", {}).items() if k in ("max_loss", "max_cost_per_1k", "min_quality")}
    terms, tuning = Terms.of_policy(document), None
    if said.get("name") in ROUTERS and len(names) > 1:
        try:
            tuning = tune(
                matrix, Aim(**wanted) if wanted else None, said["name"], seed=said.get("seed", 0), folds=said.get("folds", 5), tiers=names,
                terms=terms,
            )  # fmt: skip
        except (NotReady, NotFound):
            tuning = None
    if tuning is not None and len(document["rules"]) == len(terms.pins) and hasattr(tuning, "choice"):
        thresholds = [t["lt"] for t in document["thresholds"] if "lt" in t]
        return tuning, tuning.choice(thresholds), tuning.matrix, ()
    used = tuning.matrix if tuning is not None else matrix.take(matrix.complete)
    place = {t.model: k for k, t in reversed(list(enumerate(used.run.tiers)))} | {t.name: k for k, t in enumerate(used.run.tiers)}
    decided = {d["sample_id"]: d for d in evaluate(policy, matrix).decisions}
    choice = np.array([place.get(decided[s.id]["tier"], place.get(decided[s.id]["served"])) for s in used.samples], dtype=int)
    return (
        tuning,
        choice,
        used,
        ("By request type and by prompt, the policy decided prompts that it was tuned on: read those figures as fitted, not held-out.",),
    )


def _matrix(store: Store, run: Run, document: Mapping[str, Any]) -> OutcomeMatrix:
    scorer = document["provenance"].get("grader", {}).get("scorer")
    try:
        found = graded(store, run.id, scorer)
    except NotReady:
        found = graded(store, run.id)
    profile = document["provenance"].get("traffic", {}).get("profile")
    if profile is None:
        return found
    try:
        return weighed(found, store.traffic.get(profile))[0]
    except NotFound:  # the log is not in this workspace: the prompts' own mix
        return found


def _held_out(tuning: Any) -> HeldOutFigures:
    h = tuning.heldout
    found = {"quality": Figure(h.quality, h.quality_ci95), "loss": Figure(h.loss, h.loss_ci95), "saving": Figure(h.saving, h.saving_ci95),
             "cost_per_1k_usd": Figure(h.cost_per_1k_usd, h.cost_per_1k_ci95)}  # fmt: skip
    return HeldOutFigures(tuning.n, h.method, found, dict(zip(tuning.tiers, tuning.chosen.share_by_tier, strict=False)))


def _said(document: Mapping[str, Any]) -> HeldOutFigures | None:
    expected = document.get("expected")
    if not expected:
        return None
    found = {
        name: Figure(figure.get("value"), tuple(figure["ci95"]) if figure.get("ci95") else None)
        for name, figure in expected.items()
        if isinstance(figure, Mapping) and "value" in figure
    }
    return HeldOutFigures(int(expected.get("n", 0)), str(expected.get("method", "")), found, expected.get("share_by_tier", {}))


def _simulated(run: Run) -> bool:
    return run.simulated or any(t.simulated for t in run.tiers)


def _untuned(run: Run) -> tuple[str, ...]:
    return ("The models are simulated: the figures show how Tierwise works, not what real models do.",) if _simulated(run) else ()
