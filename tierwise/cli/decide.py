"""Commands that tune, replay, route and export."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

from tierwise.cli.command import Result, command, finite, names, pairs, read, say
from tierwise.errors import BadInput, NotFound, NotReady
from tierwise.store import Store
from tierwise.tuning.answers import Answers
from tierwise.types import OutcomeMatrix, Policy, Sample


def _tune_arguments(p: argparse.ArgumentParser) -> None:
    # fmt: off
    p.add_argument("run", metavar="RUN")
    p.add_argument("--aim", action="append", default=[], metavar="NAME=NUMBER",
                   help="max-loss (0.01 is a point), max-cost (USD per 1,000), min-quality, min-quality:TYPE, max-latency-p95 (seconds), "
                        "wrong-answer-usd; several hold together")
    p.add_argument("--router", default="auto", help="auto, a router's name, cascade, or cascade:A+B")
    p.add_argument("--option", action="append", default=[], metavar="NAME=VALUE", help="of the router: key=difficulty, url=https://...")
    p.add_argument("--mode", default="standard", metavar="standard | strict | anytime",
                   help="strict: half the prompts choose, half judge; anytime: the promise may be asked for again after adding prompts")
    p.add_argument("--delta", type=float, default=0.10, help="the certificate may be wrong with this probability")
    p.add_argument("--seed", type=int, default=0)
    p.add_argument("--scorer", help="whose grades count")
    p.add_argument("--confidence", metavar="SCORER", help="another scorer, such as a judge, whose grades tell a cascade how sure an answer is")
    p.add_argument("--models", metavar="A,B,C", help="only these tiers, in this order")
    p.add_argument("--save", metavar="NAME", help="keep the result as a policy")
    p.add_argument("--traffic", metavar="PROFILE", help="weigh every figure by the mix of this traffic profile, and project a month of it")
    p.add_argument("--pin", action="append", default=[], metavar="TYPE=TIER",
                   help="requests of this type always go to this tier (the last one without a tier); figures and certificate are under it")
    p.add_argument("--router-usd-per-1k", type=float, default=0.0, metavar="USD", help="what the router itself costs per 1,000 requests")
    p.add_argument("--router-ms", type=float, default=0.0, metavar="MS", help="how long the router itself takes")
    # fmt: on


@command("tune", "Choose router and thresholds; figures are held-out.", _tune_arguments)
def tune(a: argparse.Namespace, store: Store) -> Result:
    from tierwise.cli.traffic import projected
    from tierwise.grading.grades import matrix
    from tierwise.grading.human import human_grades
    from tierwise.policy import make_policy
    from tierwise.routers import router_options
    from tierwise.traffic import weighed
    from tierwise.tuning.duplicates import clustered_samples
    from tierwise.tuning.frontier import parse_aim
    from tierwise.tuning.terms import Terms, parse_pins
    from tierwise.tuning.tune import tune as tuner

    if not 0 < a.delta < 1:
        raise BadInput(f"--delta {a.delta}: give a probability between 0 and 1, such as 0.10.")
    found = store.runs.get(a.run)
    traffic = store.traffic.get(a.traffic) if a.traffic else None
    graded = clustered_samples(matrix(store, found.id, a.scorer, confidence=a.confidence))
    matrix_used, weighing = weighed(graded, traffic) if traffic else (graded, None)
    aim, models = parse_aim(*(a.aim or ["max-loss=0.02"])), names(a.models)
    terms = Terms(parse_pins(a.pin), a.router_usd_per_1k / 1000, a.router_ms / 1000)
    answers = _answers(store, found.id, matrix_used)
    human = human_grades(store, matrix_used)
    told = []
    if not models and len(found.tiers) > 3:
        from tierwise.tuning.pool import pool

        say("Looking for the best ladder of two or three models")
        told = list(pool(matrix_used, aim, a.seed).words)
    options = router_options(a.router, pairs(a.option, "--option"))
    tuned = tuner(matrix_used, aim=aim, router=a.router, options=options, delta=a.delta, seed=a.seed, tiers=models, progress=lambda what, _: say(what),
                  answers=answers, mode=a.mode, human=human, terms=terms, traffic=weighing)  # fmt: skip
    data = tuned.to_json()
    data["warnings"] = [*told, *data["warnings"]]
    if traffic:
        data["traffic"] = projected(tuned, graded, traffic)
    if a.save:
        policy = store.policies.add(make_policy(tuned, a.save))
        data["policy"] = policy.id
    held, chosen = tuned.heldout, tuned.chosen
    text = [f"{found.name}{' (simulated)' if found.simulated else ''}: {data['verdict']}; router {data['router']}, n={data['n']}",
            f"  thresholds {', '.join(f'{t:.4f}' for t in chosen.thresholds)}",
            f"  held-out: saves {held.saving:.1%} [{held.saving_ci95[0]:.1%}, {held.saving_ci95[1]:.1%}], "
            f"loses {held.loss * 100:.2f} points [{held.loss_ci95[0] * 100:.2f}, {held.loss_ci95[1] * 100:.2f}]",
            f"  certificate: {data['certificate']['status']} ({tuned.certificate.label})"]  # fmt: skip
    if tuned.opinion and (loss := tuned.opinion.loss):
        text.append(f"  corrected by people: loses {loss.value * 100:.2f} points [{loss.low * 100:.2f}, {loss.high * 100:.2f}], "
                    f"{loss.humans} prompts graded. {tuned.opinion.words}")  # fmt: skip
    text += [f"  {line}" for line in (*data["warnings"], *(data["traffic"]["words"] if traffic else ()))]
    return Result(data, "\n".join(text))


def _evaluate_arguments(p: argparse.ArgumentParser) -> None:
    p.add_argument("policy", metavar="POLICY", help="name or id, or a policy JSON file")
    p.add_argument("run", metavar="RUN")
    p.add_argument("--scorer", help="whose grades count")
    p.add_argument("--decisions", metavar="FILE.jsonl")


@command("evaluate", "Apply a saved policy to another run's outcomes.", _evaluate_arguments)
def evaluate(a: argparse.Namespace, store: Store) -> Result:
    from tierwise.grading.grades import matrix
    from tierwise.policy import evaluate as evaluator

    found = store.runs.get(a.run)
    policy = _policy(store, a.policy)
    graded = matrix(store, found.id, a.scorer)
    result = evaluator(policy, graded, answers=_answers(store, found.id, graded) if "cascade" in policy.document else None)
    if a.decisions:
        lines = "".join(json.dumps(finite(d), ensure_ascii=False) + "\n" for d in result.decisions)
        try:
            Path(a.decisions).write_text(lines, encoding="utf-8")
        except OSError as error:
            raise BadInput(f"--decisions {a.decisions}: {error.strerror}.") from error
    label = " (simulated)" if found.simulated else ""
    text = (f"{policy.name} on {found.name}{label}: quality {result.quality:.2%}, ${result.cost_per_1k_usd:.4f} per 1,000, "
            f"saves {result.saving:.1%}, loses {result.loss * 100:.2f} points (n={result.n})")  # fmt: skip
    return Result(result.to_json() | {"policy": policy.id, "run": found.id}, text)


@command("route", "Decide for requests on standard input, one JSON object a line.", lambda p: p.add_argument("policy", metavar="POLICY"))
def route(a: argparse.Namespace, store: Store) -> Result:
    from tierwise.policy import route_lines

    try:
        decisions = [d.to_json() for d in route_lines(_policy(store, a.policy), sys.stdin)]
    except UnicodeDecodeError:
        raise BadInput("Standard input is not UTF-8 text.") from None
    return Result(decisions, "\n".join(json.dumps(d, ensure_ascii=False) for d in decisions))


def _export_arguments(p: argparse.ArgumentParser) -> None:
    p.add_argument("policy", metavar="POLICY", help="name or id, or a policy JSON file")
    p.add_argument("--to", required=True, metavar="TARGET")
    p.add_argument("--out", required=True, metavar="DIR")


@command("export", "Write a policy for a gateway and replay it there.", _export_arguments)
def export(a: argparse.Namespace, store: Store) -> Result:
    from tierwise.access.services import export_policy, took_away

    policy = _policy(store, a.policy)
    if a.policy.endswith(".json"):  # a policy file is its owner's: no workspace is opened
        from tierwise.exporters import export as exporter

        done = exporter(policy, _samples(store, policy), a.to, Path(a.out))
    else:
        done = export_policy(store, policy, _samples(store, policy), a.to, Path(a.out))
        took_away(store, policy, a.to)
    data = {"policy": policy.id, "target": a.to, "files": [str(f) for f in done.files], "agreement": done.agreement,
            "checked": done.checked, "over_routed": done.over, "under_routed": done.under, "notes": list(done.notes)}  # fmt: skip
    files = ", ".join(str(f) for f in done.files)
    return Result(data, f"{files}\nReplay: {done.agreement:.1%} agreement on {done.checked} prompts.\n" + "\n".join(done.notes))


def _export_grades_arguments(p: argparse.ArgumentParser) -> None:
    p.add_argument("run", metavar="RUN")
    p.add_argument("--out", required=True, metavar="DIR")
    p.add_argument("--max-loss", type=float, default=0.02, help="against the top tier, in quality units: 0.01 is a point")
    p.add_argument("--scorer", help="whose grades count")


@command("export-grades", "Write a run's grades as LiteLLM's success table (heuristic_v2).", _export_grades_arguments)
def export_grades(a: argparse.Namespace, store: Store) -> Result:
    from tierwise.exporters.litellm_grades import export_grades as exporter
    from tierwise.grading.grades import matrix

    found = store.runs.get(a.run)
    done = exporter(matrix(store, found.id, a.scorer), Path(a.out), a.max_loss)
    low, high = done.loss_ci95
    text = [", ".join(str(f) for f in done.files),
            f"Chance of success asked for: {done.threshold:.4f}. On prompts held out of the table: saves {done.saving:.1%}, loses "
            f"{done.loss * 100:.2f} points [{low * 100:.2f}, {high * 100:.2f}], n={done.n}; the threshold was chosen on the same prompts.",
            "  " + ", ".join(f"{name} {share:.0%}" for name, share in done.share_by_tier.items()), *done.notes]  # fmt: skip
    return Result(done.to_json() | {"run": found.id}, "\n".join(text))


def _answers(store: Store, run_id: str, graded: OutcomeMatrix) -> Answers | None:
    """The stored answers of a run, which cascades look at; None where only grades were kept."""
    from tierwise.tuning.answers import answers_of

    try:
        return answers_of(store.runs.outcomes(run_id), graded)
    except NotReady:
        return None


def _policy(store: Store, key: str) -> Policy:
    from tierwise.policy import policy_from_json

    if key.endswith(".json"):
        return policy_from_json(read(key))
    return store.policies.get(key)


def _samples(store: Store, policy: Policy) -> tuple[Sample, ...]:
    """The prompts that a policy was chosen on, or the shipped ones for a policy from elsewhere."""
    from tierwise.evalsets import load_shipped, shipped

    try:
        return store.evalsets.get(store.runs.get(policy.run_id).evalset_id).samples
    except NotFound:
        return tuple(s for entry in shipped() for s in load_shipped(entry.name).samples)
