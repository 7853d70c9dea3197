"""What a request to a model comes to: a reply, or a failure that says what may have been billed."""

import math
import time
from dataclasses import dataclass, fields
from email.utils import parsedate_to_datetime
from typing import Literal

from tierwise.types import Outcome

RETRIED = frozenset({408, 409, 425, 429})
"""Besides 5xx: statuses that may go away by themselves."""

GIVEN_UP = frozenset({408, 499, 504, 522, 524})
"""Something on the way stopped waiting: the model behind it may have answered, and been billed, all the same."""

Billed = Literal["no", "unknown"]


@dataclass(frozen=True)
class Reply:
    """What one request brought back."""

    status: Literal["ok", "truncated", "empty", "failed"]
    output: str | None
    error: str | None
    finish_reason: str | None
    prompt_tokens: int | None
    completion_tokens: int | None
    cost_usd: float | None
    """None where the tier is unpriced or the reply carried no token counts."""
    latency_s: float
    served_model: str | None
    first_token_s: float | None = None
    cached_tokens: int | None = None
    reasoning_tokens: int | None = None
    confidence: float | None = None
    """From logprobs; None where the endpoint gave none."""

    def outcome(self, sample_id: str, tier: str, repeat: int, call_key: str | None = None) -> Outcome:
        told = {f.name: getattr(self, f.name) for f in fields(self)}
        return Outcome(sample_id, tier, repeat, call_key=call_key, **told)


class CallFailed(Exception):
    """A request that brought no answer. The message holds no key."""

    def __init__(self, message: str, *, status: int | None, retry: bool, billed: Billed, retry_after_s: float | None = None) -> None:
        super().__init__(message)
        self.status = status
        """The HTTP status that arrived, or None."""
        self.retry = retry
        self.billed = billed
        """`unknown` where the provider may have answered all the same: a timeout, a lost connection, a reply that is no JSON."""
        self.retry_after_s = retry_after_s


def refused(status: int, said: str, retry_after: str | None) -> CallFailed:
    """A status that arrived in place of an answer; it was not billed, as far as it tells."""
    told = f"HTTP {status}: {said}"
    billed = "unknown" if status in GIVEN_UP else "no"
    return CallFailed(told, status=status, retry=status in RETRIED or status >= 500, billed=billed, retry_after_s=seconds(retry_after))


def too_long(status: int | None, said: str) -> CallFailed:
    return CallFailed(f"the prompt does not fit the model's context window: {said}", status=status, retry=False, billed="no")


def not_reached(said: str) -> CallFailed:
    return CallFailed(f"no connection: {said}", status=None, retry=True, billed="no")


def not_allowed(said: str) -> CallFailed:
    """An address that this process may not call (`addresses`): nothing was sent."""
    return CallFailed(f"not called: {said}", status=None, retry=False, billed="no")


def late() -> CallFailed:
    return CallFailed("no answer in time; it may have been billed", status=None, retry=True, billed="unknown")


def garbled() -> CallFailed:
    return CallFailed("the reply was not JSON; it may have been billed", status=None, retry=True, billed="unknown")


def lost() -> CallFailed:
    return CallFailed("the connection was lost; it may have been billed", status=None, retry=True, billed="unknown")


def cut_off() -> CallFailed:
    return CallFailed("the stream ended before the answer did; it may have been billed", status=None, retry=True, billed="unknown")


def too_large(most: int) -> CallFailed:
    told = f"the reply is larger than {most / 2**20:,.0f} MB and was not read to its end; it may have been billed"
    return CallFailed(told, status=None, retry=False, billed="unknown")


def unreadable(kind: str) -> CallFailed:
    told = f"the reply could not be understood ({kind}); it may have been billed"
    return CallFailed(told, status=None, retry=False, billed="unknown")


def seconds(value: str | None) -> float | None:
    """A Retry-After header in seconds from now, given so or as a date; nonsense is none."""
    if not value:
        return None
    try:
        found = float(value)
    except ValueError:
        try:
            found = parsedate_to_datetime(value).timestamp() - time.time()
        except (ValueError, TypeError, OverflowError):
            return None
    return min(max(found, 0.0), 300.0) if math.isfinite(found) else None
