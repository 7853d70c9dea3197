"""After a policy is in use: watching it by shadow sampling, seeing that traffic has changed, and what learning as one goes would do."""

from tierwise.adaptive.advice import Standing, standing
from tierwise.adaptive.alarm import Alarm, first_alarms, pairs_to_alarm, run_length
from tierwise.adaptive.bandits import BANDITS
from tierwise.adaptive.drift import Drift, drift, mix_drift
from tierwise.adaptive.off_policy import OffPolicy, off_policy
from tierwise.adaptive.pairs import Pair, pairs_of, read_pairs
from tierwise.adaptive.replay import replay
from tierwise.adaptive.replayed import Replayed
from tierwise.adaptive.shadow import Plan, plan, with_shadow
from tierwise.adaptive.stream import Change

__all__ = [
    "BANDITS", "Alarm", "Change", "Drift", "OffPolicy", "Pair", "Plan", "Replayed", "Standing", "drift", "first_alarms", "mix_drift",
    "off_policy", "pairs_of", "pairs_to_alarm", "plan", "read_pairs", "replay", "run_length", "standing", "with_shadow",
]  # fmt: skip
