"""What production sends: a profile of a log, and what it does to the figures of a prompt set."""

from tierwise.traffic.mix import Difference, Reweighted, difference, effective, reweight, weighted
from tierwise.traffic.profile import MONTH_DAYS, UNTYPED, Tail, TrafficProfile, Usage, profile, profile_of_counts
from tierwise.traffic.projection import Projection, break_even_share, project
from tierwise.traffic.sample import Drawn, sample
from tierwise.traffic.seed import SeedCase, seed_case
from tierwise.traffic.weighing import Weighing, weighed

__all__ = [
    "MONTH_DAYS", "UNTYPED", "Difference", "Drawn", "Projection", "Reweighted", "SeedCase", "Tail", "TrafficProfile", "Usage",
    "Weighing", "break_even_share", "difference", "effective", "profile", "profile_of_counts", "project", "reweight", "sample", "seed_case", "weighed",
    "weighted",
]  # fmt: skip
