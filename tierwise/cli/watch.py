"""Commands for a policy in use: watch it, see whether it still fits, and what learning as one goes would have done."""

from __future__ import annotations

import argparse
from dataclasses import asdict
from pathlib import Path

from tierwise.cli.command import Result, command, read, say
from tierwise.cli.decide import _policy, _samples
from tierwise.errors import BadInput
from tierwise.store import Store


def _shadow_arguments(p: argparse.ArgumentParser) -> None:
    p.add_argument("policy", metavar="POLICY", help="name or id, or a policy JSON file")
    p.add_argument("--requests-a-day", type=float, required=True, metavar="N")
    p.add_argument("--rate", type=float, default=0.05, help="share of routed-down requests that the last tier answers too")
    p.add_argument("--tolerated", type=float, metavar="LOSS", help="of routed-down requests; the policy's own aim without it")
    p.add_argument("--grading-usd", type=float, default=0.0, help="what grading one pair costs")
    p.add_argument("--save", action="store_true", help="write the settings into the policy and keep it")


@command("shadow", "Plan how to watch a policy: pairs a day, price, and days until a loss is seen.", _shadow_arguments)
def shadow(a: argparse.Namespace, store: Store) -> Result:
    from tierwise.adaptive import plan, with_shadow

    policy = _policy(store, a.policy)
    found = plan(policy, a.requests_a_day, a.rate, a.tolerated, grading_usd=a.grading_usd)
    saved = store.policies.add(with_shadow(policy, a.rate, a.tolerated)).id if a.save else None
    label = " (simulated)" if policy.document.get("simulated") else ""
    lines = [f"{policy.name}{label}", *(f"  {line}" for line in found.lines)]
    return Result(found.to_json() | {"policy": policy.id, "saved": saved}, "\n".join(lines + ([f"  saved as {saved}"] if saved else [])))


def _drift_arguments(p: argparse.ArgumentParser) -> None:
    p.add_argument("policy", metavar="POLICY", help="name or id, or a policy JSON file")
    p.add_argument("--prompts", metavar="EVALSET", help="a prompt set drawn from the present traffic")
    p.add_argument("--traffic", metavar="PROFILE", help="a traffic profile: only the mix of request types is compared")
    p.add_argument("--pairs", metavar="FILE", help="shadow pairs: columns served and frontier (grades), or loss; time if known")
    p.add_argument("--run", metavar="RUN", help="shadow pairs as a graded run with the tiers served and frontier")
    p.add_argument("--tolerated", type=float, metavar="LOSS", help="of routed-down requests; the policy's own setting without it")


@command(
    "drift", "Ask whether a policy still fits: the traffic against what it was tuned on, and the alarm over shadow pairs.", _drift_arguments
)
def drift(a: argparse.Namespace, store: Store) -> Result:
    from tierwise.adaptive import drift as compare
    from tierwise.adaptive import mix_drift, pairs_of, read_pairs, standing
    from tierwise.grading.grades import matrix

    if a.prompts and a.traffic:
        raise BadInput("Give --prompts or --traffic, not both.")
    if a.pairs and a.run:
        raise BadInput("Give --pairs or --run, not both.")
    policy = _policy(store, a.policy)
    pairs = read_pairs(read(a.pairs), Path(a.pairs).name) if a.pairs else ()
    if a.run:
        pairs = pairs_of(matrix(store, store.runs.get(a.run).id))
    moved = None
    if a.prompts or a.traffic:
        then = _samples(store, policy)
        if a.prompts:
            moved = compare(policy, then, store.evalsets.get(a.prompts).samples)
        else:
            kinds = [s.request_type for s in then if s.request_type]
            mix = {k: kinds.count(k) / len(kinds) for k in dict.fromkeys(kinds)}
            moved = mix_drift(mix, len(kinds), store.traffic.get(a.traffic).counts)
    found = standing(policy, pairs, moved, a.tolerated)
    text = [f"{policy.name}: {found.word}", *(f"  {reason}" for reason in found.reasons), f"  {found.next_step}"]
    if found.loss is not None:
        low, high = found.loss_ci95
        text.insert(1, f"  shadow pairs: lose {found.loss * 100:.1f} points [{low * 100:.1f}, {high * 100:.1f}], n={len(pairs):,}")
    return Result(found.to_json(), "\n".join(text))


def _adapt_arguments(p: argparse.ArgumentParser) -> None:
    p.add_argument("run", metavar="RUN", help="a graded run")
    p.add_argument("--price", type=float, default=0.08, help="quality that the whole cost of a frontier answer is worth")
    p.add_argument("--budget", type=float, metavar="SHARE", help="of the always-frontier cost, kept by moving the price")
    p.add_argument("--change", metavar="TIER=QUALITY[@SHARE]", help="a tier's mean grade moves on the way: mini=-0.25@0.5")
    p.add_argument("--offline", type=int, metavar="N", help="prompts graded on every tier before the stream")
    p.add_argument("--shadow", type=float, default=0.05, help="rate of shadow sampling of the watched policy")
    p.add_argument("--runs", type=int, default=12, help="replays in other orders")
    p.add_argument(
        "--requests-a-day", type=float, default=10_000, metavar="N", help="for the days until the change is seen, and their price"
    )
    p.add_argument("--scorer", help="whose grades count")
    p.add_argument("--seed", type=int, default=0)


@command("adapt", "Replay policies that learn as they go on a graded run, beside the static one.", _adapt_arguments)
def adapt(a: argparse.Namespace, store: Store) -> Result:
    from tierwise.adaptive import replay
    from tierwise.grading.grades import matrix

    if not 2 <= a.runs <= 200:
        raise BadInput(f"--runs {a.runs}: give a number from 2 to 200.")
    found = store.runs.get(a.run)
    graded = matrix(store, found.id, a.scorer)
    say("Replaying learning policies")
    done = replay(graded, a.price, a.offline, a.runs, _change(a.change), a.budget, shadow=a.shadow, seed=a.seed)
    text = [
        f"{found.name}{' (simulated)' if done.simulated else ''}: {done.n:,} requests, {done.runs} orders, {done.offline} prompts before them"
    ]
    for line in done.lines:
        after = (
            f", after the change {line.regret_after:.1f} ± {line.regret_after_se:.1f}" if line.regret_after is not None and a.change else ""
        )
        text.append(f"  {line.title} ({line.start}): misses {line.regret:.1f} ± {line.regret_se:.1f} per 1,000{after}; quality {line.quality:.1%}, "
                    f"spends {line.spent:.0%} of always-frontier, explores {line.explored:.1%}")  # fmt: skip
    at = done.watch.at(a.requests_a_day)
    seen = "" if at.days is None else f"; the change is seen after {at.days:.1f} days (median, simulated)"
    text += [*(f"  {w}" for w in done.words), f"  At {a.requests_a_day:,.0f} requests a day: {at.pairs_a_day:,.0f} shadow pairs, ${at.price_a_day:,.2f} a day{seen}."]  # fmt: skip
    return Result(done.to_json() | {"run": found.id, "watching": {"requests_a_day": a.requests_a_day} | asdict(at)}, "\n".join(text))


def _change(text: str | None):
    from tierwise.adaptive import Change

    if text is None:
        return None
    said, _, at = text.partition("@")
    tier, equals, moved = said.rpartition("=")
    try:
        return Change(tier, float(moved), at=float(at) if at else 0.5) if equals and tier else _wrong(text)
    except ValueError:
        return _wrong(text)


def _wrong(text: str):
    raise BadInput(f"--change {text!r}: write TIER=QUALITY or TIER=QUALITY@SHARE, such as mini=-0.25@0.5.")
