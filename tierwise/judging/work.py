"""Asking models to grade the answers of a run. What is graded is on disk at once, so a second go asks only about what is open."""

import asyncio
import json
import logging
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import pandas as pd

from tierwise.endpoints import models
from tierwise.endpoints.models import CallFailed, check_keys
from tierwise.endpoints.prices import price
from tierwise.endpoints.tiers import check_tiers
from tierwise.errors import BadInput, NotReady
from tierwise.grading.grades import AUTOMATIC, CELL, GradeCount, why_unanswered
from tierwise.judging.bench import Desk, NotAsked, OneAnswer, reason_of
from tierwise.runs import background, budget, lease
from tierwise.runs.calls import Calls, until_stopped
from tierwise.runs.plan import TIMEOUT_S
from tierwise.runs.stopping import Stop
from tierwise.scorers import SCORERS, Scorer, scorer_ref
from tierwise.scorers.asking import CONCURRENCY, Answer, Unusable, own_options
from tierwise.scorers.score import Score, unscored
from tierwise.store import Store
from tierwise.types import Grade, Run, Sample, Tier, now

MEMBER = "llm_judge"
"""The scorer by which each judge of a panel grades."""

log = logging.getLogger(__name__)
_under_way: set[tuple[str, str, str]] = set()
_lock = threading.Lock()


def check_judges(scorer: Scorer, options: Mapping[str, Any], budget_usd: float | None = None) -> dict[str, Tier]:
    """The models that would be asked.

    Raises:
        BadInput: none is named, one cannot be used, a key is missing, or a budget is to be kept without prices.
        NotReady: the scorer is off.
    """
    scorer.check()
    scorer.asking.check(options)
    judges = scorer.asking.judges(options)
    for tier in judges.values():
        check_tiers([tier])
    check_keys([replace(t, name=t.model) for t in judges.values()])
    unpriced = [t.model for t in judges.values() if price(t) is None]
    if budget_usd is not None and unpriced:
        raise BadInput(f"A budget cannot be kept with judges that have no price: {', '.join(unpriced)}. Give their prices, or no budget.")
    return judges


def grade_by_models(
    store: Store, run: Run, scorer: Scorer, options: Mapping[str, Any], *, stop: Stop | None = None, budget_usd: float | None = None,
    progress: Callable[[int, int], None] | None = None, retry_unscored: bool = False,
) -> GradeCount:  # fmt: skip
    """Grade the outcomes that this scorer with these options has not graded yet, each grade kept as it comes.

    Args:
        options: as `Scorer.parse_options` gives them.
        stop: set it from another thread to end early; what is graded by then stays.
        budget_usd: in place of the run's own budget; what the run has cost before counts.
        retry_unscored: ask again about answers that this scorer left unscored.

    Raises:
        BadInput, NotReady: as `check_judges`; or this very grading is under way.
    """
    store.require("run")
    cap = budget_usd if budget_usd is not None else run.params.get("budget_usd")
    judges = check_judges(scorer, options, cap)
    ref = scorer_ref(scorer.name, options)
    key = (str(store.path), run.id, ref)
    busy = f"Run {run.name!r} is being graded by {scorer.name} already."
    with _lock:
        if key in _under_way:
            raise NotReady(busy)
        _under_way.add(key)
    try:
        with lease.alone(store, f"grading {run.id} {ref}", busy):
            store.grades.note_scoring(run.id, ref, scorer.name, options)
            stop = Stop() if stop is None else stop
            if scorer.asking.members is not None:
                return _panel(store, run, scorer, options, ref, stop, budget_usd, progress, retry_unscored)
            return _go(store, run, scorer, options, ref, judges, stop, cap, progress, retry_unscored)
    finally:
        with _lock:
            _under_way.discard(key)


def open_outcomes(store: Store, run: Run, ref: str, retry_unscored: bool = False) -> tuple[pd.DataFrame, pd.DataFrame]:
    """(all outcomes of a run, those without a grade by this scorer)."""
    outcomes = store.runs.outcomes(run.id)[[*CELL, "status", "output", "error"]]
    known = store.grades.frame(run.id)
    known = known[(known["scorer"] == ref) & (known["author"] == AUTOMATIC)].drop_duplicates(CELL, keep="last")
    if retry_unscored:
        known = known[known["value"].notna()]
    return outcomes, outcomes[~pd.MultiIndex.from_frame(outcomes[CELL]).isin(pd.MultiIndex.from_frame(known[CELL]))]


def _go(
    store: Store, run: Run, scorer: Scorer, options: Mapping[str, Any], ref: str, judges: Mapping[str, Tier], stop: Stop,
    cap: float | None, progress: Callable[[int, int], None] | None, retry_unscored: bool,
) -> GradeCount:  # fmt: skip
    outcomes, todo = open_outcomes(store, run, ref, retry_unscored)
    samples = {s.id: s for s in store.evalsets.get(run.evalset_id).samples}
    answers, hopeless = _answers(run, samples, outcomes, todo, scorer, ref)
    store.grades.add(run.id, hopeless)
    going = _Going(store, run, scorer, options, ref, stop, progress, total=len(answers))
    if answers and not stop:
        budgets = (budget.of_run(store, run.id, cap), budget.of_today(store), *budget.of_person(store))
        work = background.submit(going.work(answers, judges, Calls(store, run.id, stop, budgets)))
        try:
            work.result()
        except KeyboardInterrupt:
            stop.cancel()
            work.result()
    left = len(answers) - going.graded - going.unscored
    return GradeCount(going.graded, going.unscored + len(hopeless), len(outcomes) - len(todo), left, stop.note if left else "")


def _answers(
    run: Run, samples: Mapping[str, Sample], outcomes: pd.DataFrame, todo: pd.DataFrame, scorer: Scorer, ref: str
) -> tuple[list[Answer], list[Grade]]:
    """What is to be asked about, and the grades of what no judge need see."""
    said = {}
    for sample_id, tier, repeat, status, output, error in outcomes.itertuples(index=False):
        if why_unanswered(status, output, error) is None:
            said.setdefault((sample_id, repeat), {})[tier] = output
    names = tuple(t.name for t in run.tiers)
    answers, hopeless, time = [], [], now()
    for sample_id, tier, repeat, status, output, error in todo.itertuples(index=False):
        sample = samples[sample_id]
        why = why_unanswered(status, output, error) or scorer.lacks(sample)
        if why is not None:
            hopeless.append(Grade(sample_id, tier, None, ref, repeat, why, created_at=time))
            continue
        others = said[sample_id, repeat]
        answers.append(Answer(sample, tier, repeat, output, {n: others[n] for n in names if n in others and n != tier}, names))
    return answers, hopeless


@dataclass
class _Going:
    """One go at the open answers of a run."""

    store: Store
    run: Run
    scorer: Scorer
    options: Mapping[str, Any]
    ref: str
    stop: Stop
    progress: Callable[[int, int], None] | None
    total: int
    graded: int = 0
    unscored: int = 0

    async def work(self, answers: Sequence[Answer], judges: Mapping[str, Tier], calls: Calls) -> None:
        await asyncio.to_thread(models.load)
        most = int(self.options.get("concurrency", CONCURRENCY))
        desk = Desk(calls, judges, most, float(self.run.params.get("timeout_s") or TIMEOUT_S), self.options.get("reply_format", "schema"))
        todo = iter(answers)
        workers = [asyncio.create_task(self._worker(todo, desk)) for _ in range(min(most, len(answers)))]
        try:
            await until_stopped(workers, self.stop)
        finally:
            await calls.journal.close()

    async def _worker(self, answers: Iterator[Answer], desk: Desk) -> None:
        for answer in answers:
            if self.stop:
                return
            bench = OneAnswer(desk, answer)
            score = await self._score(answer, bench)
            if score is None:
                continue
            told, why = _clean(score.explanation), _clean(score.reason)
            await desk.calls.journal.grade(
                Grade(answer.sample.id, answer.tier, score.value, self.ref, answer.repeat, why or None, explanation=told,
                      provenance=bench.provenance(self.scorer.asking.version) if bench.attempts else None)
            )  # fmt: skip
            self.graded += score.value is not None
            self.unscored += score.value is None
            if self.progress:
                self.progress(self.graded + self.unscored, self.total)

    async def _score(self, answer: Answer, bench: OneAnswer) -> Score | None:
        """None leaves the answer open."""
        try:
            score = await self.scorer.asking.function(answer, bench, **own_options(self.options))
        except (NotAsked, CallFailed, Unusable) as problem:
            score, bench.problem = None, bench.problem or problem
        except Exception as problem:  # one answer must not lose the grades of the rest; counted as unscored, and logged
            if bench.problem is None:
                log.exception("scorer %s on prompt %s of tier %s", self.ref, answer.sample.id, answer.tier)
                return unscored(f"the scorer stopped with {type(problem).__name__}: {problem}"[:500])
            score = None
        if bench.broken:
            raise bench.problem
        if isinstance(bench.problem, NotAsked):
            return None
        return unscored(reason_of(bench.problem)) if bench.problem is not None else score


def _panel(
    store: Store, run: Run, scorer: Scorer, options: Mapping[str, Any], ref: str, stop: Stop, budget_usd: float | None,
    progress: Callable[[int, int], None] | None, retry_unscored: bool,
) -> GradeCount:  # fmt: skip
    """Each judge grades under a name of its own, so its verdicts stay and are never paid for twice; then they are put together."""
    member, refs, note = SCORERS[MEMBER], [], ""
    seats = scorer.asking.members(options)
    for i, given in enumerate(seats):
        parsed = member.parse_options(given)
        refs.append(scorer_ref(MEMBER, parsed))

        def say(done: int, total: int, i: int = i) -> None:
            if progress:
                progress(i * total + done, len(seats) * total)

        count = grade_by_models(store, run, member, parsed, stop=stop, budget_usd=budget_usd, progress=say, retry_unscored=retry_unscored)
        note = count.note or note
    outcomes, todo = open_outcomes(store, run, ref, retry_unscored)
    known = store.grades.frame(run.id)
    known = known[known["author"] == AUTOMATIC]
    verdicts = [_newest(known[known["scorer"] == r]) for r in refs]
    grades = []
    for cell in todo[CELL].itertuples(index=False, name=None):
        given = [v.get(cell) for v in verdicts]
        if None in given:
            continue
        score = scorer.asking.combine(given, **own_options(options))
        grades.append(Grade(cell[0], cell[1], score.value, ref, cell[2], score.reason, explanation=score.explanation,
                            provenance=json.dumps({"panel": refs}, ensure_ascii=False)))  # fmt: skip
    store.grades.add(run.id, grades)
    missing = sum(g.value is None for g in grades)
    left = len(todo) - len(grades)
    return GradeCount(len(grades) - missing, missing, len(outcomes) - len(todo), left, note if left else "")


def _clean(text: str | None) -> str:
    """Text that a store keeps: a judge may write half a surrogate pair into its JSON."""
    return (text or "").encode("utf-8", "replace").decode()


def _newest(rows: pd.DataFrame) -> dict[tuple[str, str, int], Grade]:
    last = rows.drop_duplicates(CELL, keep="last")
    return {
        (r.sample_id, r.tier, r.repeat): Grade(r.sample_id, r.tier, None if pd.isna(r.value) else r.value, r.scorer, r.repeat, r.reason,
                                               explanation=r.explanation)
        for r in last.itertuples(index=False)
    }  # fmt: skip
