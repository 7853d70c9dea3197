"""Learning policies replayed on a graded run: what they would have served, paid and missed, had its prompts been the traffic.

Every tier answered every prompt, so a replay is exact: whatever a policy chooses, its grade and cost are stored. It is not a forecast: the
prompts come in random order, grades are there at once, and one run's prompts stand for the traffic.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from tierwise.adaptive.alarm import LIMIT, Alarm
from tierwise.adaptive.bandits import BANDITS, Model, bandit
from tierwise.adaptive.replayed import STATIC, WATCHED, Line, Replayed, Watch
from tierwise.adaptive.stream import Change, Stream, contexts
from tierwise.errors import BadInput, NotReady
from tierwise.types import OutcomeMatrix

PRICE = 0.08
"""Quality given for the whole cost of a frontier answer: 8 points, unless said otherwise."""
OFFLINE, RUNS = 300, 12
FEWEST = 100
RETUNE = 150
"""Prompts asked of every tier, and paid, after an alarm."""
STEP = 0.02
"""How fast the price follows the budget."""
ALONG = 60
"""Places along the stream at which what was missed so far is kept."""


DEFAULT: tuple[tuple[str, str, Mapping[str, Any]], ...] = (
    ("greedy", "tuned", {}),
    ("epsilon", "tuned", {"epsilon": 0.05, "forget": 0.999}),
    ("thompson", "tuned", {}),
    ("linucb", "tuned", {"alpha": 0.3}),
    ("linucb", "tuned", {"alpha": 0.3, "forget": 0.998}),
    ("linucb", "cold", {"alpha": 1.0}),
    ("epsilon", "cold", {"epsilon": 0.1}),
)
"""Name, start and options of what is replayed beside `static` and `watched`."""


def replay(
    matrix: OutcomeMatrix, price: float = PRICE, offline: int | None = None, runs: int = RUNS, change: Change | None = None,
    budget: float | None = None, policies: Sequence[tuple[str, str, Mapping[str, Any]]] = DEFAULT, shadow: float = 0.05,
    tolerated: float | None = None, seed: int = 0, most: int | None = None, progress: Callable[[int, int], None] | None = None,
) -> Replayed:  # fmt: skip
    """Replay static, watched and learning policies on a graded run.

    Args:
        price: quality that the whole cost of a frontier answer is worth, such as 0.08.
        offline: prompts graded on every tier that come before the stream; by default 300, at most a third.
        change: what happens to a tier on the way.
        budget: share of the always-frontier cost to be kept on average; the price then follows the spending.
        shadow: share of what `watched` sends down that is also asked of the last tier.
        tolerated: mean loss of what is sent down before `watched` takes it for a change; by default what the offline prompts show plus
            three points.
        most: prompts at most, drawn at random; without it all of them.
        progress: called with how many policies are done, and of how many.

    Raises:
        NotReady: fewer than 100 complete prompts, or one tier.
        BadInput: a price, budget or change that makes no sense.
    """
    _checked(price, budget, change, matrix.tiers, shadow)
    m = matrix.take(matrix.complete)
    complete = len(m)
    if most is not None and complete > most:
        m = m.take(np.sort(np.random.default_rng(seed).permutation(complete)[:most]))
    if len(m) < FEWEST or len(m.tiers) < 2:
        raise NotReady(f"{len(m)} prompts are graded and priced on {len(m.tiers)} tiers; a replay takes {FEWEST} prompts and two tiers.")
    offline = min(OFFLINE, len(m) // 3) if offline is None else offline
    if not 20 <= offline <= len(m) - 50:
        raise BadInput(f"{offline} prompts before the stream: give a number from 20 to {len(m) - 50}.")
    rng = np.random.default_rng(seed)
    stream = Stream.of(m, offline, runs, change, rng)
    best = _best(stream, price)
    lines, logged, watch = [], None, None
    asked = ((STATIC, "tuned", {}), (WATCHED, "tuned", {}), *policies)
    for k, (name, start, options) in enumerate(asked):
        if progress:
            progress(k, len(asked))
        own = np.random.default_rng(seed + 1)
        if name in (STATIC, WATCHED):
            done = _static(stream, price, budget, shadow if name == WATCHED else 0.0, tolerated, own)
            title = "Static" if name == STATIC else "Static, watched and retuned"
            watch = watch or _watch(stream, done, shadow, tolerated)
        else:
            learner = bandit(name, options)
            done = _learning(stream, learner, start == "tuned", price, budget, own)
            title = learner.title + (f", forgetting {learner.forget:g}" if learner.forget < 1 else "")
            if name == "epsilon" and start == "tuned" and logged is None:
                logged = {"x": stream.x[0], "rows": stream.order[0], "tier": done.tier[0], "chance": done.chance[0],
                          "quality": stream.quality[0], "cost": stream.cost[0], "scale": stream.scale}  # fmt: skip
        lines.append(_line(name, title, start, done, stream, best, price))
    simulated = m.run.simulated or any(t.simulated for t in m.run.tiers)
    return Replayed(tuple(lines), stream.x.shape[1], offline, runs, price, budget, change, simulated, watch, complete, logged)


@dataclass
class _Done:
    tier: np.ndarray
    """(R, n)"""
    paid: np.ndarray
    """(R, n) share of a frontier answer, extra calls included."""
    explored: np.ndarray
    """(R, n) bool"""
    chance: np.ndarray
    """(R, n)"""
    alarms: list[list[int]]


def _learning(s: Stream, learner: Any, tuned: bool, price: float, budget: float | None, rng: np.random.Generator) -> _Done:
    runs, n, size = s.x.shape
    model = Model(runs, s.quality.shape[2], size, learner.forget)
    if tuned:
        model.learn_all(*s.known)
    rows, done = np.arange(runs), _empty(runs, n)
    now = np.full(runs, price)
    for t in range(n):
        x = s.x[:, t]
        quality, cost, unsure = model.predict(x)
        tier, chance, looked = learner.choose(quality - now[:, None] * cost, unsure, rng)
        got, paid = s.quality[rows, t, tier], s.cost[rows, t, tier]
        model.learn(x, tier, got, paid, t)
        done.tier[:, t], done.paid[:, t], done.explored[:, t], done.chance[:, t] = tier, paid, looked, chance
        if budget is not None:
            now = np.clip(now + STEP * (paid - budget), 0.0, 2.0)
    return done


def _static(s: Stream, price: float, budget: float | None, shadow: float, tolerated: float | None, rng: np.random.Generator) -> _Done:
    """Tuned on the offline prompts and kept; with shadow sampling it is tuned again when the alarm rings."""
    runs, n, size = s.x.shape
    tiers, done = s.quality.shape[2], _empty(runs, n)
    for r in range(runs):
        x0, q0, c0 = (a[r : r + 1] for a in s.known)
        at, start, now = 0, True, price
        while at < n:
            model = Model(1, tiers, size)
            if start:
                model.learn_all(x0, q0, c0)
                held = _choice(model, x0[0], now)
                pairs = np.arange(len(held))
                loss = (q0[0, :, -1] - q0[0, pairs, held])[held < tiers - 1]
                accepted = (max(float(loss.mean()), 0.0) if len(loss) else 0.0) + 0.03 if tolerated is None else tolerated
            else:
                fresh = slice(at, min(at + RETUNE, n))
                model.learn_all(s.x[r : r + 1, fresh], s.quality[r : r + 1, fresh], s.cost[r : r + 1, fresh])
                done.tier[r, fresh], done.paid[r, fresh], done.explored[r, fresh] = tiers - 1, s.cost[r, fresh].sum(1), True
                at = fresh.stop
            stop = _serve(s, r, at, model, now, budget, shadow, min(accepted, 0.5), done, rng)
            if stop < n:
                done.alarms[r].append(stop)
            at, start = stop, False
    return done


def _serve(
    s: Stream, r: int, at: int, model: Model, price: float, budget: float | None, shadow: float, tolerated: float, done: _Done,
    rng: np.random.Generator,
) -> int:  # fmt: skip
    """Serve request `at` and those after it, up to the alarm; gives the next request."""
    n, tiers = s.x.shape[1], s.quality.shape[2]
    rest = np.arange(at, n)
    if not len(rest):
        return n
    if budget is None:
        choice = _choice(model, s.x[r, rest], price)
    else:  # paced: the price moves with what was spent
        quality, cost = _predicted(model, s.x[r, rest])
        choice = np.empty(len(rest), int)
        for i in range(len(rest)):
            choice[i] = (quality[i] - price * cost[i]).argmax()
            price = float(np.clip(price + STEP * (s.cost[r, rest[i], choice[i]] - budget), 0.0, 2.0))
    paid = s.cost[r, rest, choice].copy()
    shadowed = (choice < tiers - 1) & (rng.random(len(rest)) < shadow)
    stop = len(rest)
    if shadowed.any():
        where = np.flatnonzero(shadowed)
        losses = s.quality[r, rest[where], -1] - s.quality[r, rest[where], choice[where]]
        rang = Alarm(tolerated, LIMIT).after(losses).rang_at
        stop = stop if rang is None else int(where[rang - 1]) + 1
    paid[shadowed] += s.cost[r, rest[shadowed], -1]
    part = rest[:stop]
    done.tier[r, part], done.paid[r, part], done.explored[r, part] = choice[:stop], paid[:stop], shadowed[:stop]
    return at + stop


def _predicted(model: Model, x: np.ndarray, run: int = 0) -> tuple[np.ndarray, np.ndarray]:
    found = np.einsum("ni,kiy->nky", x, model.weights[run])
    return found[..., 0], np.maximum(found[..., 1], 0.0)


def _choice(model: Model, x: np.ndarray, price: float, run: int = 0) -> np.ndarray:
    quality, cost = _predicted(model, x, run)
    return (quality - price * cost).argmax(1)


def _empty(runs: int, n: int) -> _Done:
    return _Done(np.zeros((runs, n), int), np.zeros((runs, n)), np.zeros((runs, n), bool), np.ones((runs, n)), [[] for _ in range(runs)])


def _line(name: str, title: str, start: str, done: _Done, s: Stream, best: np.ndarray, price: float) -> Line:
    got = np.take_along_axis(s.quality, done.tier[..., None], 2)[..., 0]
    missed = best - (got - price * done.paid)
    n, turn = missed.shape[1], s.turn
    before = 1000 * missed[:, :turn].mean(1) if turn else None
    after = 1000 * missed[:, turn:].mean(1) if turn < n else None
    first = before if before is not None else after
    extra: dict[str, float | None] = {}
    if name == WATCHED:
        late = [next((a for a in found if a > turn), None) for found in done.alarms]
        early = [any(a <= turn for a in found) for found in done.alarms]
        seen = [a - turn for a in late if a is not None]
        extra = {"rang": len(seen) / len(late) if turn < n else None, "delay": float(np.median(seen)) if seen else None,
                 "false_alarms": float(np.mean(early))}  # fmt: skip
    places = np.unique(np.linspace(1, n, ALONG).astype(int))
    along = np.cumsum(missed.mean(0))[places - 1]
    return Line(
        name, title, start, float(first.mean()), _error(first), None if after is None else float(after.mean()),
        None if after is None else _error(after), float(got.mean()), float(done.paid.mean() / s.cost[..., -1].mean()),
        float(done.explored.mean()), **extra, along=tuple(zip(places.tolist(), along.tolist(), strict=True)),
    )  # fmt: skip


def _best(s: Stream, price: float) -> np.ndarray:
    """(R, n) worth of the linear policy that knew the grades, one for the part before the change and one for the part after it."""
    runs, n = s.x.shape[:2]
    out, rows = np.empty((runs, n)), np.arange(n)
    for part in (slice(0, s.turn), slice(s.turn, n)):
        if part.start == part.stop:
            continue
        model = Model(runs, s.quality.shape[2], s.x.shape[2])
        model.learn_all(s.x[:, part], s.quality[:, part], s.cost[:, part])
        for r in range(runs):
            x, quality, cost = s.x[r, part], s.quality[r, part], s.cost[r, part]
            choice, at = _choice(model, x, price, r), rows[: len(x)]
            out[r, part] = quality[at, choice] - price * cost[at, choice]
    return out


def _watch(s: Stream, static: _Done, shadow: float, tolerated: float | None) -> Watch:
    """What the static policy sends down, and loses on it, before and after the change."""
    got = np.take_along_axis(s.quality, static.tier[..., None], 2)[..., 0]
    lost, down = s.quality[..., -1] - got, static.tier < s.quality.shape[2] - 1
    n, told = lost.shape[1], []
    for part in (slice(0, s.turn), slice(s.turn, n)):
        sent = down[:, part]
        told.append((float(sent.mean()) if sent.size else 0.0, float(lost[:, part][sent].mean()) if sent.any() else 0.0))
    (share, before), (after_share, after) = told
    if not s.turn:
        share, before = after_share, after
    accepted = max(before, 0.0) + 0.03 if tolerated is None else tolerated
    return Watch(shadow, share, min(accepted, 0.5), before, after if s.turn < n else None, s.scale)


def _error(values: np.ndarray) -> float:
    return float(values.std(ddof=1) / np.sqrt(len(values))) if len(values) > 1 else 0.0


def _checked(price: float, budget: float | None, change: Change | None, tiers: Sequence[str], shadow: float) -> None:
    if not 0 <= price <= 2:
        raise BadInput(f"A price of {price:g}: give the quality that a frontier answer's whole cost is worth, such as 0.08.")
    if budget is not None and not 0 < budget <= 1:
        raise BadInput(f"A budget of {budget:g}: give a share of the always-frontier cost, such as 0.35.")
    if not 0 <= shadow <= 1:
        raise BadInput(f"A shadow rate of {shadow:g}: give a share of requests, such as 0.05.")
    if change is None:
        return
    if change.tier not in tiers:
        raise BadInput(f"There is no tier {change.tier!r} here. Tiers: {', '.join(tiers)}.")
    if not (-1 <= change.quality <= 1 and 0 < change.cost < 1000 and 0 <= change.at < 1):
        raise BadInput("A change takes quality between -1 and 1, a cost factor over 0, and a place from 0 to under 1.")


__all__ = ["BANDITS", "Change", "Line", "Replayed", "contexts", "replay"]
