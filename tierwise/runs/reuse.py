"""Answers that were paid for before: the same call to the same model is not sent twice, when the user so wishes."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from tierwise.runs.plan import max_tokens
from tierwise.runs.prompts import call_key, messages
from tierwise.store import Store
from tierwise.store.runs import Cell
from tierwise.types import Outcome, Run, Sample


@dataclass(frozen=True)
class Reused:
    """What earlier runs can answer."""

    outcomes: tuple[Outcome, ...]
    asked: int

    @property
    def hit_rate(self) -> float:
        return len(self.outcomes) / self.asked if self.asked else 0.0

    @property
    def saved_usd(self) -> float:
        """What the calls cost when they were made."""
        return sum(o.cost_usd or 0.0 for o in self.outcomes)


def reusable(store: Store, run: Run, samples: Mapping[str, Sample], cells: Sequence[Cell]) -> Reused:
    """Outcomes for cells whose very call was answered in an earlier run, newest first. Repeats are meant to differ, so only the first is taken.

    An outcome keeps its tokens, cost and latency, which are facts of the call, and names the run it comes from.
    """
    tiers = {t.name: t for t in run.tiers}
    keys = {}
    for sample_id, tier, repeat in cells:
        if repeat == 0 and not tiers[tier].simulated:
            chat = messages(samples[sample_id], run, tiers[tier])
            keys[sample_id, tier] = call_key(chat, tiers[tier], max_tokens(tiers[tier]))
    known = store.runs.answered(set(keys.values()), besides=run.id)
    found = [replace(known[key], sample_id=cell[0], tier=cell[1], repeat=0) for cell, key in keys.items() if key in known]
    return Reused(tuple(found), len(cells))
