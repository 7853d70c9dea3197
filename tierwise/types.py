"""The nouns of Tierwise. Frozen: a correction is a new row, never a change in place."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from functools import cached_property
from typing import Any, Literal

import numpy as np

RunKind = Literal["live", "simulated", "recorded"]
RunStatus = Literal["planned", "running", "done", "cancelled", "stopped", "failed"]
OutcomeStatus = Literal["ok", "truncated", "empty", "failed"]


def now() -> datetime:
    """The present, in UTC without a zone mark, as the store keeps it."""
    return datetime.now(UTC).replace(tzinfo=None)


@dataclass(frozen=True)
class Sample:
    """One prompt of a set, with what is needed to grade its answers."""

    id: str
    input: str
    """The user's text. Empty where `messages` is given, and for a prompt that is empty itself."""
    reference: str | None = None
    """The right answer, for scorers that compare."""
    request_type: str | None = None
    """What kind of request this is, such as extraction; policies may route by it."""
    system: str | None = None
    messages: tuple[Mapping[str, str], ...] = ()
    """A whole conversation of {role, content}; takes the place of `input` when given."""
    context: str | None = None
    """A document the question is about; sent before the input, separated by a blank line."""
    cluster: str | None = None
    """Prompts made from one template or one source share a cluster, and are one unit of evidence."""
    weight: float = 1.0
    metadata: Mapping[str, Any] = field(default_factory=dict)

    def chat(self) -> list[dict[str, str]]:
        """The messages as sent to a model; routers see the same ones."""
        system = [{"role": "system", "content": self.system}] if self.system else []
        if self.messages:
            return system + [dict(m) for m in self.messages]
        text = f"{self.context}\n\n{self.input}" if self.context else self.input
        return [*system, {"role": "user", "content": text}]

    def request_metadata(self) -> dict[str, str]:
        """What a gateway would be told about this request beside its messages; values are text."""
        told = {k: v if isinstance(v, str) else str(v) for k, v in self.metadata.items() if isinstance(v, str | int | float | bool)}
        return told | ({"request_type": self.request_type} if self.request_type else {})


@dataclass(frozen=True)
class EvalSet:
    """A named prompt set; `digest` is the SHA-256 of its content, so equal content is the same version."""

    id: str
    name: str
    digest: str
    samples: tuple[Sample, ...]
    source: str = ""
    created_at: datetime = field(default_factory=now)


@dataclass(frozen=True)
class EvalSetInfo:
    """What a list of prompt sets shows, without the prompts."""

    id: str
    name: str
    digest: str
    size: int
    with_reference: int
    request_types: tuple[str, ...]
    source: str
    created_at: datetime


@dataclass(frozen=True)
class Tier:
    """A place in the ordered list of models, cheapest first."""

    name: str
    model: str
    """The LiteLLM model name; `sim/...` is a simulated model."""
    api_base: str | None = None
    api_key_env: str | None = None
    """The NAME of the environment variable that holds the key; the key itself is never stored."""
    input_per_1m: float | None = None
    """US dollars for a million prompt tokens; None means unpriced, which is not the same as free."""
    output_per_1m: float | None = None
    params: Mapping[str, Any] = field(default_factory=dict)
    fallbacks: tuple[str, ...] = ()
    cached_input_per_1m: float | None = None
    """For prompt tokens that the provider had cached; None charges them in full."""
    rpm: float | None = None
    """Requests a minute that the endpoint allows; calls beyond it wait."""
    tpm: float | None = None
    """Tokens a minute, likewise."""
    timeout_s: float | None = None
    """Seconds after which a call is given up; the run's own where None."""
    system: str | None = None
    """A system prompt of this tier's own, in place of the sample's."""

    @property
    def simulated(self) -> bool:
        return self.model.startswith("sim/")

    def served_by(self, model: str | None) -> bool:
        """Whether the model that a reply names is the one asked for, as far as names tell; a dated version of it is."""
        asked, served = self.model.rpartition("/")[2].lower(), (model or "").lower()
        return not served or asked in served or served in self.model.lower()


@dataclass(frozen=True)
class Run:
    """One prompt set over one ladder of tiers."""

    id: str
    name: str
    evalset_id: str
    kind: RunKind
    tiers: tuple[Tier, ...]
    """Cheapest first; the last is the frontier tier."""
    status: RunStatus = "planned"
    params: Mapping[str, Any] = field(default_factory=dict)
    """Seed, repeats, scorer and what else the run was started with."""
    created_at: datetime = field(default_factory=now)
    note: str = ""

    @property
    def simulated(self) -> bool:
        return self.kind == "simulated"


@dataclass(frozen=True)
class Outcome:
    """What one tier answered to one sample, once."""

    sample_id: str
    tier: str
    repeat: int = 0
    status: OutcomeStatus = "ok"
    output: str | None = None
    error: str | None = None
    finish_reason: str | None = None
    prompt_tokens: int | None = None
    completion_tokens: int | None = None
    cost_usd: float | None = None
    """None where the price or the token counts are unknown."""
    latency_s: float | None = None
    served_model: str | None = None
    created_at: datetime = field(default_factory=now)
    first_token_s: float | None = None
    """Seconds to the first piece of a streamed answer."""
    cached_tokens: int | None = None
    """Of the prompt tokens, those that the provider had cached."""
    reasoning_tokens: int | None = None
    """Of the completion tokens, those spent on thinking."""
    confidence: float | None = None
    """The model's own, in [0, 1]: the mean probability of the tokens it wrote (geometric), where the endpoint gave logprobs."""
    call_key: str | None = None
    """Digest of all that decided the answer: model, endpoint, parameters, messages."""
    reused_from: str | None = None
    """The run whose answer to the same call was taken instead of paying again."""


@dataclass(frozen=True)
class Grade:
    """One judgement of one outcome; appended, never changed."""

    sample_id: str
    tier: str
    value: float | None
    """In [0, 1], or None when it could not be graded; `reason` then says why."""
    scorer: str
    repeat: int = 0
    reason: str | None = None
    author: str = "tierwise"
    explanation: str = ""
    created_at: datetime = field(default_factory=now)
    provenance: str | None = None
    """Where models graded: a JSON object with the models asked, those that served, the prompt's version and the attempts on the ledger."""


@dataclass(frozen=True)
class OutcomeMatrix:
    """A graded run as arrays, n prompts by K tiers: all that tuning needs.

    Repeats of a cell are averaged. Unscored cells and unknown costs are NaN, never zero.
    """

    run: Run
    samples: tuple[Sample, ...]
    quality: np.ndarray
    """(n, K) mean grade in [0, 1]."""
    cost: np.ndarray
    """(n, K) US dollars a request."""
    latency: np.ndarray
    """(n, K) seconds."""
    truncated: np.ndarray
    """(n, K) bool: the answer was cut off."""
    failed: np.ndarray
    """(n, K) bool: the call gave no answer."""
    scorer: str = ""
    confidence: np.ndarray | None = None
    """(n, K) in [0, 1] of each answer, from its logprobs or from a judge's grade that does not count; NaN where there is none."""

    @property
    def tiers(self) -> tuple[str, ...]:
        return tuple(t.name for t in self.run.tiers)

    def __len__(self) -> int:
        return len(self.samples)

    @cached_property
    def request_types(self) -> np.ndarray:
        """(n,) text; prompts without a type are 'untyped'."""
        return np.array([s.request_type or "untyped" for s in self.samples], dtype=object)

    @cached_property
    def weights(self) -> np.ndarray:
        """(n,) as given with the prompts, scaled to mean 1."""
        w = np.array([s.weight for s in self.samples], dtype=float)
        return w / w.mean() if len(w) else w

    @cached_property
    def clusters(self) -> np.ndarray:
        """(n,) integer codes; a prompt without a cluster is one of its own."""
        names = [s.cluster if s.cluster is not None else f"\0{i}" for i, s in enumerate(self.samples)]
        return np.unique(np.array(names, dtype=object).astype(str), return_inverse=True)[1]

    @cached_property
    def complete(self) -> np.ndarray:
        """(n,) bool: graded and priced on every tier; only these can be tuned on."""
        return np.isfinite(self.quality).all(1) & np.isfinite(self.cost).all(1)

    def take(self, rows: np.ndarray) -> "OutcomeMatrix":
        """The same matrix for some rows (integer positions or a bool mask)."""
        index = np.arange(len(self))[rows]
        return replace(
            self,
            samples=tuple(self.samples[i] for i in index),
            quality=self.quality[index],
            cost=self.cost[index],
            latency=self.latency[index],
            truncated=self.truncated[index],
            failed=self.failed[index],
            confidence=None if self.confidence is None else self.confidence[index],
        )


@dataclass(frozen=True)
class OperatingPoint:
    """Thresholds with what they cost and keep."""

    thresholds: tuple[float, ...]
    """One a boundary, cheapest first, non-decreasing: the tier is the number of thresholds <= the router score."""
    quality: float
    cost_per_1k_usd: float
    loss: float
    """Frontier quality minus this quality, paired by prompt, in quality units (0.01 = 1 point)."""
    saving: float
    """Share of the always-frontier cost that is not spent."""
    share_by_tier: tuple[float, ...]


@dataclass(frozen=True)
class Policy:
    """An exported decision: immutable, versioned, held as the JSON document of its schema."""

    id: str
    name: str
    version: str
    run_id: str
    document: Mapping[str, Any]
    """As `tierwise/policy.schema.json` describes it; `tierwise.policy` makes and checks it."""
    created_at: datetime = field(default_factory=now)
