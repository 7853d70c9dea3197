"""Commands that ask whether what was decided still holds."""

from __future__ import annotations

import argparse
from pathlib import Path

from tierwise.cli.command import Result, command
from tierwise.cli.decide import _answers, _policy
from tierwise.cli.share import write
from tierwise.gate import MAX_COST_RISE, MAX_LOSS
from tierwise.store import Store

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
    from tierwise.gate import gate as hold
    from tierwise.gate import junit
    from tierwise.grading import matrix

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
