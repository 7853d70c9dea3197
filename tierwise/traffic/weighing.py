"""A graded run weighed by the mix of a traffic log, and what is to be remembered of it wherever its figures go."""

from dataclasses import asdict, dataclass
from typing import Any

from tierwise.errors import NotReady
from tierwise.traffic.mix import reweight, weighted
from tierwise.traffic.profile import TrafficProfile
from tierwise.types import OutcomeMatrix


@dataclass(frozen=True)
class Weighing:
    """Which traffic figures are weighed by, and how well the prompts stand for it."""

    profile: str
    """Id of the profile."""
    name: str
    requests: int
    """In the log."""
    n: int
    """Prompts of types that the traffic has."""
    effective: float
    """As many equally weighted prompts would say as much."""
    unmatched_share: float
    """Of the requests: types that no prompt has."""

    def to_json(self) -> dict[str, Any]:
        return asdict(self)

    @property
    def words(self) -> str:
        """One sentence; the log's name is a person's text."""
        unmatched = f"; {self.unmatched_share:.0%} of its requests are of types without a prompt" if self.unmatched_share > 0 else ""
        return (
            f"Weighed by the mix of {self.requests:,} requests ({self.name}): {self.n:,} prompts count as {self.effective:,.0f}{unmatched}."
        )


def weighed(matrix: OutcomeMatrix, profile: TrafficProfile) -> tuple[OutcomeMatrix, Weighing]:
    """The graded run in the mix of the traffic; prompts of types that it does not have are left out.

    Raises:
        NotReady: the traffic has no request types, or none that a prompt has.
    """
    mix = profile.mix
    if not mix:
        raise NotReady(
            f"The traffic {profile.name!r} has no request types, so it has no mix. Import it again and say which key holds them."
        )
    complete = matrix.take(matrix.complete) if not matrix.complete.all() and matrix.complete.any() else matrix
    found = reweight(complete, mix)
    used = int((found.weights > 0).sum())
    return weighted(matrix, mix), Weighing(profile.id, profile.name, profile.requests, used, found.effective, found.missing_share)
