"""Commands that run, grade and summarise."""

from __future__ import annotations

import argparse
import json
import math
import signal
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import fields

from tierwise.cli.command import Result, command, pairs, read, say
from tierwise.endpoints.tiers import PRICES
from tierwise.errors import BadInput, NotFound
from tierwise.store import Store
from tierwise.types import EvalSetInfo, Run, Tier


def _run_arguments(p: argparse.ArgumentParser) -> None:
    p.add_argument("evalset", metavar="EVALSET", help="name or id; a shipped set can be named directly")
    p.add_argument("--tiers", metavar="FILE.toml", help="the ladder, cheapest first; the simulated one without it")
    p.add_argument("--name")
    p.add_argument("--scorer", default="auto")
    p.add_argument("--option", action="append", default=[], metavar="NAME=VALUE", help="an option of the scorer")
    p.add_argument("--concurrency", type=int, default=8)
    p.add_argument("--budget", type=float, metavar="USD", help="stop before spending more than this")
    p.add_argument("--seed", type=int, default=0)
    p.add_argument("--repeats", type=int, default=1, help="calls for each prompt and tier")
    p.add_argument("--timeout", type=float, metavar="SECONDS", help="give up a call after this; 60 without it")
    p.add_argument("--deadline", type=float, metavar="SECONDS", help="stop the run after this")
    p.add_argument("--template", metavar="FILE", help="text sent instead of each prompt, with slots such as {{input}} and {{context}}")
    p.add_argument("--reuse", action="store_true", help="take answers to the same calls from earlier runs instead of paying again")
    p.add_argument("--stream", action="store_true", help="read answers piece by piece, which tells the time to the first one")
    p.add_argument("--resume", metavar="RUN", help="go on with this run: only cells without an outcome are called")
    p.add_argument("--yes", action="store_true", help="do not ask before spending")


@command("run", "Run a prompt set on every tier, then grade it.", _run_arguments)
def run(a: argparse.Namespace, store: Store) -> Result:
    from tierwise.endpoints.tiers import load_tiers_toml
    from tierwise.judging import check_judges, estimate_ahead, own_family
    from tierwise.runs.execute import execute
    from tierwise.runs.plan import create_run, estimate
    from tierwise.runs.stopping import Stop
    from tierwise.scorers import SCORERS
    from tierwise.simulation.simulator import ladder

    if a.budget is not None and not a.budget >= 0:
        raise BadInput(f"--budget {a.budget:g}: give US dollars, 0 or more.")
    info = _evalset(store, a.evalset)
    evalset = store.evalsets.get(info.id)
    if a.resume:
        planned = store.runs.get(a.resume)
        if planned.evalset_id != info.id:
            raise BadInput(
                f"Run {planned.name!r} is of another prompt set than {info.name!r}; a run goes on with the prompts it began with."
            )
        if a.tiers:
            _same_tiers(planned, load_tiers_toml(read(a.tiers)))
    tiers = planned.tiers if a.resume else load_tiers_toml(read(a.tiers)) if a.tiers else ladder()
    repeats = int(planned.params.get("repeats", 1)) if a.resume else a.repeats
    done = store.runs.done_cells(planned.id) if a.resume else None
    before = estimate(evalset, tiers, repeats, done=done, concurrency=a.concurrency)
    say(before.text())
    live = any(not t.simulated for t in tiers)
    if not a.resume and (scorer := SCORERS[a.scorer]).asks(options := scorer.parse_options(pairs(a.option, "--option"))):
        say("Grading besides. " + estimate_ahead(evalset, tiers, repeats, scorer, options).text())
        if warning := own_family(check_judges(scorer, options, a.budget).values(), tiers):
            say(warning)
        live = True
    if live and not a.yes:
        say("Type yes to spend this: ")
        if sys.stdin.readline().strip().lower() not in ("y", "yes"):
            raise BadInput("Not started. Pass --yes to start without being asked.")
    if not a.resume:
        given = {"scorer_options": pairs(a.option, "--option") or None, "budget_usd": a.budget, "timeout_s": a.timeout,
                 "deadline_s": a.deadline, "reuse": a.reuse or None, "stream": a.stream or None,
                 "template": _text(a.template) if a.template else None}  # fmt: skip
        params = {"scorer": a.scorer, "seed": a.seed, "concurrency": a.concurrency, "repeats": a.repeats}
        params |= {k: v for k, v in given.items() if v is not None}
        planned = create_run(store, info.id, tiers, name=a.name, params=params)
    stop = Stop()
    before_us = signal.signal(signal.SIGTERM, lambda *_: stop.drain())
    try:
        finished = execute(store, planned.id, on_progress=_say_now_and_then("calls"), budget_usd=a.budget, stop=stop)
    finally:
        signal.signal(signal.SIGTERM, before_us)
    figures = store.runs.progress(finished.id)
    data = {"run": finished.id, "name": finished.name, "status": finished.status, "note": finished.note, "calls": figures.done,
            "failed": figures.failed, "requests": figures.requests, "spent_usd": figures.spent_usd, "unsettled_usd": figures.unsettled_usd,
            "unpriced": figures.unpriced, "reused": figures.reused, "grading_usd": figures.grading_usd,
            "simulated": finished.simulated}  # fmt: skip
    label = " (simulated)" if finished.simulated else ""
    line = (f"{finished.name}{label}: {finished.status}, {figures.done} outcomes, {figures.failed} failed, "
            f"${figures.spent_usd:.4f} ({finished.id}).")  # fmt: skip
    if figures.grading_usd:
        line += f" Grading cost ${figures.grading_usd:.4f} besides."
    if figures.unsettled_usd:
        line += f" Besides, ${figures.unsettled_usd:.4f} at most for calls whose cost is not known."
    ended = None if finished.status == "done" else f"run {finished.name!r} ({finished.id}) is {finished.status}. {finished.note}"
    return Result(data, line, ended)


def _same_tiers(planned: Run, given: Sequence[Tier]) -> None:
    """Raises BadInput where a file of tiers differs from those that a run began with: half a run on other models is no run.

    Keys may differ, and prices may be left out: the run keeps the ones that were fixed when it was planned.
    """
    names, its = [t.name for t in given], [t.name for t in planned.tiers]
    if names != its:
        raise BadInput(f"Run {planned.name!r} began with the tiers {', '.join(its)}, and the file has {', '.join(names)}. "
                       "Leave --tiers out to go on with the run's own, or start another run.")  # fmt: skip
    different = []
    for before, now in zip(planned.tiers, given, strict=True):
        for field in (f.name for f in fields(Tier) if f.name != "api_key_env"):
            old, new = (json.loads(json.dumps(getattr(t, field))) for t in (before, now))
            if old != new and not (new is None and field in PRICES):
                different.append(f"{field} of {now.name} ({old!r} in the run, {new!r} in the file)")
        if now.api_key_env != before.api_key_env:
            say(f"Tier {now.name}: the run goes on with the key in {before.api_key_env or 'the usual variable'}.")
    if different:
        raise BadInput(f"Run {planned.name!r} began with other tiers: {'; '.join(different)}. "
                       "Leave --tiers out to go on with the run's own, or start another run.")  # fmt: skip


def _text(path: str) -> str:
    try:
        return read(path).decode("utf-8-sig")
    except UnicodeDecodeError:
        raise BadInput(f"{path} is not UTF-8 text.") from None


def _grade_arguments(p: argparse.ArgumentParser) -> None:
    p.add_argument("run", metavar="RUN")
    p.add_argument("--scorer", required=True)
    p.add_argument("--option", action="append", default=[], metavar="NAME=VALUE")
    p.add_argument("--budget", type=float, metavar="USD", help="of a scorer that asks models: stop before the run has cost more than this")
    p.add_argument("--count", action="store_true", help="let these grades count for the run from now on, in place of the run's own scorer")
    p.add_argument("--retry-unscored", action="store_true", help="of a scorer that asks models: ask again where it gave no grade")


@command("grade", "Apply an automatic scorer to a run.", _grade_arguments)
def grade(a: argparse.Namespace, store: Store) -> Result:
    from tierwise.grading.counting import let_count
    from tierwise.grading.grades import apply_scorer
    from tierwise.judging import check_judges, estimate_grading, own_family
    from tierwise.runs.stopping import Stop
    from tierwise.scorers import SCORERS, scorer_ref

    found = store.runs.get(a.run)
    given = pairs(a.option, "--option") or None
    scorer = SCORERS[a.scorer]
    options = scorer.parse_options(given)
    if not scorer.asks(options):
        count = apply_scorer(store, found.id, a.scorer, given)
        if a.count:
            say(f"{let_count(store, found.id, scorer_ref(a.scorer, given))} counts for {found.name} from now on.")
        data = {"run": found.id, "scorer": a.scorer, "graded": count.graded, "unscored": count.unscored}
        return Result(data, f"{found.name}: {count.graded} graded, {count.unscored} unscored by {a.scorer}.")
    judges = check_judges(scorer, options, a.budget)
    say(estimate_grading(store, found, scorer, options, a.retry_unscored).text())
    if warning := own_family(judges.values(), found.tiers):
        say(warning)
    before = store.runs.progress(found.id)
    stop = Stop()
    before_us = signal.signal(signal.SIGTERM, lambda *_: stop.drain())
    try:
        count = apply_scorer(store, found.id, a.scorer, given, progress=_say_now_and_then("answers"), stop=stop, budget_usd=a.budget,
                             retry_unscored=a.retry_unscored)  # fmt: skip
    finally:
        signal.signal(signal.SIGTERM, before_us)
    after = store.runs.progress(found.id)
    paid, unsettled = after.grading_usd - before.grading_usd, after.unsettled_usd - before.unsettled_usd
    if a.count:
        say(f"{let_count(store, found.id, scorer_ref(a.scorer, given))} counts for {found.name} from now on.")
    data = {"run": found.id, "scorer": a.scorer, "graded": count.graded, "unscored": count.unscored, "skipped": count.skipped,
            "open": count.open, "requests": after.grading_requests - before.grading_requests, "grading_usd": paid,
            "unsettled_usd": unsettled, "warning": warning}  # fmt: skip
    line = (f"{found.name}: {count.graded} graded, {count.unscored} unscored, {count.skipped} graded before by {a.scorer}; "
            f"${paid:.4f} for the judge.")  # fmt: skip
    if unsettled:
        line += f" Besides, ${unsettled:.4f} at most for calls whose cost is not known."
    return Result(data, line, f"{count.open} answers are not graded yet. {count.note}" if count.open else None)


def _say_now_and_then(noun: str) -> Callable[[int, int], None]:
    shown = [0.0]

    def progress(done: int, total: int) -> None:
        if time.monotonic() - shown[0] > 1 or done == total:
            shown[0] = time.monotonic()
            say(f"{done} of {total} {noun}")

    return progress


def _run_and_scorer(p: argparse.ArgumentParser) -> None:
    p.add_argument("run", metavar="RUN")
    p.add_argument("--scorer", help="whose grades count; the run's own scorer without it")
    p.add_argument("--as-asked", action="store_true", help="leave out answers that came under another model's name")


@command("summary", "Quality, cost and latency of each tier of a run.", _run_and_scorer)
def summary(a: argparse.Namespace, store: Store) -> Result:
    from tierwise.grading.grades import matrix
    from tierwise.grading.summary import by_request_type
    from tierwise.grading.summary import summary as summarise

    found = store.runs.get(a.run)
    graded = matrix(store, found.id, a.scorer, as_asked=a.as_asked)
    tiers, kinds = summarise(graded), by_request_type(graded)
    lines = [f"{found.name}{' (simulated)' if found.simulated else ''}: quality with 95% interval, cost per 1,000 requests"]
    for t in tiers:
        cost = "unpriced" if math.isnan(t.cost_per_1k_usd) else f"${t.cost_per_1k_usd:.4f}"
        beaten = f"; dominated by {t.dominated_by}" if t.dominated_by else ""
        lines.append(f"  {t.tier}: {t.quality:.2%} [{t.quality_ci95[0]:.2%}, {t.quality_ci95[1]:.2%}] n={t.n}, {cost}, "
                     f"{t.unscored} unscored, {t.failed} failed{beaten}")  # fmt: skip
    if kinds["request_type"].nunique() > 1:
        for kind, rows in kinds.groupby("request_type", sort=False):
            lines += [f"  {kind}:", *(f"    {r.tier}: {r.quality:.2%} [{r.lo:.2%}, {r.hi:.2%}] n={r.n}" for r in rows.itertuples())]
    by_type = kinds.assign(quality_ci95=[list(pair) for pair in zip(kinds["lo"], kinds["hi"], strict=True)]).drop(columns=["lo", "hi"])
    data = {"run": found.id, "name": found.name, "simulated": found.simulated, "tiers": [t.to_json() for t in tiers],
            "by_request_type": by_type.to_dict("records")}  # fmt: skip
    return Result(data, "\n".join(lines))


def _evalset(store: Store, key: str) -> EvalSetInfo:
    """A kept prompt set; a shipped one is kept on first use."""
    from tierwise.evalsets import load_shipped, shipped

    try:
        return store.evalsets.info(key)
    except NotFound as error:
        names = [s.name for s in shipped()]
        if key in names:
            return store.evalsets.add(load_shipped(key))
        raise NotFound(f"{error} Shipped sets: {', '.join(names)}.") from None


@command("worker", "Help with live runs that other processes lead in the shared database, until it is ended.", lambda p: None)
def worker(a: argparse.Namespace, store: Store) -> Result:
    from tierwise.runs.helping import Worker

    if not store.shared:
        raise BadInput("A worker needs the database that the app shares with it: set TIERWISE_DATABASE_URL.")
    helper = Worker(store.whole)
    signal.signal(signal.SIGTERM, lambda *_: helper.end())
    say("Helping with runs. SIGTERM or Ctrl-C ends it; calls under way come in first.")
    try:
        helper.serve()
    except KeyboardInterrupt:
        helper.end()
    return Result({}, "Ended.")
