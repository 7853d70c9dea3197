"""Do what a run has open: simulated tiers in bulk, live ones call by call; then grade. Called again, it goes on where it stopped."""

import threading
from collections.abc import Callable, Mapping, Sequence
from itertools import product

from tierwise.endpoints.models import check_keys
from tierwise.endpoints.tiers import check_reach
from tierwise.errors import TierwiseError
from tierwise.grading.grades import apply_scorer, grade_outcomes
from tierwise.runs import background, cluster, lease
from tierwise.runs.budget import of_person, of_run, of_today
from tierwise.runs.live import LiveRun
from tierwise.runs.reuse import reusable
from tierwise.runs.room import check_room
from tierwise.runs.stopping import Stop
from tierwise.scorers import SCORERS
from tierwise.store import Store
from tierwise.store.runs import Cell
from tierwise.types import Run, Sample

BATCH = 2_000
"""Simulated outcomes kept in one transaction."""

Progress = Callable[[int, int], None]


def all_cells(run: Run, samples: Sequence[Sample]) -> list[Cell]:
    """Every cell of a run, prompt by prompt, so that a run cut short has whole prompts."""
    repeats = range(int(run.params.get("repeats", 1)))
    return [(s.id, t.name, r) for s, r, t in product(samples, repeats, run.tiers)]


def execute(
    store: Store, run_id: str, *, on_progress: Progress | None = None, budget_usd: float | None = None, stop: Stop | None = None
) -> Run:
    """Run the open cells and grade what is not graded; returns the run as it then is.

    Args:
        on_progress: called with (cells done, cells in all), from any thread.
        budget_usd: in place of the run's own budget; what the run has cost before counts.
        stop: set it from another thread to end early.

    Raises:
        TierwiseError: a key is missing, or the workspace could not be written. The run can be resumed.
        Elsewhere: another process that shares the store runs it.
    """
    store.require("run")
    run, stop = store.runs.get(run_id), Stop() if stop is None else stop
    with lease.leading(store, run, stop) as held:
        return _execute(store, run, on_progress, budget_usd, stop, held)


def _execute(store: Store, run: Run, on_progress: Progress | None, budget_usd: float | None, stop: Stop, held: lease.Lease | None) -> Run:
    samples = {s.id: s for s in store.evalsets.get(run.evalset_id).samples}
    done = store.runs.done_cells(run.id)
    cells = all_cells(run, list(samples.values()))
    todo = [c for c in cells if c not in done]
    say = on_progress or (lambda done, total: None)
    if todo:
        check_room(store)
    if todo and not run.simulated:
        for tier in run.tiers:  # the run may have been planned elsewhere, and come in a file
            check_reach(f"Tier {tier.name!r}", tier)
        check_keys(run.tiers)
    store.runs.set_status(run.id, "running")
    if held:
        held.start()
    store.note("ran", "run", run.id, run.name, f"{len(todo):,} of {len(cells):,} cells to do")
    try:
        if run.simulated:
            _simulate(store, run, samples, todo, stop, lambda n: say(len(cells) - len(todo) + n, len(cells)))
            left_open = 0
        else:
            left_open = _live(store, run, samples, todo, stop, budget_usd, lambda n: say(len(cells) - len(todo) + n, len(cells)))
        graded = apply_scorer(
            store, run.id, run.params["scorer"], run.params.get("scorer_options"), only_missing=True, stop=stop, budget_usd=budget_usd
        )
    except BaseException as error:
        if held and held.lost:
            raise
        told = str(error) if isinstance(error, TierwiseError) else f"It ended with an error ({type(error).__name__})."
        store.runs.set_status(run.id, "stopped", f"{told} Resume goes on with what has no answer yet.")
        raise
    open_cells = len(cells) - len(store.runs.done_cells(run.id))
    if held and held.lost:
        return store.runs.get(run.id)  # its state is another's to tell
    if not open_cells and not graded.open:
        store.runs.set_status(run.id, "done")
    elif stop:
        store.runs.set_status(run.id, stop.status, stop.note)
    elif not open_cells:
        store.runs.set_status(run.id, "stopped", f"The judge's key was refused for {graded.open} of the answers. Check it, then resume.")
    else:
        store.runs.set_status(run.id, "stopped", f"The key was refused for {left_open} of the calls. Check it, then resume.")
    return store.runs.get(run.id)


def _simulate(store: Store, run: Run, samples: Mapping[str, Sample], todo: list[Cell], stop: Stop, say: Callable[[int], None]) -> None:
    from tierwise.simulation.simulator import simulate

    tiers, seed = {t.name: t for t in run.tiers}, int(run.params.get("seed", 0))
    kept = 0
    for start in range(0, len(todo), BATCH):
        if stop:
            return
        batch = todo[start : start + BATCH]
        outcomes = [simulate(samples[s], tiers[t], seed, r) for s, t, r in batch]
        name, options = run.params["scorer"], run.params.get("scorer_options")
        asks = SCORERS[name].asks(options)  # models are asked when all answers are there
        store.runs.record(run.id, outcomes, () if asks else grade_outcomes(samples, outcomes, name, options))
        kept += len(batch)
        say(kept)


def _live(
    store: Store,
    run: Run,
    samples: Mapping[str, Sample],
    todo: list[Cell],
    stop: Stop,
    budget_usd: float | None,
    say: Callable[[int], None],
) -> int:
    if run.params.get("reuse"):
        found = reusable(store, run, samples, todo)
        store.runs.record(run.id, found.outcomes)
        answered = {(o.sample_id, o.tier, o.repeat) for o in found.outcomes}
        todo = [c for c in todo if c not in answered]
    cap = budget_usd if budget_usd is not None else run.params.get("budget_usd")
    lock, kept = threading.Lock(), [0]

    def count(_: object) -> None:
        with lock:
            kept[0] += 1
        say(kept[0])

    budgets = (of_run(store, run.id, cap), of_today(store), *of_person(store))
    live = LiveRun(store, run, samples, stop, budgets, count)
    with cluster.helping(store, run.id):
        work = background.submit(live.work(todo))
        try:
            work.result()
        except KeyboardInterrupt:
            stop.cancel()
            work.result()
    return live.left_open
