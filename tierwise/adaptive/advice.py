"""Is it time to tune again? One word for a policy, from all that is known of it by now."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from tierwise.adaptive.alarm import LIMIT, Alarm
from tierwise.adaptive.drift import Drift
from tierwise.adaptive.pairs import Pair
from tierwise.adaptive.shadow import tolerated_loss
from tierwise.errors import NotReady
from tierwise.statistics.intervals import tango
from tierwise.types import Policy, now

Word = Literal["holds", "look", "tune again"]
PLAIN: dict[str, str] = {"holds": "It holds", "look": "Look at it", "tune again": "Tune again"}
FRESH = 200
"""Prompts to tune again on, of after the change."""


@dataclass(frozen=True)
class Standing:
    """What is known of a policy in use, and what to do."""

    policy: Policy
    word: Word
    reasons: tuple[str, ...]
    next_step: str
    alarm: Alarm | None
    drift: Drift | None
    loss: float | None
    """Mean of the shadow pairs' losses, over routed-down requests."""
    loss_ci95: tuple[float, float] | None

    def to_json(self) -> dict[str, Any]:
        a = self.alarm
        told = None
        if a is not None:
            told = {"pairs": a.pairs, "evidence": a.level, "limit": a.limit, "tolerated": a.tolerated, "rang_at": a.rang_at,
                    "change_at": a.change_at, "loss": self.loss, "loss_ci95": list(self.loss_ci95) if self.loss_ci95 else None}  # fmt: skip
        return {"policy": self.policy.id, "standing": self.word, "reasons": list(self.reasons), "next": self.next_step, "alarm": told,
                "drift": self.drift.to_json() if self.drift else None}  # fmt: skip


def standing(policy: Policy, pairs: Sequence[Pair] = (), traffic: Drift | None = None, tolerated: float | None = None) -> Standing:
    """Put the alarm, the drift of traffic and the policy's own date together.

    An alarm means that answers are worse: tune again. Drift alone means that the figures were made for other traffic: look. Neither is
    taken from a single glance: the alarm may be asked after every pair, and the checks of drift are corrected for being many.

    Args:
        pairs: shadow pairs since the policy went into use, in the order of time.
        tolerated: mean loss of routed-down requests that is accepted; the policy's own setting otherwise.
    """
    watch = policy.document.get("shadow", {})
    alarm = None
    if pairs:
        allowed = tolerated if tolerated is not None else watch.get("tolerated_loss")
        if allowed is None:
            try:
                allowed = tolerated_loss(policy)
            except NotReady:
                allowed = 0.03
        alarm = Alarm(float(allowed), float(watch.get("alarm_at", LIMIT))).after(p.loss for p in pairs)
    reasons = [alarm.says] if alarm else []
    if alarm and alarm.ringing and (when := pairs[alarm.change_at - 1].at):
        reasons.append(f"That is since about {when:%Y-%m-%d}.")
    if traffic is not None:
        reasons += traffic.lines
    expires = policy.document.get("expires")
    stale = bool(expires and expires < f"{now().isoformat()}Z")
    if stale:
        reasons.append(f"The policy was to be renewed by {expires[:10]}.")
    word: Word = "holds"
    if alarm and alarm.ringing:
        word = "tune again"
        step = f"Draw {FRESH} prompts or more from requests since the change, run them on every tier, and tune. Until then, send them up."
    elif (traffic and traffic.found) or stale:
        word = "look"
        step = "Draw a prompt set from the present traffic, run it, and ask `gate` whether the policy keeps its limits there."
    elif alarm is None and traffic is None:
        step = "Nothing was measured yet: give shadow pairs, or prompts of the present traffic."
        word = "look"
    else:
        step = "Keep sampling."
    loss, ci = _mean([p.loss for p in pairs])
    return Standing(policy, word, tuple(reasons), step, alarm, traffic, loss, ci)


def _mean(losses: Sequence[float]) -> tuple[float | None, tuple[float, float] | None]:
    if not losses:
        return None, None
    d = np.asarray(losses, float)
    mean = float(d.mean())
    if np.isin(d, (-1.0, 0.0, 1.0)).all():
        return mean, tango(int((d > 0).sum()), int((d < 0).sum()), len(d), 1.959963984540054)
    half = 1.96 * float(d.std(ddof=1)) / np.sqrt(len(d)) if len(d) > 1 else 1.0
    return mean, (max(mean - half, -1.0), min(mean + half, 1.0))
