"""Commands that ask whether what was decided still holds."""

from __future__ import annotations

import argparse
import math
from pathlib import Path

from tierwise.cli.command import Result, command
from tierwise.cli.decide import _answers, _policy
from tierwise.cli.share import run_or_policy, write
from tierwise.errors import BadInput
from tierwise.grading.summary import TierSummary
from tierwise.policy.gate import MAX_COST_RISE, MAX_LOSS
from tierwise.store import Store
from tierwise.types import Policy, Run

MARKS = {True: "pass", False: "FAIL", None: "skip"}


def _gate_arguments(p: argparse.ArgumentParser) -> None:
    p.add_argument("policy", metavar="POLICY", help="name or id, or a policy JSON file")
    p.add_argument("run", metavar="RUN", help="a graded run, newer than the one the policy was tuned on")
    p.add_argument("--max-loss", type=float, default=MAX_LOSS, metavar="SHARE", help="against the last tier; 0.02 is two points")
    p.add_argument("--max-cost-rise", type=float, default=MAX_COST_RISE, metavar="SHARE", help="against the cost it was saved with")
    p.add_argument("--strict", action="store_true", help="the whole 95%% interval of the loss must keep the limit")
    p.add_argument("--scorer", help="whose grades count")
    p.add_argument("--junit", metavar="FILE.xml", help="write the result as a pipeline reads it")


@command("gate", "Fail when a policy no longer holds on a run.", _gate_arguments)
def gate(a: argparse.Namespace, store: Store) -> Result:
    from tierwise.grading.grades import matrix
    from tierwise.policy.gate import gate as hold
    from tierwise.policy.gate import junit

    run = store.runs.get(a.run)
    policy = _policy(store, a.policy)
    graded = matrix(store, run.id, a.scorer)
    answers = _answers(store, run.id, graded) if "cascade" in policy.document else None
    result = hold(policy, graded, a.max_loss, a.max_cost_rise, a.strict, answers)
    if a.junit:
        write(a.junit, junit(result), "--junit")
    label = " (simulated)" if result.simulated else ""
    head = f"{policy.name} on {run.name}{label}: {'holds' if result.passed else 'does not hold'}"
    lines = [head, *(f"  {MARKS[r.passed]}  {r.name}: {r.says}" for r in result.rules), *(f"  {note}" for note in result.notes)]
    failed = [r for r in result.rules if r.passed is False]
    problem = f"policy {policy.name!r} does not hold on run {run.name!r}: {' '.join(r.says for r in failed)}" if failed else None
    data = result.to_json() | {"junit": str(Path(a.junit)) if a.junit else None}
    return Result(data, "\n".join(lines), problem)


def _compare_arguments(p: argparse.ArgumentParser) -> None:
    p.add_argument("a", metavar="A", help="a run, or a policy")
    p.add_argument("b", metavar="B", help="another of the same kind")
    p.add_argument("--on", metavar="RUN", help="of two policies: the run whose prompts both decide; the one A was tuned on without it")
    p.add_argument("--scorer", help="whose grades count")


@command("compare", "Two policies on one run, or two runs, side by side.", _compare_arguments)
def compare(a: argparse.Namespace, store: Store) -> Result:
    from tierwise.grading.grades import matrix
    from tierwise.policy.sidebyside import compare_policies, compare_runs

    first, second = (run_or_policy(store, key) for key in (a.a, a.b))
    if isinstance(first, Policy) != isinstance(second, Policy):
        raise BadInput("One is a run and the other a policy; compare two runs, or two policies.")
    if isinstance(first, Run):
        runs = compare_runs(matrix(store, first.id, a.scorer), matrix(store, second.id, a.scorer))
        lines = [f"A: {_called(runs.names[0], runs.simulated[0])}", f"B: {_called(runs.names[1], runs.simulated[1])}"]
        lines += [f"  {_tier('A', x)} | {_tier('B', y)}" for x, y in runs.tiers]
        lines += [f"  {difference}" for difference in runs.differences] or ["  They share no prompt, so nothing is paired."]
        return Result(runs.to_json(), "\n".join(lines))
    run = store.runs.get(a.on or first.run_id)
    graded = matrix(store, run.id, a.scorer)
    cascade = any("cascade" in p.document for p in (first, second))
    both = compare_policies(first, second, graded, _answers(store, run.id, graded) if cascade else None)
    lines = [f"On {_called(run.name, both.simulated)}, {both.agree:.1%} of the prompts go to the same model."]
    for letter, e in zip("AB", both.evaluations, strict=True):
        fitted = "; tuned on these prompts" if e.same_prompts else ""
        low, high = (100 * v for v in e.loss_ci95)
        figures = f"quality {e.quality:.2%}, ${e.cost_per_1k_usd:.4f} per 1,000, saves {e.saving:.1%}"
        lines.append(f"  {letter}: {e.policy.name} {e.policy.version}: {figures}, loses {e.loss * 100:.2f} points [{low:.2f}, {high:.2f}], "
                     f"n = {e.n:,}{fitted}")  # fmt: skip
    return Result(both.to_json(), "\n".join([*lines, f"  {both.quality}"]))


def _called(name: str, simulated: bool) -> str:
    return f"{name} (simulated)" if simulated else name


def _tier(letter: str, t: TierSummary | None) -> str:
    if t is None:
        return f"{letter} has no such tier"
    cost = "unpriced" if math.isnan(t.cost_per_1k_usd) else f"${t.cost_per_1k_usd:.4f}"
    return f"{letter} {t.tier}: {t.quality:.2%} [{t.quality_ci95[0]:.2%}, {t.quality_ci95[1]:.2%}] n={t.n}, {cost}"
