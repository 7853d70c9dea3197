"""Links that open one run or one policy for reading: nothing can be started from them, and opening one writes nothing."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

from tierwise.access.view import View
from tierwise.errors import BadInput, NotFound, NotReady
from tierwise.store import Store
from tierwise.store.shares import Kind, Share
from tierwise.types import Policy, Run, now

if TYPE_CHECKING:
    from tierwise.results import Row
    from tierwise.types import OutcomeMatrix

CLOSED = "This link opens nothing. It is wrong, it is over, or it was taken back; ask whoever sent it for a new one."
"""The one answer to every link that does not open, whatever the reason."""

LONGEST_DAYS = 365
MOST_ANSWERS = 2_000
"""Rows of prompts and answers that a link shows."""


@dataclass(frozen=True)
class Shared:
    """What a link shows, and nothing from which more could be asked."""

    share: Share
    run: Run | None = None
    matrix: OutcomeMatrix | None = None
    """Its prompts' texts are taken out unless they were shared."""
    policy: Policy | None = None
    answers: tuple[Row, ...] = ()
    """Prompt, tier, answer and grade, where these were shared."""
    more: int = 0
    """Rows beyond those."""


def share(view: View, kind: Kind, object_id: str, days: int, texts: bool = False) -> str:
    """Make a link; returns its token, which is kept nowhere.

    Args:
        texts: show prompts and answers too; of a run only.
    """
    if not 1 <= days <= LONGEST_DAYS:
        raise BadInput(f"A link holds for 1 to {LONGEST_DAYS} days, not {days}.")
    if kind == "policy" and texts:
        raise BadInput("A policy has no answers to show; share its run.")
    if texts:
        view.require("export_text")
    project = view.whole.project_of(**{kind: object_id}) or ""
    return view.shares.add(Share(kind, object_id, project, now() + timedelta(days=days), texts, view.person.label))


def links(view: View, object_id: str) -> list[Share]:
    """Those of a run or policy that still open, newest first."""
    return [s for s in view.shares.list() if s.object_id == object_id and s.open()]


def revoke(view: View, share_id: str) -> None:
    """Take a link of the project back; from now on it opens nothing."""
    view.shares.revoke(share_id)


def open_link(store: Store, token: str) -> Shared:
    """What a link shows.

    Raises:
        NotFound: it opens nothing; the same words for every reason.
    """
    found = store.shares.find(token) if isinstance(token, str) and 0 < len(token) <= 64 else None
    if found is None:
        raise NotFound(CLOSED)
    own = store.within(found.project_id)
    try:
        if found.kind == "policy":
            return Shared(found, policy=own.policies.get(found.object_id))
        run = own.runs.get(found.object_id)
    except NotFound:
        raise NotFound(CLOSED) from None
    return _run(own, run, found)


def _run(store: Store, run: Run, found: Share) -> Shared:
    from dataclasses import replace

    from tierwise.grading.grades import matrix
    from tierwise.results import result_rows

    try:
        graded = matrix(store, run.id)
    except NotReady:  # nothing is graded yet
        graded = None
    if not found.texts:
        if graded is not None:
            bare = tuple(replace(s, input="", reference=None, system=None, messages=(), context=None, metadata={}) for s in graded.samples)
            graded = replace(graded, samples=bare)
        return Shared(found, run, graded)
    rows = result_rows(store, run)
    return Shared(found, run, graded, answers=tuple(rows[:MOST_ANSWERS]), more=max(0, len(rows) - MOST_ANSWERS))
