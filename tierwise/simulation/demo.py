"""The working example: a shipped prompt set, run on the simulated ladder and graded, so that the first screen has something to show."""

from tierwise.store import Store
from tierwise.types import Run

EVALSET = "support-mix"
NAME = "Demo: support-mix"


def ensure_demo(store: Store) -> Run:
    """The demo run, made on the first call: under two seconds, no key, no network. A half-made one is finished."""
    from tierwise.evalsets import load_shipped
    from tierwise.runs.execute import execute
    from tierwise.runs.plan import create_run
    from tierwise.simulation.simulator import ladder

    runs = [r for r in store.runs.list() if r.params.get("demo")]
    run = runs[0] if runs else None
    if run is None:
        info = store.evalsets.add(load_shipped(EVALSET))
        run = create_run(store, info.id, ladder(), name=NAME, params={"demo": True, "scorer": "auto", "seed": 0})
    if run.status != "done":
        execute(store, run.id)
    return store.runs.get(run.id)
