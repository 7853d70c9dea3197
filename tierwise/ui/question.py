"""What Tune is asked: everything that a solved run depends on, as one key for what is kept of it."""

from typing import NamedTuple

from tierwise.tuning.aims import Aim
from tierwise.tuning.terms import Terms
from tierwise.types import Run
from tierwise.ui.state import project_id, store


class Question(NamedTuple):
    """Two questions that are equal have the same answer."""

    project: str
    run: str
    version: tuple[int, int]
    aim: Aim = Aim(max_loss=0.02)
    router: str = "auto"
    options: str = ""
    """The router's, as JSON text."""
    terms: Terms = Terms()
    traffic: str | None = None
    """Id of the profile whose mix figures are weighed by."""
    tiers: tuple[str, ...] = ()
    """All of the run's where empty."""
    mode: str = "standard"
    delta: float = 0.10
    whole: bool = False
    """Every prompt of a very large set, in place of some drawn at random."""


def of(run: Run, **more: object) -> Question:
    """The question about a run as it is now; what is not said is the default."""
    return Question(project_id(), run.id, store().runs.version(run.id), **more)
