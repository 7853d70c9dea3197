"""A person at work on a queue: what to grade next, and what has been said so far. Nothing is held in memory: a reload loses nothing."""

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from uuid import uuid4

import numpy as np
import pandas as pd

from tierwise.errors import BadInput, NotReady
from tierwise.evalsets.content import evalset_of
from tierwise.grading import criteria
from tierwise.grading.anchors import due
from tierwise.grading.grades import AUTOMATIC, UNDONE, record_manual
from tierwise.grading.human import human_grades
from tierwise.grading.queue import queue, shown
from tierwise.store import Store
from tierwise.store.reviews import Comparison, GradingSession, Item, Mark, Scale
from tierwise.types import EvalSetInfo, OutcomeMatrix, Run

VALUES: dict[Scale, tuple[float, ...]] = {
    "pass_fail": (0.0, 1.0),
    "one_to_five": (0.0, 0.25, 0.5, 0.75, 1.0),
    "criteria": (0.0, 0.25, 0.5, 0.75, 1.0),
    "pairwise": (1.0, 0.5, 0.0),
}
"""What the keys 1, 2, .. stand for; of a pair: the first is better, a tie, the second is better. Of criteria each is said so in turn."""


def start_session(
    store: Store, matrix: OutcomeMatrix, rater: str, choice: np.ndarray | None = None, scale: Scale = "pass_fail", **options
) -> GradingSession:
    """Draw a queue for a graded run and keep it. For `options` see `GradingSession`.

    Raises:
        BadInput: no name, or one that stands for automatic grades; a scale that is not known.
    """
    if scale not in VALUES:
        raise BadInput(f"There is no scale called {scale!r}. There are: {', '.join(VALUES)}.")
    if (scale == "criteria") != bool(options.get("criteria")):
        raise BadInput("The scale called criteria needs criteria, and no other has them.")
    session = GradingSession(uuid4().hex[:12], matrix.run.id, rater_name(rater), scale, matrix.scorer, **options)
    # strata by what people said would no longer be drawn from at random
    judged = replace(matrix, quality=human_grades(store, matrix).judge)
    return store.reviews.start(session, queue(judged, choice, session.seed, session.every_tier))


def rater_name(name: str) -> str:
    """A name that grades can carry.

    Raises:
        BadInput: empty, too long, or the one that stands for automatic grades.
    """
    name = " ".join(name.split())
    if not name or len(name) > 80:
        raise BadInput("Say who is grading: a name of at most 80 letters.")
    if name == AUTOMATIC:
        raise BadInput(f"{AUTOMATIC!r} stands for automatic grades; choose another name.")
    return name


@dataclass(frozen=True)
class Turn:
    """What is to be graded now."""

    item: Item
    shown: tuple[str, ...]
    """The answers of the prompt, in the order of the screen."""
    at: int
    """Which of them is to be graded; 0 for a pair."""
    criterion: int = 0
    """Which of the session's criteria is asked; those before it have been said."""
    again: bool = False
    """Graded by this person before, and asked again to see whether they say the same."""

    @property
    def tier(self) -> str:
        return self.shown[self.at]


@dataclass(frozen=True)
class Said:
    """One thing that this person said."""

    sample_id: str
    tier: str
    kind: str
    """`grade`, `skip` or `comparison`."""
    value: float | None
    created_at: pd.Timestamp


class Desk:
    """One rater in one session. Make a new one after every act: what was said is read once."""

    def __init__(self, store: Store, session: GradingSession, rater: str, items: Sequence[Item] | None = None) -> None:
        self.store, self.session, self.rater = store, session, rater_name(rater)
        self.items = items if items is not None else store.reviews.items(session.id)

    @cached_property
    def said(self) -> dict[tuple[str, str], Said]:
        """What stands, by (sample_id, tier), the oldest first; a pair is kept under its first answer."""
        reviews, run = self.store.reviews, self.session.run_id
        found: list[Said] = []
        if self.session.scale == "pairwise":
            rows = reviews.comparisons(run, self.rater).drop_duplicates("sample_id", keep="last").dropna(subset="result")
            found += [Said(r.sample_id, r.first_tier, "comparison", r.result, r.created_at) for r in rows.itertuples()]
        else:
            rows = self._grades[self._grades["value"].notna()]
            found += [Said(r.sample_id, r.tier, "grade", r.value, r.created_at) for r in rows.itertuples()]
        skips = self._marks[self._marks["kind"].isin(["skip", "unskip"])].drop_duplicates(["sample_id", "tier"], keep="last")
        found += [Said(r.sample_id, r.tier, "skip", None, r.created_at) for r in skips[skips["kind"] == "skip"].itertuples()]
        mine = {i.sample_id for i in self.items}
        return {(s.sample_id, s.tier): s for s in sorted(found, key=lambda s: s.created_at) if s.sample_id in mine}

    def order(self, item: Item) -> tuple[str, ...]:
        """The answers as this rater sees them; of a pair, the one chosen and the last tier."""
        tiers = replace(item, tiers=(item.tiers[0], item.tiers[-1])) if self.session.scale == "pairwise" else item
        return shown(tiers, self.session.seed, self.rater)

    def open(self, item: Item) -> int | None:
        """The first answer of a prompt that this rater has neither graded nor skipped."""
        order = self.order(item)
        if self.session.scale == "pairwise":
            return None if any((item.sample_id, t) in self.said for t in order) else 0
        return next((k for k, t in enumerate(order) if (item.sample_id, t) not in self.said), None)

    def turn(self) -> Turn | None:
        """What was left open, else a prompt that this rater takes now; None when the queue has no more for them."""
        if (again := self._anchor()) is not None:
            return again
        for position in self.store.reviews.claimed(self.session.id, self.rater):
            item = self.items[position]
            at = self.open(item)
            if at is not None:
                return self._turn(item, at)
        while (position := self.store.reviews.claim(self.session, self.rater)) is not None:
            item = self.items[position]
            at = self.open(item)
            if at is not None:
                return self._turn(item, at)
        return None

    def asks(self, turn: Turn) -> bool:
        """Whether this is still to be said: a key pressed twice, or in another tab, must not grade the next answer."""
        if turn.again:
            return self.turn() == turn
        return self.open(turn.item) == turn.at and len(self.criteria_said(turn.item.sample_id, turn.tier)) == turn.criterion

    def _turn(self, item: Item, at: int, again: bool = False) -> Turn:
        order = self.order(item)
        return Turn(item, order, at, len(self.criteria_said(item.sample_id, order[at])), again)

    def _anchor(self) -> Turn | None:
        """An answer to ask again, where one is due."""
        every = self.session.anchors
        if not every or self.session.scale == "pairwise" or len(self.said) < every:
            return None
        graded = [(s.sample_id, s.tier) for s in self.said.values() if s.kind == "grade"]
        found = due(self._history, graded, every, self.session.seed)
        item = next((i for i in self.items if found and i.sample_id == found[0]), None)
        order = self.order(item) if item else ()
        return self._turn(item, order.index(found[1]), again=True) if item and found[1] in order else None

    def criteria_said(self, sample_id: str, tier: str) -> list[float]:
        """What this rater said of the first criteria of an answer, since its newest grade."""
        if self.session.scale != "criteria":
            return []
        return criteria.said(self._marks, self._grades, sample_id, tier)

    @cached_property
    def _marks(self) -> pd.DataFrame:
        return self.store.reviews.marks(self.session.run_id, self.rater)

    @cached_property
    def _history(self) -> pd.DataFrame:
        return self.store.reviews.history_of(self.session.run_id, self.rater)

    @cached_property
    def _grades(self) -> pd.DataFrame:
        """This person's newest row on each answer."""
        return self._history.drop_duplicates(["sample_id", "tier"], keep="last")

    def grade(self, turn: Turn, value: float) -> None:
        """Say it, and keep it. Of criteria each is kept as it is said, and the last one makes the grade: their weighted mean."""
        if self.session.scale == "criteria":
            self._criterion(turn, float(value))
        elif self.session.scale == "pairwise":
            first, second = turn.shown
            self.store.reviews.add_comparison(self.session.run_id, Comparison(turn.item.sample_id, first, second, float(value), self.rater))
        else:
            record_manual(self.store, self.session.run_id, turn.item.sample_id, turn.tier, value, self.rater)

    def _criterion(self, turn: Turn, value: float) -> None:
        asked, values = self.session.criteria, [*self.criteria_said(turn.item.sample_id, turn.tier), value]
        if len(values) < len(asked):
            self.mark(turn, "criterion", json.dumps({"name": asked[len(values) - 1][0], "value": value}, ensure_ascii=False))
        else:
            mean, told, kept = criteria.weighed(asked, values)
            record_manual(self.store, self.session.run_id, turn.item.sample_id, turn.tier, mean, self.rater, told, provenance=kept)

    def skip(self, turn: Turn) -> None:
        """Leave it to somebody else."""
        self.mark(turn, "skip")

    def mark(self, turn: Turn, kind: str, text: str = "") -> None:
        self.store.reviews.add_mark(self.session.run_id, Mark(turn.item.sample_id, kind, self.rater, turn.tier, text))
        self.__dict__.pop("_marks", None)

    def flagged(self, turn: Turn) -> bool:
        rows = self._marks
        rows = rows[(rows["sample_id"] == turn.item.sample_id) & (rows["tier"] == turn.tier) & rows["kind"].isin(["flag", "unflag"])]
        return bool(len(rows)) and rows["kind"].iloc[-1] == "flag"

    def last(self) -> Said | None:
        """The newest thing that stands."""
        return next(reversed(self.said.values()), None)

    def undo(self) -> Said | None:
        """Take the newest back with a new row; it is then open again. None when there is nothing to take back, or only a criterion was."""
        if self.session.scale == "criteria" and (turn := self.turn()) is not None and turn.criterion:
            self.mark(turn, "uncriterion")
            return None
        said = self.last()
        if said is None:
            return None
        run = self.session.run_id
        if said.kind == "grade":
            record_manual(self.store, run, said.sample_id, said.tier, None, self.rater, reason=UNDONE)
        elif said.kind == "skip":
            self.store.reviews.add_mark(run, Mark(said.sample_id, "unskip", self.rater, said.tier))
        else:
            order = self.order(next(i for i in self.items if i.sample_id == said.sample_id))
            self.store.reviews.add_comparison(run, Comparison(said.sample_id, *order, None, self.rater))
        del self.said[(said.sample_id, said.tier)]
        return said

    def finished(self) -> int:
        """Prompts of the queue that this rater is done with."""
        touched = {sample_id for sample_id, _ in self.said}
        return sum(self.open(i) is None for i in self.items if i.sample_id in touched)

    def against_judge(self) -> tuple[int, int]:
        """(equal, both graded): answers on which this rater and the automatic grader fall on the same level."""
        from tierwise.statistics.calibration import nearest

        grades = [s for s in self.said.values() if s.kind == "grade"]
        judge = self.store.reviews.automatic(self.session.run_id, self.session.scorer, list({s.sample_id for s in grades}))
        pairs = np.array([(s.value, v) for s in grades if (v := judge.get((s.sample_id, s.tier))) is not None]).reshape(-1, 2)
        scale = VALUES[self.session.scale]
        return int((nearest(pairs[:, 0], scale) == nearest(pairs[:, 1], scale)).sum()), len(pairs)


@dataclass(frozen=True)
class Corrected:
    """What correcting a reference did."""

    evalset: EvalSetInfo
    runs: tuple[Run, ...]
    """Runs that were graded against an older version, and keep it."""


def correct_reference(store: Store, run: Run, sample_id: str, reference: str, rater: str) -> Corrected:
    """Keep a new version of the run's prompt set with another right answer for one prompt. The version in use does not change.

    Corrections add up: each starts from the newest version of the same name that has the same prompts.

    Raises:
        NotReady: the answer is what it was.
    """
    used = store.evalsets.get(run.evalset_id)
    prompts = [(s.id, s.input) for s in used.samples]
    newest = store.evalsets.get(used.name)
    base = newest if [(s.id, s.input) for s in newest.samples] == prompts else used
    samples = [replace(s, reference=reference.strip() or None) if s.id == sample_id else s for s in base.samples]
    if samples == list(base.samples):
        raise NotReady("The right answer is already that.")
    source = f"version {base.digest[:8]} with the right answer of {sample_id} corrected by {rater_name(rater)}"
    info = store.evalsets.add(evalset_of(base.name, samples, source))
    family = {e.id for e in store.evalsets.list() if e.name == base.name} - {info.id}
    return Corrected(info, tuple(r for r in store.runs.list() if r.evalset_id in family))
