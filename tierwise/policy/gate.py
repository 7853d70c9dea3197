"""Does a saved policy still hold on a newer run? Rules with a figure and a limit each, for a pipeline that must not let a loss through."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

from tierwise.errors import BadInput
from tierwise.policy import Evaluation, evaluate
from tierwise.report.markup import tag
from tierwise.tuning.advice import FEW
from tierwise.tuning.answers import Answers
from tierwise.types import OutcomeMatrix, Policy, now

MAX_LOSS, MAX_COST_RISE = 0.02, 0.10


@dataclass(frozen=True)
class Rule:
    """One thing that must hold."""

    name: str
    passed: bool | None
    """None where there is nothing to hold it to."""
    says: str
    """The figure, its interval and the limit, in a sentence."""
    value: float | None
    limit: float
    ci95: tuple[float, float] | None = None

    def to_json(self) -> dict[str, Any]:
        ci = list(self.ci95) if self.ci95 else None
        return {"rule": self.name, "passed": self.passed, "value": self.value, "limit": self.limit, "ci95": ci, "says": self.says}


@dataclass(frozen=True)
class Gate:
    """What was asked of a policy, and whether it holds."""

    policy: Policy
    run_name: str
    run_id: str
    simulated: bool
    evaluation: Evaluation
    rules: tuple[Rule, ...]
    notes: tuple[str, ...] = ()

    @property
    def passed(self) -> bool:
        return all(rule.passed is not False for rule in self.rules)

    def to_json(self) -> dict[str, Any]:
        figures = {"policy": self.policy.id, "run": self.run_id, "simulated": self.simulated, "passed": self.passed}
        return figures | {"rules": [r.to_json() for r in self.rules], "notes": list(self.notes), "evaluation": self.evaluation.to_json()}


def gate(
    policy: Policy, matrix: OutcomeMatrix, max_loss: float = MAX_LOSS, max_cost_rise: float = MAX_COST_RISE, strict: bool = False,
    answers: Answers | None = None,
) -> Gate:  # fmt: skip
    """Hold a policy to limits on the outcomes of a run.

    Args:
        max_loss: in quality units against the last tier; 0.02 is two points.
        max_cost_rise: share by which its cost may exceed the one it was saved with.
        strict: the whole interval of the loss must keep the limit, not the estimate alone.
        answers: the run's stored answers, for a cascade.

    Raises:
        BadInput: a limit that is no number, or a run without a tier of the policy.
        NotReady: no prompt of the run is graded and priced on all of them.
    """
    if not (math.isfinite(max_loss) and -1 <= max_loss <= 1):
        raise BadInput(f"max-loss {max_loss:g}: give a share of quality, such as 0.02 for two points.")
    if not (math.isfinite(max_cost_rise) and max_cost_rise >= -1):
        raise BadInput(f"max-cost-rise {max_cost_rise:g}: give a share, such as 0.10 for ten per cent.")
    found = evaluate(policy, matrix, answers=answers)
    rules = (_enough(found), _loss(found, max_loss, strict), _cost(found, max_cost_rise))
    return Gate(policy, matrix.run.name, matrix.run.id, _simulated(matrix), found, rules, tuple(_notes(policy, found)))


def junit(result: Gate) -> bytes:
    """As a pipeline reads it: one suite, one case a rule."""
    cases = []
    for rule in result.rules:
        inside = tag("system-out", rule.says)
        if rule.passed is None:
            inside = tag("skipped", message=rule.says)
        elif not rule.passed:
            inside = tag("failure", rule.says, type=rule.name, message=rule.says)
        cases.append(tag("testcase", inside, classname="tierwise.gate", name=rule.name))
    failures, skipped = (str(sum(r.passed is state for r in result.rules)) for state in (False, None))
    counts = {"tests": str(len(cases)), "failures": failures, "errors": "0", "skipped": skipped}
    name = f"{result.policy.name} on {result.run_name}{' (simulated)' if result.simulated else ''}"
    suite = tag("testsuite", *cases, name=name, timestamp=f"{now():%Y-%m-%dT%H:%M:%S}", **counts)
    return f'<?xml version="1.0" encoding="UTF-8"?>\n{tag("testsuites", suite, **counts)}\n'.encode()


def _enough(e: Evaluation) -> Rule:
    says = f"{e.n:,} prompts are graded and priced on every tier; at least {FEW} are needed."
    return Rule("prompts", e.n >= FEW, says, float(e.n), float(FEW))


def _loss(e: Evaluation, limit: float, strict: bool) -> Rule:
    low, high = e.loss_ci95
    worst = high if strict else e.loss
    held = "the upper end of the interval" if strict else "the estimate"
    says = f"Loses {e.loss * 100:.2f} points [{low * 100:.2f}, {high * 100:.2f}]; the limit is {limit * 100:g}, and {held} counts."
    return Rule("loss", worst <= limit + 1e-12, says, e.loss, limit, e.loss_ci95)


def _cost(e: Evaluation, limit: float) -> Rule:
    expected = e.policy.document.get("expected", {}).get("cost_per_1k_usd", {}).get("value")
    here = f"Costs ${e.cost_per_1k_usd:.4g} per 1,000 requests"
    if not expected:
        return Rule("cost", None, f"{here}; the policy does not say what it was expected to cost.", None, limit)
    rise = e.cost_per_1k_usd / expected - 1
    says = f"{here}, {rise:+.1%} against the ${expected:.4g} it was saved with; the limit is {limit:+.0%}."
    return Rule("cost", rise <= limit + 1e-12, says, rise, limit)


def _notes(policy: Policy, e: Evaluation) -> list[str]:
    found = []
    if e.same_prompts:
        found.append("The policy was tuned on this very run, so the figures are fitted and not held-out. Ask again with a newer run.")
    if e.left_out:
        found.append(f"{e.left_out:,} prompts are left out: without a grade or a cost on some tier.")
    expires = policy.document.get("expires")
    if expires and expires < f"{now().isoformat()}Z":
        found.append(f"The policy was to be renewed by {expires[:10]}.")
    return found


def _simulated(matrix: OutcomeMatrix) -> bool:
    return matrix.run.simulated or any(t.simulated for t in matrix.run.tiers)
